/**
 * Times as logs print them, less strict than on our wires: Python's `2025-07-07 19:30:00,123`, no zone, no year. This is the form
 * of nine lines in ten, by hand because every line passes here; log-dates.ts has the others.
 */
import { otherTimeIn } from './log-dates.ts';
import { timeInZone, type Zone } from './zone.ts';

export type LogTimeOptions = {
  /** Of times without one. When absent, what another time of the line shows, otherwise UTC. */
  zone?: Zone;
  /** For times without a year: the latest such day before this time. Without it they are not read. */
  now_ms?: number;
  /** Whether 01/02/2026 is the first of February; null if the log does not show it. */
  day_first?: boolean | null;
};

/** Whether a time without a zone was read since this was last set to false. */
export const withoutZone = { seen: false };

/** Reads something, and whether a time without a zone was in it. */
export function readZoned<T>(read: () => T): { value: T; hasZone: boolean } {
  const before = withoutZone.seen;
  withoutZone.seen = false;
  const value = read();
  const hasZone = !withoutZone.seen;
  withoutZone.seen ||= before;
  return { value, hasZone };
}

/**
 * An event's own time without a zone, in the zone that another time of the same line shows, which has one: whole quarters of an hour
 * between them are a zone. `datetime.now().isoformat()` in a container's log.
 */
export function inZoneOf(own_ms: number, zoned_ms: number): number {
  const zone_ms = Math.round((zoned_ms - own_ms) / QUARTER_MS) * QUARTER_MS;
  const rest_ms = Math.abs(zoned_ms - own_ms - zone_ms);
  return Math.abs(zone_ms) <= ZONE_MS_MAX && rest_ms <= WRITTEN_WITHIN_MS ? own_ms + zone_ms : own_ms;
}

/** The time at index `at`, in milliseconds since 1970; NaN if there is none. */
export function logTimeAt(text: string, at: number, zone: Zone = 0): number {
  const year = digits(text, at, 4);
  const month = digits(text, at + 5, 2);
  const day = digits(text, at + 8, 2);
  let hour = digits(text, at + 11, 2);
  const minute = digits(text, at + 14, 2);
  const second = digits(text, at + 17, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 24) return Number.NaN;
  if (minute < 0 || minute > 59 || second < 0 || second > 60 || !separated(text, at)) return Number.NaN;
  let end = at + 19;
  let ms = 0;
  const point = text.charCodeAt(end);
  if (point === POINT || point === COMMA) {
    end += 1;
    let unit = 100;
    for (; isDigit(text, end); end += 1, unit /= 10) ms += unit * (text.charCodeAt(end) - ZERO);
    if (unit < 0.1) ms = Math.floor(ms + 1e-6);
  }
  if (text.charCodeAt(end) === BLANK && isLetter(text, end + 1)) {
    const half = halfOfDay(text, end + 1);
    if (half !== null && hour >= 1 && hour <= 12) {
      hour = (hour % 12) + half;
      end += 3;
    }
  }
  const offset = offsetAt(text, end);
  if (offset === null) withoutZone.seen = true;
  const shown_ms = startOfDay(year, month, day) + (hour * 60 + minute) * 60_000 + second * 1000 + ms;
  return timeInZone(shown_ms, offset ?? zone);
}

/** Cached, because lines of one day come in runs. */
function startOfDay(year: number, month: number, day: number): number {
  if (day !== known.day || month !== known.month || year !== known.year) {
    known = { year, month, day, start_ms: Date.UTC(year, month - 1, day) };
  }
  return known.start_ms;
}

let known = { year: 0, month: 0, day: 0, start_ms: 0 };

/** The first time in a line's prefix, in any form that is known. */
export function timeInPrefix(text: string, end: number, options: LogTimeOptions, start = 0): number | null {
  const { zone = 0 } = options;
  const stop = Math.min(end, start + PREFIX_CHARS);
  const last = stop - 18;
  for (let at = start; at < last; at += 1) {
    if (!isDigit(text, at) || !isDigit(text, at + 3)) continue;
    const time_ms = logTimeAt(text, at, zone);
    if (!Number.isNaN(time_ms)) return time_ms;
  }
  const prefix = text.slice(start, stop);
  const [, epoch] = /^(?:\[|CreateTime:)?(\d{10}(?:\.\d+)?|\d{13})[\]\s:,|]/.exec(prefix) ?? [];
  const [, tai] = prefix[0] === '@' ? (/^@4([0-9a-f]{15})[0-9a-f]{8} /.exec(prefix) ?? []) : [];
  // TAI64N, of multilog and s6: 2^62 plus ten seconds more than 1970.
  if (tai !== undefined) return epochTime(Number.parseInt(tai, 16) - 10);
  return epoch === undefined ? otherTimeIn(prefix, options) : epochTime(Number(epoch));
}

/** A value that is a time: text in any known form, or a number. Null if it is not understood. */
export function timeOf(value: unknown, options: LogTimeOptions = {}): number | null {
  if (typeof value === 'number') return epochTime(value);
  if (typeof value !== 'string') return null;
  const time_ms = logTimeAt(value, 0, options.zone);
  if (!Number.isNaN(time_ms)) return time_ms;
  if (/^\d{10,19}(?:\.\d+)?$/.test(value)) return epochTime(Number(value));
  return otherTimeIn(value.slice(0, PREFIX_CHARS), options);
}

/**
 * Seconds, milliseconds, microseconds or nanoseconds since 1970, distinguished by size: all are taken as times between 2001
 * and 2286.
 */
export function epochTime(value: number): number | null {
  if (!(value >= 1e9 && value < 1e19)) return null;
  if (value < 1e10) return Math.round(value * 1000);
  if (value < 1e13) return Math.floor(value);
  return Math.floor(value < 1e16 ? value / 1000 : value / 1e6);
}

/** Minutes east of UTC; null if there is no zone. */
export function offsetAt(text: string, at: number): number | null {
  const first = text.charCodeAt(at);
  if (first === UPPER_Z || first === LOWER_Z) return 0;
  const start = first === BLANK ? at + 1 : at;
  if (start > at && isLetter(text, start)) return namedOffset(text, start);
  const sign = text.charCodeAt(start);
  if ((sign !== PLUS && sign !== HYPHEN) || (start > at && !isDigit(text, at + 5))) return null;
  const hours = digits(text, start + 1, 2);
  const minutes = digits(text, text.charCodeAt(start + 3) === COLON ? start + 4 : start + 3, 2);
  if (hours < 0 || hours > 15) return null;
  return (sign === HYPHEN ? -1 : 1) * (hours * 60 + Math.max(0, minutes));
}

/** The names that RFC 2822 defines; others mean different zones in different countries. */
function namedOffset(text: string, at: number): number | null {
  const next = text.charCodeAt(at + 3);
  if (isLetter(text, at + 3) || isDigit(text, at + 3) || next === COLON || next === POINT || next === UNDERSCORE)
    return null;
  return ZONE_NAMES[text.slice(at, at + 3)] ?? null;
}

/** Hours to add; null unless this is AM or PM. */
function halfOfDay(text: string, at: number): 0 | 12 | null {
  if ((text.charCodeAt(at + 1) | 32) !== 109 || isLetter(text, at + 2)) return null;
  const letter = text.charCodeAt(at) | 32;
  return letter === 97 ? 0 : letter === 112 ? 12 : null;
}

function separated(text: string, at: number): boolean {
  const date = text.charCodeAt(at + 4);
  const between = text.charCodeAt(at + 10);
  return (
    (date === HYPHEN || date === SLASH || date === POINT) &&
    text.charCodeAt(at + 7) === date &&
    (between === BLANK || between === UPPER_T || between === LOWER_T || between === UNDERSCORE) &&
    text.charCodeAt(at + 13) === COLON &&
    text.charCodeAt(at + 16) === COLON
  );
}

/** -1 unless all are digits. */
function digits(text: string, at: number, count: number): number {
  let value = 0;
  for (let place = at; place < at + count; place += 1) {
    const digit = text.charCodeAt(place) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function isDigit(text: string, at: number): boolean {
  const digit = text.charCodeAt(at) - ZERO;
  return digit >= 0 && digit <= 9;
}

function isLetter(text: string, at: number): boolean {
  const letter = text.charCodeAt(at) | 32;
  return letter >= 97 && letter <= 122;
}

const BLANK = 32;
const PLUS = 43;
const COMMA = 44;
const HYPHEN = 45;
const POINT = 46;
const SLASH = 47;
const ZERO = 48;
const COLON = 58;
const UPPER_T = 84;
const UPPER_Z = 90;
const UNDERSCORE = 95;
const LOWER_T = 116;
const LOWER_Z = 122;
const QUARTER_MS = 15 * 60_000;
const ZONE_MS_MAX = 15 * 3_600_000;
/** Between an event and its line. */
const WRITTEN_WITHIN_MS = 60_000;
/** Longer than any logger's prefix. */
const PREFIX_CHARS = 400;
const ZONE_NAMES: Readonly<Record<string, number>> = {
  UTC: 0,
  GMT: 0,
  EST: -300,
  EDT: -240,
  CST: -360,
  CDT: -300,
  MST: -420,
  MDT: -360,
  PST: -480,
  PDT: -420,
};
