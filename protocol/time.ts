/** Times on every wire and in every object: RFC 3339 in UTC with `Z`, milliseconds only where they are not zero. */

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** The first and the last moment that RFC 3339 can write: the years 0000 to 9999. */
const FIRST_MS = -62_167_219_200_000;
export const LAST_MS = 253_402_300_799_999;

/** `1751916600000` → `2025-07-07T19:30:00Z`. Total: what is out of range is the nearest moment in it, NaN is 1970. */
export function formatTime(time_ms: number): string {
  if (!(time_ms >= FIRST_MS && time_ms <= LAST_MS)) return format(clamped(time_ms));
  const place = Math.abs(time_ms) % RECENT;
  const recent = formatted[place];
  if (recent !== undefined && recent.time_ms === time_ms) return recent.text;
  const text = format(Math.trunc(time_ms));
  if (Number.isInteger(place)) formatted[place] = { time_ms, text };
  return text;
}

function clamped(time_ms: number): number {
  if (Number.isNaN(time_ms)) return 0;
  return time_ms < FIRST_MS ? FIRST_MS : LAST_MS;
}

/** Caches the last few results: everything a segment changed has the same time, and a job has a handful. */
const RECENT = 256;
const formatted: ({ time_ms: number; text: string } | undefined)[] = new Array(RECENT).fill(undefined);

/** Caches the last date, because times come in runs of one day. */
let day = { start_ms: 0, text: '1970-01-01T' };

function format(time_ms: number): string {
  const of_day_ms = time_ms - day.start_ms;
  if (!(of_day_ms >= 0 && of_day_ms < DAY_MS)) {
    const text = new Date(time_ms).toISOString().slice(0, -13);
    day = { start_ms: Date.parse(`${text}00:00:00Z`), text };
    return format(time_ms);
  }
  const ms = of_day_ms % 1000;
  const seconds = Math.floor(of_day_ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const clock = `${DIGITS[Math.floor(minutes / 60)]}:${DIGITS[minutes % 60]}:${DIGITS[seconds % 60]}`;
  return ms === 0 ? `${day.text}${clock}Z` : `${day.text}${clock}.${String(ms).padStart(3, '0')}Z`;
}

const DIGITS = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

/** Milliseconds since 1970, or NaN if the text is not an RFC 3339 time with a zone. */
export function parseTime(text: string): number {
  const of_day_ms = text.startsWith(day.text) ? clockIn(text, day.text.length) : -1;
  if (of_day_ms !== -1) return day.start_ms + of_day_ms;
  if (!RFC_3339.test(text)) return Number.NaN;
  const time_ms = Date.parse(text);
  // The cached day is left as it was for a text that is not a time.
  if (time_ms >= 0 && text.charCodeAt(text.length - 1) === UPPER_Z) format(time_ms);
  return time_ms;
}

/** Parses `19:30:00Z` and `19:30:00.250Z`, as we write them; -1 for anything else, which may still be a valid time. */
function clockIn(text: string, at: number): number {
  const hours = pairAt(text, at);
  const minutes = pairAt(text, at + 3);
  const seconds = pairAt(text, at + 6);
  if (text.charCodeAt(at + 2) !== COLON || text.charCodeAt(at + 5) !== COLON) return -1;
  if (!(hours < 24 && minutes < 60 && seconds < 60)) return -1;
  const ms = (hours * 3600 + minutes * 60 + seconds) * 1000;
  if (text.length === at + 9) return text.charCodeAt(at + 8) === UPPER_Z ? ms : -1;
  if (text.length !== at + 13 || text.charCodeAt(at + 8) !== POINT || text.charCodeAt(at + 12) !== UPPER_Z) return -1;
  const tenths = text.charCodeAt(at + 9) - ZERO;
  const rest = pairAt(text, at + 10);
  return tenths >= 0 && tenths <= 9 && rest < 100 ? ms + tenths * 100 + rest : -1;
}

/** NaN unless there are two digits. */
function pairAt(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO;
  const ones = text.charCodeAt(at + 1) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

const POINT = 46;
const ZERO = 48;
const COLON = 58;
const UPPER_Z = 90;

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
