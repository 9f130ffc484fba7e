/** The duty that keeps the column files: looks whether some are due, once a minute, and once a day for what was left over. */
import { DAY_MS, MINUTE_MS } from '../../../protocol/time.ts';
import type { Clock } from '../../clock.ts';
import type { Engine } from '../../engine.ts';
import { Duty } from '../../maintenance/duty.ts';
import type { ObjectStore } from '../../objects/store.ts';
import type { AnalyticsService } from '../analytics.ts';
import { planColumns } from './plan.ts';
import { sweepColumns } from './sweeping.ts';
import { writeColumns } from './writing.ts';

const FAILURE_MS = 5 * MINUTE_MS;

export function keepingColumns({
  engine,
  store,
  clock,
  analytics,
  log,
  strays_only,
}: {
  engine: Engine;
  store: ObjectStore;
  clock: Clock;
  analytics: AnalyticsService;
  log: (level: 'info' | 'warn', message: string) => void;
  /** Only removes rows that no longer count, which an erasure waits for; nothing is added. */
  strays_only: boolean;
}): Duty {
  let sweep_ms = clock.monotonic() + MINUTE_MS;
  const make = (now_ms: number) => analytics.makeColumns(now_ms);
  return new Duty({
    name: 'column files',
    clock,
    failure_ms: FAILURE_MS,
    log,
    run: async () => {
      // Looking costs nothing; making starts a process.
      const strays = engine.state.tables.column_strays.size > 0;
      const due = strays_only ? strays : analytics.damaged || planColumns(engine.state, engine.journal.now()) !== null;
      if (due && (await writeColumns({ engine, store, make })) > 0) return { again_ms: 0 };
      if (clock.monotonic() >= sweep_ms) {
        await sweepColumns(store, engine);
        sweep_ms = clock.monotonic() + DAY_MS;
      }
      return { again_ms: MINUTE_MS };
    },
  });
}
