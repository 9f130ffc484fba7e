/** Times as logs print them, which is looser than on our wires: Python's `2025-07-07 19:30:00,123`, no zone, no year. */

/** What a time without a zone means: minutes east of UTC, or the zone of this machine. */
export type Zone = number | 'local';

export type LogTimeOptions = {
  /** UTC when absent. */
  zone?: Zone;
  /** For syslog's times, which have no year: the last such day before this. Without it they are not read. */
  now_ms?: number;
};

/** The time that stands at `at`, in milliseconds since 1970; NaN where none does. */
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
  if (text[end] === '.' || text[end] === ',') {
    end += 1;
    for (let unit = 100; isDigit(text, end); end += 1, unit /= 10) ms += unit * (text.charCodeAt(end) - ZERO);
    ms = Math.floor(ms + 1e-6);
  }
  const offset = offsetAt(text, end);
  if (offset === null && zone === 'local') return new Date(year, month - 1, day, hour, minute, second, ms).getTime();
  const minutes = hour * 60 + minute - (offset ?? (zone as number));
  return startOfDay(year, month, day) + minutes * 60_000 + second * 1000 + ms;
}

/** Lines of one day come in runs. */
function startOfDay(year: number, month: number, day: number): number {
  if (day !== known.day || month !== known.month || year !== known.year) {
    known = { year, month, day, start_ms: Date.UTC(year, month - 1, day) };
  }
  return known.start_ms;
}

let known = { year: 0, month: 0, day: 0, start_ms: 0 };

/** The first time in what stands before a line's words: ISO, Python's, Go's, syslog's, seconds or milliseconds since 1970. */
export function timeInPrefix(text: string, end: number, { zone = 0, now_ms }: LogTimeOptions): number | null {
  const last = Math.min(end, PREFIX_CHARS) - 18;
  for (let at = 0; at < last; at += 1) {
    if (!isDigit(text, at) || !isDigit(text, at + 3)) continue;
    const time_ms = logTimeAt(text, at, zone);
    if (!Number.isNaN(time_ms)) return time_ms;
  }
  const prefix = text.slice(0, Math.min(end, PREFIX_CHARS));
  const [, epoch] = /^\[?(\d{10}(?:\.\d+)?|\d{13})[\]\s]/.exec(prefix) ?? [];
  if (epoch !== undefined) return epochTime(Number(epoch));
  return now_ms === undefined ? null : syslogTime(prefix, zone, now_ms);
}

/** Seconds, milliseconds or microseconds since 1970, told apart by their size: all of them mean a time between 2001 and 2286. */
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
  // A day ahead may be a zone or a clock; more is last year's.
  const time_ms = [year + 1, year, year - 1].map(ofYear).find((time) => time <= now_ms + DAY_MS);
  return time_ms ?? null;
}

/** Minutes east of UTC; null where no zone stands there. */
function offsetAt(text: string, at: number): number | null {
  if (text[at] === 'Z' || text[at] === 'z') return 0;
  const start = text[at] === ' ' && isDigit(text, at + 5) ? at + 1 : at;
  if (text[start] !== '+' && text[start] !== '-') return null;
  const hours = digits(text, start + 1, 2);
  const minutes = digits(text, text[start + 3] === ':' ? start + 4 : start + 3, 2);
  if (hours < 0 || hours > 15) return null;
  return (text[start] === '-' ? -1 : 1) * (hours * 60 + Math.max(0, minutes));
}

function separated(text: string, at: number): boolean {
  const date = text[at + 4];
  const between = text[at + 10];
  return (
    (date === '-' || date === '/') &&
    text[at + 7] === date &&
    (between === 'T' || between === ' ' || between === 't') &&
    text[at + 13] === ':' &&
    text[at + 16] === ':'
  );
}

/** -1 where they are not all digits. */
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

const ZERO = 48;
const DAY_MS = 86_400_000;
/** What stands further in is no prefix. */
const PREFIX_CHARS = 400;
const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';
const SYSLOG = /(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+(\d{1,2}) (\d\d:\d\d:\d\d)/;
