/**
 * Reads values that other programs wrote into a file, a row or a line, leniently: an unusable value is null, never an
 * error, so that one malformed field does not lose a job.
 */
import { isId } from './id-pattern.ts';
import { COUNT_MAX, SECONDS_MAX } from './limits.ts';
import { epochTime, logTimeAt } from './log-time.ts';

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

/** A number from 0 to the maximum, or its text. */
export function lenientNumber(value: unknown, maximum = SECONDS_MAX): number | null {
  if (typeof value !== 'number' && typeof value !== 'string' && typeof value !== 'bigint') return null;
  if (typeof value === 'string' && value.trim() === '') return null;
  const number = Number(value);
  return number >= 0 && number <= maximum ? number : null;
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
 * Milliseconds since 1970. Text without a zone, as written by Python's `datetime.now().isoformat()` and by databases,
 * is UTC; the size of a number tells seconds, milliseconds and microseconds apart.
 */
export function lenientTime(value: unknown): number | null {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.getTime();
  if (typeof value === 'number' || typeof value === 'bigint') return epochTime(Number(value));
  if (typeof value !== 'string') return null;
  const time_ms = logTimeAt(value, 0);
  if (!Number.isNaN(time_ms)) return time_ms;
  return /^\d{10,16}(?:\.\d+)?$/.test(value) ? epochTime(Number(value)) : null;
}
