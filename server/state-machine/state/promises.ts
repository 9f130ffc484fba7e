/**
 * How often jobs began and ended when they were expected to: of the last thousand estimates of each kind, and what corrects
 * the next ones, so that nine of ten jobs are in time.
 *
 * The correction is adaptive conformal inference (Gibbs and Candès, 2021): after a job that was late the next estimates are
 * longer, after one in time a little shorter, in the proportion that makes both balance at the promised share.
 */
import type { State } from './state.ts';

/** When something is expected, in log time: in half of the cases by the first, in nine of ten by the second. */
export type Estimate = { p50_ms: number; p90_ms: number };

/** `start`, `end`: as expected when the job was queued; `run`: its end, as expected when its attempt began. */
export const PROMISES = ['start', 'end', 'run'] as const;
export type PromiseKind = (typeof PROMISES)[number];

export type PromiseRecord = {
  /** All that were seen to come true or not. */
  count: number;
  /** The last KEPT_MAX, a bit each in words of 32: whether it was in time. */
  p50: readonly number[];
  p90: readonly number[];
  /** Of jobs that can begin at once, and of those that wait. */
  now: Longer;
  later: Longer;
};

/** By how much the next estimates are longer than the plain ones, as logarithms. */
type Longer = { p50: number; p90: number };

export type PromiseGroup = 'now' | 'later';

/** What was expected of a job when it was queued. */
export type QueuedPromise = { group: PromiseGroup; start: Estimate; end?: Estimate };

/** By the plain estimate of its start. */
export const groupOf = (start: Estimate, from_ms: number): PromiseGroup =>
  start.p50_ms - from_ms < NOW_MS ? 'now' : 'later';

const NOW_MS = 5_000;

/** The first estimates are rather long: nothing is known of what may go wrong. */
const AT_FIRST: Longer = { p50: 0, p90: 0.8 };

export const KEPT_MAX = 1_000;
const WORDS = Math.ceil(KEPT_MAX / 32);
const NONE: PromiseRecord = {
  count: 0,
  p50: new Array(WORDS).fill(0),
  p90: new Array(WORDS).fill(0),
  now: AT_FIRST,
  later: AT_FIRST,
};

/** How much one job changes the next estimates. */
const RATE = 0.12;
const LONGER_MAX = Math.log(8);

/** What was promised, by an estimate of this group, has happened. */
export function settle(
  state: State,
  kind: PromiseKind,
  { estimate: { p50_ms, p90_ms }, group }: { estimate: Estimate; group: PromiseGroup },
  happened_ms: number,
): void {
  const { promises } = state.tables;
  const last = promises.get(kind) ?? NONE;
  const [early, timely] = [happened_ms <= p50_ms, happened_ms <= p90_ms];
  const longer = last[group];
  promises.set(kind, {
    ...last,
    count: last.count + 1,
    p50: marked(last.p50, last.count, early),
    p90: marked(last.p90, last.count, timely),
    [group]: {
      p50: within(longer.p50 + RATE * ((early ? 0 : 1) - 0.5)),
      p90: within(longer.p90 + RATE * ((timely ? 0 : 1) - 0.1)),
    },
  });
}

const within = (longer: number): number => Math.min(LONGER_MAX, Math.max(-LONGER_MAX, longer));

function marked(words: readonly number[], count: number, is: boolean): readonly number[] {
  const next = words.slice();
  const at = count % KEPT_MAX;
  const bit = 1 << (at % 32);
  const word = next[at >> 5]!;
  next[at >> 5] = is ? word | bit : word & ~bit;
  return next;
}

export type Accuracy = { jobs: number; within_p50: number | null; within_p90: number | null };

/** Of the last KEPT_MAX. */
export function accuracyOf({ tables }: State, kind: PromiseKind): Accuracy {
  const { count, p50, p90 } = tables.promises.get(kind) ?? NONE;
  const jobs = Math.min(count, KEPT_MAX);
  const share = (words: readonly number[]) => (jobs === 0 ? null : bits(words) / jobs);
  return { jobs, within_p50: share(p50), within_p90: share(p90) };
}

function bits(words: readonly number[]): number {
  let sum = 0;
  for (let word of words) for (; word !== 0; word &= word - 1) sum += 1;
  return sum;
}

/** The estimate, corrected by how right the earlier ones of its kind and group were. `from_ms`: now. */
export function corrected(
  { tables }: State,
  { kind, group }: { kind: PromiseKind; group: PromiseGroup },
  { p50_ms, p90_ms }: Estimate,
  from_ms: number,
): Estimate {
  const { p50, p90 } = (tables.promises.get(kind) ?? NONE)[group];
  const middle = Math.round(from_ms + (p50_ms - from_ms) * Math.exp(p50));
  const late = Math.round(from_ms + (p90_ms - from_ms) * Math.exp(p90));
  return { p50_ms: middle, p90_ms: Math.max(middle, late) };
}
