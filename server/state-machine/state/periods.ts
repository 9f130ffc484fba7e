/** Sums by minute, hour and day of log time, for throughput, success rates, and hourly and daily metrics. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';
import type { Gauges, PeriodRecord } from './records.ts';
import type { State } from './state.ts';
import { plus } from './sums.ts';

/** Periods kept: minutes of 25 hours, hours of 90 days, days of ten years. Their views stay in the store forever. */
export const KEPT = { minutes: 25 * 60, hours: 90 * 24, days: 3653 };

type Counts = { [K in Exclude<keyof PeriodRecord, 'version' | 'gauges' | 'failed_codes'>]?: number };

/** `at_ms`: the time of the counted event; it must be in the open hour. */
export function countInPeriods(state: State, counts: Counts, at_ms: number = state.at_ms): void {
  const { gauges } = state.scalars;
  count(state, 'minutes', Math.floor(at_ms / MINUTE_MS), counts);
  count(state, 'hours', Math.floor(at_ms / HOUR_MS), counts, gauges?.hour);
  count(state, 'days', Math.floor(at_ms / DAY_MS), counts, gauges?.day);
}

/** Counts a job that failed, by its error code. Further codes of a minute count as `other`. */
export function countFailed(state: State, code: string | undefined, at_ms: number = state.at_ms): void {
  countInPeriods(state, { failed: 1 }, at_ms);
  const { minutes } = state.tables;
  const minute = Math.floor(at_ms / MINUTE_MS);
  const record = minutes.get(minute);
  if (!record) return;
  const codes = record.failed_codes ?? {};
  const known = code !== undefined && Object.hasOwn(codes, code);
  const name = known || (code !== undefined && Object.keys(codes).length < CODES_MAX) ? code : 'other';
  const count = Object.hasOwn(codes, name) ? codes[name]! : 0;
  minutes.set(minute, { ...record, failed_codes: { ...codes, [name]: plus(count, 1) } });
}

/** Error codes counted in one minute, besides `other`. */
const CODES_MAX = 20;

/** Failed jobs by error code over these minutes, both included. */
export function failuresByCode(state: State, from: number, to: number): Map<string, number> {
  const sums = new Map<string, number>();
  state.tables.minutes.forRange(from, to, true, (_, { failed_codes }) => {
    for (const [code, count] of Object.entries(failed_codes ?? {})) sums.set(code, (sums.get(code) ?? 0) + count);
  });
  return sums;
}

/** Enters what was measured in an hour, or in a day so far. A period in which there was nothing has no record. */
export function closePeriod(state: State, name: 'hours' | 'days', period: number, gauges: Gauges): void {
  const last = state.tables[name].get(period);
  if (!last && gauges.depth_max === 0 && gauges.paid_ms === 0) return;
  put(state, name, period, last, { ...(last ?? EMPTY_PERIOD), version: state.seq, gauges });
}

type Periods = keyof typeof KEPT;

function count(state: State, name: Periods, period: number, counts: Counts, gauges?: Gauges): void {
  const last = state.tables[name].get(period);
  const next: PeriodRecord = { ...(last ?? EMPTY_PERIOD), version: state.seq };
  for (const counted in counts) {
    const sum = counted as keyof Counts;
    next[sum] = plus(next[sum], counts[sum] ?? 0);
  }
  if (gauges) next.gauges = gauges;
  put(state, name, period, last, next);
}

function put(state: State, name: Periods, period: number, last: PeriodRecord | undefined, next: PeriodRecord): void {
  const table = state.tables[name];
  table.set(period, next);
  if (last) return;
  const kept = KEPT[name];
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

/** The counts of all periods from `from` to `to`, both included. */
export function sumPeriods(table: State['tables']['minutes'], from: number, to: number): PeriodRecord {
  const sum = { ...EMPTY_PERIOD };
  table.forRange(from, to, true, (_, period) => {
    for (const name of COUNTED) sum[name] = plus(sum[name], period[name]);
    sum.version = Math.max(sum.version, period.version);
  });
  return sum;
}

const COUNTED = Object.keys(EMPTY_PERIOD).filter((name) => name !== 'version') as (keyof Counts)[];
