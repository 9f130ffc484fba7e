/** Jobs of a time by a filter, the last that ended first; one that has not ended counts by its submission. */
import { MonitorError } from '../../../protocol/errors.ts';
import { formatTime, parseTime } from '../../../protocol/time.ts';
import type { SqlParameter } from '../filter/compile.ts';
import { compileFilter, parseFilter } from '../filter/filter.ts';
import { JOB_COLUMNS } from '../tables.ts';
import { type Asking, objectsOf, type Range, textOf } from './base.ts';

export type JobRowsOptions = Omit<Range, 'group_by'> & {
  filter: string | undefined;
  limit: number;
  cursor: string | undefined;
};

/** The bounds and the time of the first page, so that the others are of the same set; and where the next one begins. */
type Cursor = { from: string; to: string; at: string; job_id: string };

/** Throws MonitorError: `invalid_filter`, `invalid_cursor`. */
export async function jobRows({ analytics, limits }: Asking, options: JobRowsOptions) {
  const { filter, limit } = options;
  const cursor = options.cursor === undefined ? null : decode(options.cursor);
  const from = cursor?.from ?? formatTime(options.from_ms);
  const to = cursor?.to ?? formatTime(options.to_ms);
  const before: SqlParameter[] = [from, to, ...(cursor ? [cursor.at, cursor.job_id] : [])].map(textOf);
  const now_ms = parseTime(to);
  const compiled =
    filter === undefined
      ? null
      : compileFilter(parseFilter(filter), {
          base: 'queried',
          now_ms,
          parameters_before: before.length,
        });
  const conditions = [
    ...(compiled ? [compiled.where] : []),
    ...(cursor ? ['(sorted_at, job_id) < ($3::TIMESTAMP, $4::VARCHAR)'] : []),
  ];
  // First which jobs, of the columns that the filter needs, then the whole rows of those few.
  const sql = `WITH ${[QUERIED, ...(compiled?.with ?? [])].join(', ')}, page AS MATERIALIZED (
      SELECT job_id, sorted_at FROM queried ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}
      ORDER BY sorted_at DESC, job_id DESC LIMIT ${limit + 1}
    )
    SELECT ${NAMES}, sorted_at FROM queried
    WHERE job_id IN (SELECT job_id FROM page)
      AND sorted_at BETWEEN (SELECT min(sorted_at) FROM page) AND (SELECT max(sorted_at) FROM page)
    ORDER BY sorted_at DESC, job_id DESC`;
  const parameters = [...before, ...(compiled?.parameters ?? [])];
  const result = await analytics.query({ sql, parameters, ...limits, foreign: false });
  const rows = objectsOf(result);
  const items = rows.slice(0, limit).map(({ sorted_at: _, ...row }) => row);
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  const next = last && { from, to, at: String(last.sorted_at), job_id: String(last.job_id) };
  return { items, next_cursor: next ? encode(next) : null, as_of_seq: result.as_of_seq };
}

const NAMES = JOB_COLUMNS.map(({ name }) => name).join(', ');

/** Jobs that have ended apart from the others: by the time of the end, most column files need not be read. */
const QUERIED = `queried AS NOT MATERIALIZED (
  SELECT *, completed_at AS sorted_at FROM job_states
  WHERE completed_at >= $1::TIMESTAMP AND completed_at < $2::TIMESTAMP
  UNION ALL SELECT *, created_at FROM job_states
  WHERE completed_at IS NULL AND created_at >= $1::TIMESTAMP AND created_at < $2::TIMESTAMP
)`;

const encode = (cursor: Cursor): string => Buffer.from(JSON.stringify(cursor)).toString('base64url');

function decode(text: string): Cursor {
  try {
    const cursor = JSON.parse(Buffer.from(text, 'base64url').toString()) as Cursor;
    const times = [cursor.from, cursor.to].every((time) => Number.isFinite(parseTime(time)));
    if (times && !Number.isNaN(Date.parse(cursor.at)) && typeof cursor.job_id === 'string') return cursor;
  } catch {
    // Refused below.
  }
  throw new MonitorError('invalid', 'invalid_cursor', 'the cursor is not one that this monitor gave', {
    hint: "Pass the last page's next_cursor unchanged, or leave it out to begin anew.",
  });
}
