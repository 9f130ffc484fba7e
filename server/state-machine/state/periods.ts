/** Sums by minute, hour and day of log time, for throughput, success rates, and hourly and daily metrics. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';
import type { PeriodRecord } from './records.ts';
import type { State } from './state.ts';
import { plus } from './sums.ts';

/** Periods kept: minutes of 25 hours, hours of 90 days, days of ten years. Their views stay in the store forever. */
const KEPT = { minutes: 25 * 60, hours: 90 * 24, days: 3653 };

type Counts = { [K in Exclude<keyof PeriodRecord, 'version'>]?: number };

/** `at_ms`: the time of the counted event; it must be in the open hour. */
export function countInPeriods(state: State, counts: Counts, at_ms: number = state.at_ms): void {
  count(state.tables.minutes, Math.floor(at_ms / MINUTE_MS), KEPT.minutes, state.seq, counts);
  count(state.tables.hours, Math.floor(at_ms / HOUR_MS), KEPT.hours, state.seq, counts);
  count(state.tables.days, Math.floor(at_ms / DAY_MS), KEPT.days, state.seq, counts);
}

function count(table: State['tables']['minutes'], period: number, kept: number, version: number, counts: Counts): void {
  const last = table.get(period);
  const next: PeriodRecord = { ...(last ?? EMPTY_PERIOD), version };
  for (const counted in counts) {
    const name = counted as keyof Counts;
    next[name] = plus(next[name], counts[name] ?? 0);
  }
  table.set(period, next);
  if (!last)
    for (let oldest = table.minKey(); oldest !== undefined && oldest <= period - kept; oldest = table.minKey())
      table.delete(oldest);
}

/** Whether events at `at_ms` are still counted; figures of past hours are final. */
export function isOpenHour(state: State, at_ms: number): boolean {
  return Math.floor(at_ms / HOUR_MS) === Math.floor(state.at_ms / HOUR_MS);
}

export const EMPTY_PERIOD: PeriodRecord = {
  version: 0,
  submitted: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  processing_ms: 0,
  queue_ms: 0,
  turnaround_ms: 0,
  audio_ms: 0,
  cost_usd: 0,
};

/** The sum of all periods from `from` to `to`, both included. */
export function sumPeriods(table: State['tables']['minutes'], from: number, to: number): PeriodRecord {
  const sum = { ...EMPTY_PERIOD };
  table.forRange(from, to, true, (_, period) => {
    for (const name of COUNTED) sum[name] = plus(sum[name], period[name]);
    sum.version = Math.max(sum.version, period.version);
  });
  return sum;
}

const COUNTED = Object.keys(EMPTY_PERIOD).filter((name) => name !== 'version') as (keyof Counts)[];
