/** What slows jobs down or makes them fail: patterns, each with the jobs that show it and why. */
import type { Pattern } from '../../../protocol/analytics.ts';
import { PATTERNS } from '../../../protocol/analytics.ts';
import { formatTime } from '../../../protocol/time.ts';
import { type Asking, type Figures, JOBS, objectsOf, type Range, textOf } from './base.ts';

const NAMES = Object.keys(PATTERNS) as Pattern[];
/** On a worker, or of a source, fail more than so many jobs, and so many times the share of the others. */
const FAILED_MIN = 3;
const TIMES = 3;

/** What finds a job and puts it in its place. Of those that are listed, all columns are read. */
const COLUMNS = 'job_id, processing_time_seconds';
const MEASURED = `${COLUMNS}, file_size_bytes, gpu_usage, download_time_seconds, device`;

const slow = (pattern: Pattern, condition: string): string =>
  `SELECT '${pattern}' AS pattern, ${COLUMNS}, NULL::DOUBLE AS share, NULL::DOUBLE AS others FROM slow WHERE ${condition}`;

/** Jobs that failed with a value of this column with which far more jobs fail than with others. */
const failing = (pattern: Pattern, column: string): string => `
  SELECT '${pattern}' AS pattern, ${COLUMNS}, share, others FROM jobs JOIN (
    SELECT ${column} AS value, failed / n AS share, (all_failed - failed) / nullif(all_n - n, 0) AS others
    FROM (
      SELECT ${column}, failed, n, sum(failed) OVER () AS all_failed, sum(n) OVER () AS all_n FROM (
        SELECT ${column}, count(*) FILTER (state = 'FAILED') AS failed, count(*) AS n
        FROM jobs WHERE state <> 'CANCELLED' AND ${column} IS NOT NULL GROUP BY ${column}
      )
    ) WHERE failed >= ${FAILED_MIN}
  ) ON ${column} = value
  WHERE state = 'FAILED' AND share > ${TIMES} * coalesce(others, 1)`;

const FOUND = `
  completed AS NOT MATERIALIZED (SELECT * FROM jobs WHERE state = 'COMPLETED'),
  pace AS (SELECT count(*) AS n, avg(processing_time_seconds) AS mean FROM completed),
  slow AS MATERIALIZED (SELECT ${MEASURED} FROM completed, pace WHERE processing_time_seconds > mean * 2),
  firsts AS (SELECT arg_min(job_id, started_at) AS job_id FROM jobs WHERE worker_id IS NOT NULL GROUP BY worker_id),
  found AS (
    ${[
      slow('large_files', 'file_size_bytes > 100000000'),
      slow('gpu_issues', 'gpu_usage < 50'),
      slow('network_issues', 'download_time_seconds > 300'),
      slow('cold_starts', 'job_id IN (SELECT job_id FROM firsts)'),
      slow('cpu_fallback', `device = 'cpu' AND EXISTS (SELECT 1 FROM completed WHERE device <> 'cpu')`),
      failing('bad_workers', 'worker_id'),
      failing('bad_sources', 'audio_source'),
      `SELECT 'retries' AS pattern, ${COLUMNS}, NULL AS share, NULL AS others FROM jobs WHERE attempt > 1`,
    ].join(' UNION ALL ')}
  )`;

export async function bottlenecks(
  { analytics, limits }: Asking,
  { from_ms, to_ms }: Omit<Range, 'group_by'>,
  limit: number,
) {
  const from = formatTime(from_ms);
  const to = formatTime(to_ms);
  const sql = `WITH ${JOBS}, ${FOUND}
    SELECT (SELECT n FROM pace) AS completed, (SELECT mean FROM pace) AS mean, (SELECT count(*) FROM slow) AS slow, listed.*
    FROM (SELECT 1) LEFT JOIN (
      SELECT * FROM (
        SELECT pattern, job_id, share, others, count(*) OVER (PARTITION BY pattern) AS found,
          row_number() OVER (PARTITION BY pattern ORDER BY processing_time_seconds DESC NULLS LAST, job_id) AS nth
        FROM found QUALIFY nth <= ${limit}
      ) JOIN jobs USING (job_id)
    ) AS listed ON true ORDER BY pattern, nth`;
  const parameters = [textOf(from), textOf(to)];
  const result = await analytics.query({ sql, parameters, ...limits, foreign: false });
  const rows = objectsOf(result);
  const { completed = 0, mean = null, slow: slow_jobs = 0 } = rows[0] ?? {};
  const byPattern = Map.groupBy(rows, ({ pattern }) => pattern);
  const of = <T>(make: (rows: Figures[], name: Pattern) => T) =>
    Object.fromEntries(NAMES.map((name) => [name, make(byPattern.get(name) ?? [], name)])) as Record<Pattern, T>;
  return {
    from,
    to,
    jobs_completed: Number(completed),
    average_processing_seconds: mean === null ? null : Math.round(Number(mean) * 1000) / 1000,
    slow_jobs: Number(slow_jobs),
    counts: of(([first]) => Number(first?.found ?? 0)),
    patterns: of((found, name) => found.map((row) => suspectOf(row, name, Number(mean)))),
    as_of_seq: result.as_of_seq,
  };
}

function suspectOf(row: Figures, pattern: Pattern, mean: number): Figures {
  const { pattern: _, found: __, nth: ___, completed: ____, mean: _____, slow: ______, share, others, ...job } = row;
  const { cost_usd, gpu_usage, worker_id } = job;
  const took = `took ${whole(job.processing_time_seconds)} s, ${(Number(job.processing_time_seconds) / mean).toFixed(1)} times the mean`;
  const fails = `${percent(share)} of its jobs fail, ${others === null ? 'and there is no other' : `${percent(others)} of the others`}`;
  const evidence: Record<Pattern, string> = {
    large_files: `${took}; the file has ${whole(Number(job.file_size_bytes) / 1e6)} MB`,
    gpu_issues: `${took}; the GPU was used at ${whole(gpu_usage)} %`,
    network_issues: `${took}; the download took ${whole(job.download_time_seconds)} s of it`,
    cold_starts: `${took}; it was the first job of ${worker_id}`,
    cpu_fallback: `${took}; it ran on a CPU`,
    bad_workers: `failed on ${worker_id}: ${fails}`,
    bad_sources: `failed with audio from ${job.audio_source}: ${fails}`,
    retries: `${job.state} at attempt ${job.attempt}${cost_usd === null ? '' : `, for $${cost_usd}`}`,
  };
  return { ...job, evidence: evidence[pattern] };
}

const whole = (value: unknown): string => String(Math.round(Number(value)));
const percent = (share: unknown): string => `${(Number(share) * 100).toFixed(0)} %`;
