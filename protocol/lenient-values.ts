/**
 * Reads values that other programs wrote into a file, a row or a line, leniently: an unusable value is null, never an
 * error, so that one malformed field does not lose a job.
 */
import { isId } from './id-pattern.ts';
import { COUNT_MAX, SECONDS_MAX } from './limits.ts';
import { timeOf } from './log-time.ts';
import type { Zone } from './zone.ts';

/**
 * An id unchanged; a worker name that is not an id (`ip-10-0-0-1.ec2.internal`) with hyphens for the invalid
 * characters.
 */
export function lenientWorkerId(value: unknown): string | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const text = String(value);
  if (isId(text)) return text;
  const made = text
    .replace(/[^A-Za-z0-9_-]/g, '-')
    .replace(/^[_-]+/, '')
    .slice(0, 64);
  return made === '' ? null : made;
}

/** A number from 0 to the maximum, or its text: `45`, `45%`, `np.float32(45.0)`. */
export function lenientNumber(value: unknown, maximum = SECONDS_MAX): number | null {
  if (typeof value !== 'number' && typeof value !== 'string' && typeof value !== 'bigint') return null;
  const text = typeof value === 'string' ? numberText(value) : value;
  if (text === '') return null;
  const number = Number(text);
  return number >= 0 && number <= maximum ? number : null;
}

/** Without a percent sign, and without the call that Python's libraries print around their numbers. */
function numberText(value: string): string {
  const text = value.trim();
  if (text.endsWith('%')) return text.slice(0, -1).trimEnd();
  const [, inside] = text.endsWith(')') ? (/^[A-Za-z_][\w.]*\(\s*['"]?([^'",)]*)/.exec(text) ?? []) : [];
  return inside?.trim() ?? text;
}

/**
 * A length of time in seconds, as a number or as programs print it: `1200s`, `20 min`, `0:20:00.5`, `1 day, 0:20:00`, Go's `3m20s`,
 * `PT20M`, `datetime.timedelta(seconds=1200)`. Negative ones, of clocks that were set, are null.
 */
export function lenientSeconds(value: unknown): number | null {
  if (typeof value !== 'string') return lenientNumber(value);
  const text = value.trim();
  const seconds = clockSeconds(text) ?? namedSeconds(text) ?? unitSeconds(text);
  return seconds === null ? lenientNumber(text) : lenientNumber(seconds);
}

/** `0:20:00.5`, `-1 day, 23:59:59`. */
function clockSeconds(text: string): number | null {
  const [all, days = '0', hours, minutes, seconds] =
    /^(?:(-?\d+) days?,? )?(-?\d+):(\d\d):(\d\d(?:[.,]\d+)?)$/.exec(text) ?? [];
  if (all === undefined) return null;
  const of_day = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds!.replace(',', '.'));
  return Number(days) * 86_400 + of_day;
}

/** `datetime.timedelta(days=1, seconds=1200)`. */
function namedSeconds(text: string): number | null {
  const [, fields] = /^(?:datetime\.)?timedelta\(([\w=., -]*)\)$/.exec(text) ?? [];
  if (fields === undefined) return null;
  let sum = 0;
  for (const [, name, number] of fields.matchAll(/(\w+)=(-?[\d.]+)/g)) sum += (UNITS[name!] ?? 0) * Number(number);
  return sum;
}

/** `20 min`, `1 h 5 min`, `3m20.5s`, `PT1H20M`. */
function unitSeconds(text: string): number | null {
  if (!/^(?:P?T?(?:[\d.]+\s*[A-Za-zµ]+[\s,]*(?:and )?T?)+)$/.test(text.slice(0, 40)) || text.length > 40) return null;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)\s*([A-Za-zµ]+?)(?=T?[\d\s,]|T?$|and)/g)) {
    const seconds = UNITS[unit!] ?? UNITS[unit!.toLowerCase()];
    if (seconds === undefined) return null;
    sum += seconds * Number(number);
  }
  return sum;
}

const UNITS: Readonly<Record<string, number>> = {};
for (const [seconds, names] of [
  [1e-6, 'us µs microseconds'],
  [1e-3, 'ms msec millis milliseconds millisecond'],
  [1, 's sec secs second seconds'],
  [60, 'm min mins minute minutes'],
  [3600, 'h hr hrs hour hours'],
  [86_400, 'd day days'],
] as const) {
  for (const name of names.split(' ')) Object.assign(UNITS, { [name]: seconds });
}

export function lenientCount(value: unknown): number | null {
  const number = lenientNumber(value, COUNT_MAX);
  return number === null ? null : Math.floor(number);
}

/** Values above 100 become 100. */
export function lenientPercentage(value: unknown): number | null {
  const number = lenientNumber(value, Number.MAX_VALUE);
  return number === null ? null : Math.min(100, number);
}

/** Truncated to `charactersMax`; null if empty. */
export function lenientText(value: unknown, charactersMax: number): string | null {
  if (typeof value !== 'string' || value === '') return null;
  return value.slice(0, charactersMax);
}

/**
 * Milliseconds since 1970, from text in any form that logs have too. Text without a zone, as written by Python's
 * `datetime.now().isoformat()` and by databases, is of `zone`, by default UTC; the size of a number tells seconds, milliseconds
 * and microseconds apart. `day_first`: whether 01/02/2026 is the first of February; by default it is the second of January.
 */
export function lenientTime(value: unknown, zone: Zone = 0, day_first: boolean | null = null): number | null {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.getTime();
  return timeOf(typeof value === 'bigint' ? Number(value) : value, { zone, day_first });
}

/** Whether it is text whose zone has to be known from elsewhere. */
export function isWithoutZone(value: unknown): boolean {
  return typeof value === 'string' && lenientTime(value, 0) !== lenientTime(value, 60);
}
