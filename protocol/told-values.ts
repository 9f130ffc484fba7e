/**
 * Values that someone else wrote into a file, a row or a line, taken as well as they can be: what is of no use is null, never
 * an error, so that one odd field costs no job.
 */
import { isId } from './id-pattern.ts';
import { epochTime, logTimeAt } from './log-time.ts';

/** An id as it is; a worker's name that is none (`ip-10-0-0-1.ec2.internal`) with a hyphen for each character that no id has. */
export function toldWorker(value: unknown): string | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const text = String(value);
  if (isId(text)) return text;
  const made = text
    .replace(/[^A-Za-z0-9_-]/g, '-')
    .replace(/^[_-]+/, '')
    .slice(0, 64);
  return made === '' ? null : made;
}

/** A number of 0 or more, also as text. */
export function toldNumber(value: unknown): number | null {
  if (typeof value !== 'number' && typeof value !== 'string' && typeof value !== 'bigint') return null;
  if (typeof value === 'string' && value.trim() === '') return null;
  const number = Number(value);
  return Number.isFinite(number) && number >= 0 ? number : null;
}

export function toldCount(value: unknown): number | null {
  const number = toldNumber(value);
  return number === null ? null : Math.floor(number);
}

/** Above 100 it is 100. */
export function toldPercentage(value: unknown): number | null {
  const number = toldNumber(value);
  return number === null ? null : Math.min(100, number);
}

/** Cut to `charactersMax`; an empty one says nothing. */
export function toldText(value: unknown, charactersMax: number): string | null {
  if (typeof value !== 'string' || value === '') return null;
  return value.slice(0, charactersMax);
}

/**
 * Milliseconds since 1970. Text without a zone, as Python's `datetime.now().isoformat()` and databases write it, is taken as
 * UTC; a number as seconds, milliseconds or microseconds, by its size.
 */
export function toldTime(value: unknown): number | null {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.getTime();
  if (typeof value === 'number' || typeof value === 'bigint') return epochTime(Number(value));
  if (typeof value !== 'string') return null;
  const time_ms = logTimeAt(value, 0);
  if (!Number.isNaN(time_ms)) return time_ms;
  return /^\d{10,16}(?:\.\d+)?$/.test(value) ? epochTime(Number(value)) : null;
}
