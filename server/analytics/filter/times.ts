/** ISO 8601 times in filters, as microseconds since 1970: a date alone is its midnight; without an offset it is UTC. */

export const TIME_EXAMPLES = ["'2026-01-31'", "'2026-01-31T12:00:00Z'", "'2026-01-31 14:00:00.5+02:00'"];

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?)?$/i;

/** Undefined if the text is not a time, or names a day or an hour that does not exist. */
export function parseTime(text: string): number | undefined {
  const match = ISO.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const date = new Date(0);
  date.setUTCFullYear(year!, month! - 1, day!);
  date.setUTCHours(hour!, minute!, second!);
  const exists = date.getUTCDate() === day && date.getUTCMonth() === month! - 1 && minute! < 60 && second! < 60;
  const offset_minutes = offsetOf(match[9], match[10], match[11]);
  if (!exists || hour! > 23 || offset_minutes === undefined) return undefined;
  return (date.getTime() - offset_minutes * 60_000) * 1000 + Number((match[7] ?? '').padEnd(6, '0').slice(0, 6));
}

function offsetOf(sign = '+', hours = '0', minutes = '0'): number | undefined {
  const total = Number(hours) * 60 + Number(minutes);
  if (Number(hours) > 18 || Number(minutes) > 59) return undefined;
  return sign === '-' ? -total : total;
}
