/** Combines figures of several runs. */

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which this `part` of the values lies, interpolated between the two nearest. */
export function quantile(values: readonly number[], part: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.ceil(at)]!;
  return below + (above - below) * (at - Math.floor(at));
}
