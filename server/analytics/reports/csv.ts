/** A report or a result as CSV (RFC 4180): a header, a row for each item. Nested figures have names with a dot. */
import type { Figures } from './base.ts';

export function csvOf(items: readonly Figures[], names: readonly string[] = []): string {
  const rows = items.map((item) => flat(item));
  const header = names.length > 0 ? names : [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return [header, ...rows.map((row) => header.map((name) => row[name]))].map(csvLine).join('');
}

/** One row, with its line break. */
export const csvLine = (values: readonly unknown[]): string => `${values.map(field).join(',')}\r\n`;

function flat(item: Figures, prefix = ''): Figures {
  return Object.fromEntries(
    Object.entries(item).flatMap(([name, value]) =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.entries(flat(value as Figures, `${prefix}${name}.`))
        : [[`${prefix}${name}`, value]],
    ),
  );
}

/** A text that a spreadsheet would take for a formula gets a quote before it. */
function field(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = Array.isArray(value) ? value.join(' ') : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
