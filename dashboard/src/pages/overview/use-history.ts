/** Hours and days of the past. They load again when the system's state changes, at most twice a minute. */
import { useEffect, useRef, useState } from 'react';
import type { MetricsPeriod } from '../../../../protocol/system.ts';
import { useLive, useValue } from '../../live/use-live.ts';

const AGAIN_MS = 30_000;
const HOUR_MS = 3_600_000;

export type Step = 'hour' | 'day';

/** Null until they are known. */
export function useHistory(step: Step, periods: number): readonly MetricsPeriod[] | null {
  const live = useLive();
  const system = useValue(live.system);
  const [history, setHistory] = useState<{ key: string; items: readonly MetricsPeriod[] } | null>(null);
  const loaded = useRef({ key: '', at_ms: 0 });
  const key = `${step} ${periods}`;
  const at = system?.timestamp;
  useEffect(() => {
    if (at === undefined) return;
    const { key: last, at_ms } = loaded.current;
    if (last === key && Date.now() - at_ms < AGAIN_MS) return;
    const from_ms = Date.parse(at) - periods * (step === 'hour' ? HOUR_MS : 24 * HOUR_MS);
    // The log time of an empty journal is 1970.
    if (from_ms < 0) return;
    const from = new Date(from_ms).toISOString();
    loaded.current = { key, at_ms: Date.now() };
    live.api.system.metricsSeries({ step, from }).then(
      ({ items }) => setHistory({ key, items }),
      () => {
        // The next change of the system tries again.
        loaded.current = { key: '', at_ms: 0 };
      },
    );
  }, [live, at, key, step, periods]);
  return history?.key === key ? history.items : null;
}
