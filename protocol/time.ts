/** Times on every wire and in every object: RFC 3339 in UTC with `Z`, milliseconds only where they are not zero. */

/** `1751916600000` → `2025-07-07T19:30:00Z`. */
export function formatTime(time_ms: number): string {
  if (time_ms === last.time_ms) return last.text;
  const text = new Date(time_ms).toISOString();
  last.time_ms = time_ms;
  last.text = text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text;
  return last.text;
}

/** Times come in runs: all that a segment changed has its time. */
const last = { time_ms: Number.NaN, text: '' };

/** Milliseconds since 1970, or NaN where the text is no RFC 3339 time with a zone. */
export function parseTime(text: string): number {
  return RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
