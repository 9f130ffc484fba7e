/** A time span as people type it: `90s`, `30m`, `24h`, `7d`. */
import { InvalidArgumentError } from 'commander';

/** Milliseconds, never 0. */
export function span(value: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(value) ?? [];
  if (count !== undefined && Number(count) > 0) return Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  throw new InvalidArgumentError('Must be a time span like 90s, 30m, 24h or 7d.');
}

const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
