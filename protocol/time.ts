/** Times on every wire and in every object: RFC 3339 in UTC with `Z`, milliseconds only where they are not zero. */

/** `1751916600000` → `2025-07-07T19:30:00Z`. */
export function formatTime(time_ms: number): string {
  const text = new Date(time_ms).toISOString();
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text;
}

/** Milliseconds since 1970, or NaN where the text is no RFC 3339 time with a zone. */
export function parseTime(text: string): number {
  return RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
