/**
 * Distributions of positive numbers as weights of logarithmic buckets: each quantile is within 2 % of a value that was
 * added (as DDSketch). Immutable and bounded, so that they can lie in the records of the fold.
 */

/** Bucket, weight, bucket, weight, …; buckets ascend. */
export type Histogram = readonly number[];

export const EMPTY: Histogram = [];

const GAMMA = 1.02 / 0.98;
const LOG_GAMMA = Math.log(GAMMA);
const LEAST = 1e-4;
const GREATEST = 1e8;

/** Values outside 0.0001 to 100,000,000 count as the nearest of these. */
export function bucketOf(value: number): number {
  return Math.ceil(Math.log(Math.min(GREATEST, Math.max(LEAST, value))) / LOG_GAMMA);
}

export const valueIn = (bucket: number): number => (2 * GAMMA ** bucket) / (GAMMA + 1);

/** With one more weight. Beyond `buckets_max` the least buckets become one: the upper quantiles stay exact. */
export function added(histogram: Histogram, bucket: number, weight: number, buckets_max: number): Histogram {
  const next = histogram.slice();
  let at = next.length;
  while (at > 0 && next[at - 2]! >= bucket) at -= 2;
  if (next[at] === bucket) next[at + 1]! += weight;
  else next.splice(at, 0, bucket, weight);
  if (next.length > 2 * buckets_max) next.splice(0, 4, next[2]!, next[1]! + next[3]!);
  return next;
}

/** Both, the second with its weights times `factor`. */
export function merged(a: Histogram, b: Histogram, factor: number, buckets_max: number): Histogram {
  const next: number[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const [left, right] = [a[i] ?? Number.POSITIVE_INFINITY, b[j] ?? Number.POSITIVE_INFINITY];
    next.push(Math.min(left, right), (left <= right ? a[i + 1]! : 0) + (right <= left ? b[j + 1]! * factor : 0));
    if (left <= right) i += 2;
    if (right <= left) j += 2;
  }
  while (next.length > 2 * buckets_max) next.splice(0, 4, next[2]!, next[1]! + next[3]!);
  return next;
}

/** All weights times `factor`, without those that become less than `least`. */
export function scaled(histogram: Histogram, factor: number, least = 0): Histogram {
  const next: number[] = [];
  for (let i = 0; i < histogram.length; i += 2) {
    const weight = histogram[i + 1]! * factor;
    if (weight > least) next.push(histogram[i]!, weight);
  }
  return next;
}

/** All values times `factor`. */
export function times(histogram: Histogram, factor: number): Histogram {
  const shift = Math.round(Math.log(factor) / LOG_GAMMA);
  return histogram.map((entry, i) => (i % 2 === 0 ? entry + shift : entry));
}

export function weightOf(histogram: Histogram): number {
  let sum = 0;
  for (let i = 1; i < histogram.length; i += 2) sum += histogram[i]!;
  return sum;
}

/** The value below which this part of the weight lies; null of an empty one. */
export function quantile(histogram: Histogram, part: number): number | null {
  let left = weightOf(histogram) * part;
  for (let i = 0; i < histogram.length; i += 2) {
    left -= histogram[i + 1]!;
    if (left <= 0) return valueIn(histogram[i]!);
  }
  return histogram.length === 0 ? null : valueIn(histogram.at(-2)!);
}
