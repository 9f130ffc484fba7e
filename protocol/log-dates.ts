/**
 * The other forms of a time in a log:
 *
 *     26/Nov/2026:19:28:00 +0000           Apache, nginx, gunicorn's access log
 *     11/26/2026 07:28:00 PM               Windows; the order of day and month is that of the rest of the log
 *     26.11.2026 19:28:00
 *     Thu, 26 Nov 2026 19:28:00 GMT        RFC 2822; 26-Nov-2026 too
 *     Thu Nov 26 19:28:00 2026             ctime; Nov 26, 2026 7:28:00 PM
 *     Nov 26 19:28:00  I1126 19:28:00.123  syslog, klog: no year
 *     20261126T192800Z  2026-11-26 19:28  [11/26/26 19:28:00]
 */
import { type LogTimeOptions, offsetAt, withoutZone } from './log-time.ts';
import { DAY_MS } from './time.ts';
import { timeInZone, type Zone } from './zone.ts';

/** The first time of these forms; null if there is none. */
export function otherTimeIn(prefix: string, options: LogTimeOptions): number | null {
  if (!CLOCK.test(prefix)) return null;
  let first: { index: number; time_ms: number } | null = null;
  for (const [pattern, read] of FORMS) {
    const match = pattern.exec(prefix);
    if (match === null || (first !== null && match.index >= first.index)) continue;
    const time_ms = read(match as Matched, options);
    if (time_ms !== null) first = { index: match.index, time_ms };
  }
  return first?.time_ms ?? null;
}

/** Whether days come before months in dates like 13/02/2026; null if none of these shows it. */
export function dayFirstIn(text: string): boolean | null {
  for (const [, first, , second] of text.matchAll(NUMERIC)) {
    if (Number(first) > 12 && Number(second) <= 12) return true;
    if (Number(second) > 12 && Number(first) <= 12) return false;
  }
  return null;
}

/**
 * The time of day at the beginning of a line, in milliseconds; null if there is none. Its day is that of the lines around it.
 */
export function clockIn(prefix: string): number | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour sequences begin with one.
  const match = BARE.exec(prefix.replace(/\u001b\[[\d;]*m/g, ''));
  return match === null ? null : clock(match.groups as Clock);
}

type Clock = { h: string; m: string; s?: string; f?: string; half?: string };
type Matched = RegExpExecArray & { groups: Clock & Record<string, string | undefined> };
type Day = { year: number; month: number; day: number };

/** Milliseconds of the day; null for 25:00. */
function clock({ h, m, s = '0', f = '', half }: Clock): number | null {
  let hour = Number(h);
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return null;
    hour = (hour % 12) + (/^p/i.test(half) ? 12 : 0);
  }
  const [minute, second] = [Number(m), Number(s)];
  if (hour > 24 || minute > 59 || second > 60) return null;
  return ((hour * 60 + minute) * 60 + second) * 1000 + Number(f.padEnd(3, '0').slice(0, 3));
}

function timeOn({ year, month, day }: Day, match: Matched, zone: Zone | undefined): number | null {
  const of_day_ms = clock(match.groups);
  if (of_day_ms === null || !(month >= 1 && month <= 12 && day >= 1 && day <= 31)) return null;
  const offset = offsetAt(match.input, match.index + match[0].length);
  if (offset === null) withoutZone.seen = true;
  return timeInZone(Date.UTC(year, month - 1, day) + of_day_ms, offset ?? zone ?? 0);
}

/** Without a year: up to a day ahead may be a zone or a wrong clock; more is last year. */
function timeOfYear(month: number, day: number, match: Matched, { zone, now_ms }: LogTimeOptions): number | null {
  if (now_ms === undefined) return null;
  const year = new Date(now_ms).getUTCFullYear();
  const times = [year + 1, year, year - 1].map((one) => timeOn({ year: one, month, day }, match, zone));
  return times.find((time_ms) => time_ms !== null && time_ms <= now_ms + DAY_MS) ?? null;
}

/** Which of two numbers is the day: one above 12, the order of the log, AM and PM, or what is nearest to now. */
function numericTime(match: Matched, options: LogTimeOptions): number | null {
  const { a, sep, b, y, half } = match.groups;
  const [first, second] = [Number(a), Number(b)];
  const at = (day: number, month: number) => timeOn({ year: Number(y), month, day }, match, options.zone);
  if (sep === '.' || first > 12) return at(first, second);
  if (second > 12) return at(second, first);
  const { day_first = null, now_ms } = options;
  if (day_first !== null) return day_first ? at(first, second) : at(second, first);
  if (half !== undefined || now_ms === undefined) return at(second, first);
  const [days, months] = [at(first, second), at(second, first)];
  const distance = (time_ms: number | null) => (time_ms === null ? Infinity : Math.abs(now_ms - time_ms));
  return distance(days) < distance(months) ? days : months;
}

/** Two digits for the year, in any place: the order of the log, or the date nearest to now. */
function shortTime(match: Matched, options: LogTimeOptions): number | null {
  const [a, b, c] = [match.groups.a, match.groups.b, match.groups.y].map(Number) as [number, number, number];
  const at = (year: number, month: number, day: number) =>
    timeOn({ year: 2000 + year, month, day }, match, options.zone);
  const times = { mdy: at(c, a, b), dmy: at(c, b, a), ymd: at(a, b, c) };
  const { day_first = null, now_ms } = options;
  if (day_first === true && times.dmy !== null) return times.dmy;
  if (now_ms === undefined) return times.mdy ?? times.dmy;
  const distance = (time_ms: number | null) => (time_ms === null ? Infinity : Math.abs(now_ms - time_ms));
  return Object.values(times).toSorted((one, other) => distance(one) - distance(other))[0] ?? null;
}

const month = (name: string | undefined): number => MONTHS.indexOf(name!.slice(0, 3).toLowerCase()) / 3 + 1;
const day = (groups: Matched['groups'], number: number): Day => ({
  year: Number(groups.y),
  month: number,
  day: Number(groups.d),
});

const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec';
const MONTH = '(?<mon>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const TIME = String.raw`(?<h>\d\d?):(?<m>\d\d)(?::(?<s>\d\d)(?:[.,:](?<f>\d+))?)?(?:\s?(?<half>[AaPp]\.?[Mm]\b\.?))?`;
const NUMERIC = /(?<!\d)(\d\d?)([/-])(\d\d?)\2\d{4}(?!\d)/g;
const CLOCK = /\d:?\d\d/;
const BARE = new RegExp(String.raw`^[^\w]{0,3}${TIME}(?!\d)`);

const form = (pattern: string, flags = ''): RegExp => new RegExp(pattern, flags);

const FORMS: [pattern: RegExp, read: (match: Matched, options: LogTimeOptions) => number | null][] = [
  [
    form(String.raw`(?<!\d)(?<d>\d\d?)[/ -]${MONTH}[a-z]*\.?[/ -](?<y>\d{4})[:, T]+(?:at )?${TIME}`, 'i'),
    (match, { zone }) => timeOn(day(match.groups, month(match.groups.mon)), match, zone),
  ],
  [form(String.raw`(?<!\d)(?<a>\d\d?)(?<sep>[/.-])(?<b>\d\d?)\k<sep>(?<y>\d{4}),?[ T]+${TIME}`), numericTime],
  [
    form(String.raw`(?<!\d)(?<y>\d{4})([-/.]?)(?<mo>\d\d)\2(?<d>\d\d)[T _,-]{1,3}${TIME}`),
    (match, { zone }) => timeOn(day(match.groups, Number(match.groups.mo)), match, zone),
  ],
  [
    form(
      String.raw`(?<!\d)(?<y>\d{4})-?(?<mo>\d\d)-?(?<d>\d\d)[T_ -]?(?<h>\d\d)(?<m>\d\d)(?<s>\d\d)(?:[.,](?<f>\d+))?(?!\d)`,
    ),
    (match, { zone }) => timeOn(day(match.groups, Number(match.groups.mo)), match, zone),
  ],
  [
    form(String.raw`\b${MONTH}[a-z]*\.? {1,2}(?<d>\d\d?),? (?<y>\d{4}),? (?:at )?${TIME}`, 'i'),
    (match, { zone }) => timeOn(day(match.groups, month(match.groups.mon)), match, zone),
  ],
  [form(String.raw`\b${MONTH} {1,2}(?<d>\d\d?) ${TIME}(?: (?<zone>[A-Z]{3,4}))?(?: (?<y>\d{4}))?`), monthTime],
  [form(String.raw`(?<![\d/])(?<a>\d\d)/(?<b>\d\d)/(?<y>\d\d) ${TIME}`), shortTime],
  [form(String.raw`^__REALTIME_TIMESTAMP=(?<us>\d{16})`), (match) => Number(match.groups.us) / 1000],
  [
    form(String.raw`(?<![A-Za-z0-9])[IWEFD](?<mo>\d\d)(?<d>\d\d) ${TIME}`),
    (match, options) => timeOfYear(Number(match.groups.mo), Number(match.groups.d), match, options),
  ],
];

/** `Nov 26 19:28:00`, and ctime's, whose year comes last. */
function monthTime(match: Matched, options: LogTimeOptions): number | null {
  const { mon, d, y, zone: name } = match.groups;
  if (y === undefined) return timeOfYear(month(mon), Number(d), match, options);
  const zone = name === undefined ? null : offsetAt(` ${name} `, 0);
  return timeOn(day(match.groups, month(mon)), match, zone ?? options.zone);
}
