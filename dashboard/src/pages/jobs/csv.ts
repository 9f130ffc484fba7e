/** A list of jobs as CSV. */
import type { Job } from '../../../../protocol/job.ts';
import { nameOf } from '../../parts/job-words.ts';

export type CsvColumn = { key: string; text: (job: Job) => string | number | null };

const ALWAYS: readonly CsvColumn[] = [
  { key: 'file', text: nameOf },
  { key: 'url', text: ({ input }) => input.s3_path },
];

/** RFC 4180, with a header. */
export function csvOf(jobs: readonly Job[], columns: readonly CsvColumn[]): string {
  const all = [...ALWAYS, ...columns];
  const lines = [all.map(({ key }) => key), ...jobs.map((job) => all.map(({ text }) => cell(text(job))))];
  return `${lines.map((line) => line.join(',')).join('\r\n')}\r\n`;
}

/** Spreadsheets run a cell that begins with one of these. */
const FORMULA = /^[=+\-@\t\r]/;

function cell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
