/**
 * A time as programs write it, in seconds: `62.5`, `"62.5s"`, `"1:02.5"`, `"00:01:02,500"`, `"62500ms"`. Null for what says
 * nothing: null, NaN, an empty text. Undefined if it is no time.
 */
export function readTime(value: unknown): number | null | undefined {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (/^(?:|nan|none|null|-?inf(?:inity)?)$/i.test(text)) return null;
  const milliseconds = /^(-?\d+(?:\.\d+)?)\s*ms$/i.exec(text);
  if (milliseconds) return Number(milliseconds[1]) / 1000;
  const clock = /^(-)?(?:(?:(\d{1,6}):)?(\d{1,6}):)?(\d{1,12}(?:[.,]\d+)?)\s*(?:s|sec|seconds?)?$/i.exec(text);
  if (!clock) return undefined;
  const [, minus, hours = '0', minutes = '0', seconds = '0'] = clock;
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds.replace(',', '.'));
  return minus === undefined ? total : -total;
}
