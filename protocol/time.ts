/** Times on every wire and in every object: RFC 3339 in UTC with `Z`, milliseconds only where they are not zero. */

/** `1751916600000` → `2025-07-07T19:30:00Z`. */
export function formatTime(time_ms: number): string {
  const place = Math.abs(time_ms) % RECENT;
  const recent = formatted[place];
  if (recent !== undefined && recent.time_ms === time_ms) return recent.text;
  const iso = new Date(time_ms).toISOString();
  const text = iso.endsWith('.000Z') ? `${iso.slice(0, -5)}Z` : iso;
  if (Number.isInteger(place)) formatted[place] = { time_ms, text };
  return text;
}

/** The same few times are asked for again and again: all that a segment changed has its time, and a job has a handful. */
const RECENT = 256;
const formatted: ({ time_ms: number; text: string } | undefined)[] = new Array(RECENT).fill(undefined);

/** Milliseconds since 1970, or NaN where the text is no RFC 3339 time with a zone. */
export function parseTime(text: string): number {
  return RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
