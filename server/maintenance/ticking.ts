/**
 * The passing of time: submits a tick when a timer is due, and periodically for the alerts. A tick with nothing to do
 * writes no segment, so an idle fleet costs nothing.
 *
 * No lease expires and no silence counts for one lease time after a period in which workers could not report: after a
 * start, while the store accepts no writes, and after this process was suspended for half a lease.
 */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { newId, newUlid } from '../ids.ts';
import { UNREMEMBERED } from '../state-machine/apply/apply.ts';
import { nextDue } from '../state-machine/decide/time.ts';
import { nextToJudge } from '../state-machine/decide/verdicts.ts';
import { Duty } from './duty.ts';
import type { StoreRules } from './store-rules.ts';

/** Interval at which alert rules, and everything else without a timer, are evaluated. */
const ALERTS_MS = 5_000;
/** The same while jobs run: a dead worker is to be found within 10 s of the first heartbeat that it misses. */
const VERDICTS_MS = 2_000;
/** Interval between ticks while many timers are due. */
const SOONEST_MS = 20;
const LATEST_MS = 1_000;
/** Alerts that one tick may raise. */
const ALERT_IDS = 8;

export type TickingOptions = {
  engine: Engine;
  clock: Clock;
  log: (level: 'warn', message: string) => void;
  rules?: StoreRules;
};

export function ticking({ engine, clock, log, rules }: TickingOptions): Duty {
  const { lease_ms } = engine.policy;
  let spared_until_ms = clock.monotonic() + lease_ms;
  let turned_ms = clock.monotonic();
  let turned_at_ms = engine.journal.now();
  let alerts_ms = 0;
  let judge_from = 0;
  return new Duty({
    name: 'ticking',
    clock,
    failure_ms: LATEST_MS,
    log,
    async run() {
      const now_ms = clock.monotonic();
      const at_ms = engine.journal.now();
      // Log time includes a suspend of the machine; its monotonic clock may not.
      const away_ms = Math.max(now_ms - turned_ms, at_ms - turned_at_ms);
      if (!engine.journal.status.writable || away_ms > LATEST_MS + lease_ms / 2) spared_until_ms = now_ms + lease_ms;
      turned_ms = now_ms;
      turned_at_ms = at_ms;
      const expire = now_ms >= spared_until_ms;
      const wait_ms = (nextDue(engine.state) ?? Number.POSITIVE_INFINITY) - engine.journal.now();
      const alerts = now_ms >= alerts_ms;
      if ((wait_ms <= 0 || alerts) && engine.journal.status.writable) {
        const runs = engine.state.tables.jobs_by_state.PROCESSING.size > 0;
        const next_from = nextToJudge(engine.state, judge_from);
        alerts_ms = now_ms + (next_from > 0 ? LATEST_MS / 2 : runs ? VERDICTS_MS : ALERTS_MS);
        const ids = Array.from({ length: ALERT_IDS }, () => newId('alert'));
        const before = engine.state.seq;
        await engine.submit({
          id: `${UNREMEMBERED}${newUlid()}`,
          fingerprint: '',
          actor: 'monitor',
          body: { type: 'tick', ids, expire, store_rule: rules?.harm, judge_from },
        });
        judge_from = next_from;
        // The events of this tick may raise an alert.
        if (engine.state.seq !== before) alerts_ms = 0;
        // A due timer without an event is being spared: retry later.
        else if (wait_ms <= 0) return { again_ms: LATEST_MS };
      }
      const next_ms = (nextDue(engine.state) ?? Number.POSITIVE_INFINITY) - engine.journal.now();
      return { again_ms: Math.min(LATEST_MS, Math.max(SOONEST_MS, next_ms)) };
    },
  });
}
