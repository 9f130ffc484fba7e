/**
 * Counts and distributions over everything that happened, for metrics: in the fold, so that a restart loses none of them
 * and every instance has the same.
 *
 * Each has one label with a bounded number of values: a value that is new once there are LABELS_MAX of them counts as
 * `other`. Values are integers in thousandths, so that sums are exact.
 */
import type { State } from './state.ts';
import { plus } from './sums.ts';

/**
 * `failed`: jobs by error code; `attempts_failed`: attempts that ended without a transcript, by error code; `judged`:
 * changes of verdict, by the new one; `notices_ended`: notifications by how they ended; `decided`: decisions of policies, by the outcome;
 * `acted`: those that were done, by the action.
 */
export type CounterName = 'failed' | 'attempts_failed' | 'judged' | 'notices_ended' | 'decided' | 'acted';

/** Inclusive upper bounds of the buckets, in thousandths: seconds in ms; `realtime_factor`: processing time ÷ audio. */
export const DISTRIBUTIONS = {
  /** From entering the queue to the assignment, by priority. */
  wait: inThousandths(0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 10_800, 43_200),
  /** From the submission to the transcript, by priority. */
  turnaround: inThousandths(5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 43_200, 86_400),
  /** Of attempts that completed, by model. */
  processing: inThousandths(1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400),
  realtime_factor: inThousandths(0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5),
} as const;

export type DistributionName = keyof typeof DISTRIBUTIONS;

/** Of a counter `[count]`; of a distribution the sum of its values, and how many fell into each bucket; the last is unbounded. */
export type Tally = readonly number[];

export const LABELS_MAX = 50;
const LABEL_CHARACTERS_MAX = 100;
/** Of all values beyond the bound, and of none. */
export const OTHER = 'other';
export const UNKNOWN = 'unknown';

export function countBy({ tables: { tallies } }: State, name: CounterName, label: string | null): void {
  const key = keyOf(tallies, name, label);
  tallies.set(key, [plus(tallies.get(key)?.[0] ?? 0, 1)]);
}

/** `thousandths`: of the unit; a value that is no number is not counted. */
export function observeBy(
  { tables: { tallies } }: State,
  name: DistributionName,
  label: string | null,
  thousandths: number,
): void {
  if (!(thousandths >= 0)) return;
  const bounds = DISTRIBUTIONS[name];
  const key = keyOf(tallies, name, label);
  const last = tallies.get(key);
  // Counts in other buckets, of an older version, can't be continued.
  const next = last?.length === bounds.length + 2 ? last.slice() : new Array<number>(bounds.length + 2).fill(0);
  next[0] = plus(next[0]!, Math.round(thousandths));
  let bucket = 0;
  while (bucket < bounds.length && thousandths > bounds[bucket]!) bucket += 1;
  next[1 + bucket]! += 1;
  tallies.set(key, next);
}

/** Every label of a tally, with its values, in order. */
export function talliesOf(
  { tables: { tallies } }: State,
  name: CounterName | DistributionName,
): [label: string, tally: Tally][] {
  const found: [string, Tally][] = [];
  tallies.forRange(`${name}|`, `${name}|${LAST}`, true, (key, tally) => {
    found.push([key.slice(name.length + 1), tally]);
  });
  return found;
}

const LAST = '\uffff';

function keyOf(tallies: State['tables']['tallies'], name: string, label: string | null): string {
  const key = `${name}|${(label || UNKNOWN).slice(0, LABEL_CHARACTERS_MAX)}`;
  if (tallies.has(key)) return key;
  let labels = 0;
  tallies.forRange(`${name}|`, `${name}|${LAST}`, true, () => {
    labels += 1;
  });
  return labels < LABELS_MAX ? key : `${name}|${OTHER}`;
}

function inThousandths(...bounds: number[]): readonly number[] {
  return bounds.map((bound) => Math.round(bound * 1000));
}
