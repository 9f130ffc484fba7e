/** Times as logs print them, less strict than on our wires: Python's `2025-07-07 19:30:00,123`, no zone, no year. */
import { DAY_MS } from './time.ts';
import { timeInZone, type Zone } from './zone.ts';

export type LogTimeOptions = {
  /** UTC when absent. */
  zone?: Zone;
  /** For syslog times, which have no year: the latest such day before this time. Without it they are not read. */
  now_ms?: number;
};

/** The time at index `at`, in milliseconds since 1970; NaN if there is none. */
export function logTimeAt(text: string, at: number, zone: Zone = 0): number {
  const year = digits(text, at, 4);
  const month = digits(text, at + 5, 2);
  const day = digits(text, at + 8, 2);
  const hour = digits(text, at + 11, 2);
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
  const offset = offsetAt(text, end);
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

/** The first time in a line's prefix: ISO, Python, Go, syslog, or seconds or milliseconds since 1970. */
export function timeInPrefix(text: string, end: number, options: LogTimeOptions, start = 0): number | null {
  const { zone = 0, now_ms } = options;
  const stop = Math.min(end, start + PREFIX_CHARS);
  const last = stop - 18;
  for (let at = start; at < last; at += 1) {
    if (!isDigit(text, at) || !isDigit(text, at + 3)) continue;
    const time_ms = logTimeAt(text, at, zone);
    if (!Number.isNaN(time_ms)) return time_ms;
  }
  const prefix = text.slice(start, stop);
  const [, epoch] = /^\[?(\d{10}(?:\.\d+)?|\d{13})[\]\s]/.exec(prefix) ?? [];
  if (epoch !== undefined) return epochTime(Number(epoch));
  return now_ms === undefined ? null : syslogTime(prefix, zone, now_ms);
}

/**
 * Seconds, milliseconds or microseconds since 1970, distinguished by size: all are taken as times between 2001 and
 * 2286.
 */
export function epochTime(value: number): number | null {
  if (!(value >= 1e9 && value < 1e16)) return null;
  if (value < 1e10) return Math.round(value * 1000);
  return value < 1e13 ? Math.floor(value) : Math.floor(value / 1000);
}

/** `Jul  7 19:30:00`. */
function syslogTime(prefix: string, zone: Zone, now_ms: number): number | null {
  const [, name, day, clock] = SYSLOG.exec(prefix) ?? [];
  if (name === undefined) return null;
  const month = String(MONTHS.indexOf(name) / 3 + 1).padStart(2, '0');
  const ofYear = (year: number) => logTimeAt(`${year}-${month}-${day!.padStart(2, '0')} ${clock}`, 0, zone);
  const year = new Date(now_ms).getUTCFullYear();
  // Up to a day ahead may be a zone or a wrong clock; more is last year.
  const time_ms = [year + 1, year, year - 1].map(ofYear).find((time) => time <= now_ms + DAY_MS);
  return time_ms ?? null;
}

/** Minutes east of UTC; null if there is no zone. */
function offsetAt(text: string, at: number): number | null {
  const first = text.charCodeAt(at);
  if (first === UPPER_Z || first === LOWER_Z) return 0;
  const start = first === BLANK && isDigit(text, at + 5) ? at + 1 : at;
  const sign = text.charCodeAt(start);
  if (sign !== PLUS && sign !== HYPHEN) return null;
  const hours = digits(text, start + 1, 2);
  const minutes = digits(text, text.charCodeAt(start + 3) === COLON ? start + 4 : start + 3, 2);
  if (hours < 0 || hours > 15) return null;
  return (sign === HYPHEN ? -1 : 1) * (hours * 60 + Math.max(0, minutes));
}

function separated(text: string, at: number): boolean {
  const date = text.charCodeAt(at + 4);
  const between = text.charCodeAt(at + 10);
  return (
    (date === HYPHEN || date === SLASH) &&
    text.charCodeAt(at + 7) === date &&
    (between === BLANK || between === UPPER_T || between === LOWER_T) &&
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
const LOWER_T = 116;
const LOWER_Z = 122;
/** Longer than any logger's prefix. */
const PREFIX_CHARS = 400;
const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';
const SYSLOG = /(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+(\d{1,2}) (\d\d:\d\d:\d\d)/;
