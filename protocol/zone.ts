/**
 * The zone of times that were written without one: `datetime.now().isoformat()`, a TIMESTAMP, the prefix of a log line.
 *
 *     utc  local  +02:00  +0530  America/New_York
 */
import { DAY_MS, MINUTE_MS } from './time.ts';

/** Minutes east of UTC, the zone of this machine, or the IANA name of one. */
export type Zone = number | 'local' | (string & {});

export const ZONE_FORMS = 'utc, local, an offset like +02:00, or a name like America/New_York';

/** Throws a RangeError that names the forms. */
export function parseZone(text: string): Zone {
  const zone = text.trim();
  if (/^(utc|z|gmt)$/i.test(zone)) return 0;
  if (/^local$/i.test(zone)) return 'local';
  // A plus that was not encoded in a URL is a space.
  const [, sign, hours = '', minutes = '00'] =
    /^(?:utc|gmt)?([+\-\u2212]|(?=\d\d:?\d\d$))(\d\d?)(?::?(\d\d))?$/i.exec(zone) ?? [];
  if (sign !== undefined) {
    const offset = Number(hours) * 60 + Number(minutes);
    if (Number(minutes) < 60 && offset <= OFFSET_MAX) return sign === '-' || sign === '\u2212' ? 0 - offset : offset;
  } else if (/[A-Za-z]/.test(zone) && clockOf(zone) !== null) return clockOf(zone)!.name;
  throw new RangeError(`${JSON.stringify(text)} is not a zone: ${ZONE_FORMS}`);
}

/**
 * The URL of a source without its `zone`: `log:/var/log/worker.log?zone=America/New_York`, `postgres://host/db?zone=+02:00`. Throws
 * a RangeError like `parseZone`.
 */
export function takeZone(url: string): { url: string; zone: Zone | null } {
  const [all, mark = '', text, next] = /([?&])zone=([^&#]*)(&?)/.exec(url) ?? [];
  if (all === undefined) return { url, zone: null };
  return { url: url.replace(all, next === '' ? '' : mark), zone: parseZone(decodeURIComponent(text!)) };
}

/** What `parseZone` reads back. */
export function formatZone(zone: Zone): string {
  if (typeof zone === 'string') return zone;
  if (zone === 0) return 'utc';
  const [hours, minutes] = [Math.trunc(Math.abs(zone) / 60), Math.abs(zone) % 60];
  return `${zone < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
}

/**
 * The moment at which clocks of the zone show this time, which is given as if it were UTC. An hour that clocks show twice means the
 * first; one that they skip means as long after the change, as `Date` does.
 */
export function timeInZone(shown_ms: number, zone: Zone): number {
  if (typeof zone === 'number') return shown_ms - zone * MINUTE_MS;
  const slot = Math.floor(shown_ms / SLOT_MS);
  if (zone === 'local') return shown_ms + shownAsLocal(slot * SLOT_MS) - slot * SLOT_MS;
  if (last.zone !== zone || last.slot !== slot) {
    last = { zone, slot, offset_ms: offsetWhenShown(slot * SLOT_MS, zone) };
  }
  return shown_ms - last.offset_ms;
}

/** Minutes east of UTC at a moment. */
export function offsetInZone(time_ms: number, zone: Zone): number {
  if (typeof zone === 'number') return zone;
  if (zone === 'local') return 0 - new Date(time_ms).getTimezoneOffset();
  return offsetAt(time_ms, zone) / MINUTE_MS;
}

/** Every zone changes its offset on a quarter of an hour. Cached, because lines of one day come in runs. */
const SLOT_MS = 15 * MINUTE_MS;
let last: { zone: Zone; slot: number; offset_ms: number } = { zone: 0, slot: 0, offset_ms: 0 };

function shownAsLocal(shown_ms: number): number {
  const shown = new Date(shown_ms);
  return new Date(
    shown.getUTCFullYear(),
    shown.getUTCMonth(),
    shown.getUTCDate(),
    shown.getUTCHours(),
    shown.getUTCMinutes(),
  ).getTime();
}

function offsetWhenShown(shown_ms: number, zone: string): number {
  const before = offsetAt(shown_ms - DAY_MS, zone);
  const after = offsetAt(shown_ms + DAY_MS, zone);
  const fits = [before, after].find((offset_ms) => offsetAt(shown_ms - offset_ms, zone) === offset_ms);
  return fits ?? before;
}

function offsetAt(time_ms: number, zone: string): number {
  const clock = clockOf(zone);
  if (clock === null || !(Math.abs(time_ms) <= DATE_MAX_MS)) return 0;
  const [, month, day, year, hour, minute, second] = SHOWN.exec(clock.format.format(time_ms)) ?? [];
  const shown = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  return shown - Math.floor(time_ms / 1000) * 1000;
}

type Clock = { name: string; format: Intl.DateTimeFormat };
const clocks = new Map<string, Clock | null>();

/** Null for a name that this machine does not know. */
function clockOf(name: string): Clock | null {
  const known = clocks.get(name);
  if (known !== undefined) return known;
  let clock: Clock | null = null;
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    clock = { name: format.resolvedOptions().timeZone, format };
  } catch {}
  if (clocks.size < 1000) clocks.set(name, clock);
  return clock;
}

const SHOWN = /(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)/;
const OFFSET_MAX = 15 * 60;
const DATE_MAX_MS = 8.64e15 - 2 * DAY_MS;
