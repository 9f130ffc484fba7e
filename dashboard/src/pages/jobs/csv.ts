/** A list of jobs as CSV. */
import type { Job } from '../../../../protocol/job.ts';
import { csvText } from '../../parts/csv.ts';
import { nameOf } from '../../parts/job-words.ts';

export type CsvColumn = { key: string; text: (job: Job) => string | number | null };

const ALWAYS: readonly CsvColumn[] = [
  { key: 'file', text: nameOf },
  { key: 'url', text: ({ input }) => input.s3_path },
];

/** With a header. */
export function csvOf(jobs: readonly Job[], columns: readonly CsvColumn[]): string {
  return csvText(
    [...ALWAYS, ...columns].map(({ key, text }) => ({ name: key, value: text })),
    jobs,
  );
}
