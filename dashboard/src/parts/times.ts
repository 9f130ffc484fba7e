/** Times as text. */

const SAME_DAY: Intl.DateTimeFormatOptions = {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
};
const OTHER_DAY: Intl.DateTimeFormatOptions = {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
};

const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions, zone: string | undefined): Intl.DateTimeFormat {
  const key = `${zone} ${JSON.stringify(options)}`;
  const known = formats.get(key);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone });
  formats.set(key, made);
  return made;
}

const DAY: Intl.DateTimeFormatOptions = { year: 'numeric', month: '2-digit', day: '2-digit' };

/** In the viewer's zone, or in `zone`: `18:41:06` today, `3 Nov, 18:41` this year, else with the year. */
export function clockTime(at: string, now_ms: number, zone?: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const day = format(DAY, zone);
  const now = new Date(now_ms);
  if (day.format(date) === day.format(now)) return format(SAME_DAY, zone).format(date);
  const year = date.getUTCFullYear() === now.getUTCFullYear() ? {} : { year: 'numeric' as const };
  return format({ ...OTHER_DAY, ...year }, zone).format(date);
}

/** `2026-11-03 18:41:06 UTC` */
export function inUtc(at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
