/** What slows jobs down or makes them fail: patterns, each with the jobs that show it and why. */
import type { Pattern } from '../../../protocol/analytics.ts';
import { PATTERNS } from '../../../protocol/analytics.ts';
import { formatTime } from '../../../protocol/time.ts';
import { JOB_COLUMNS } from '../tables.ts';
import { type Asking, type Figures, JOBS, objectsOf, type Range, textOf } from './base.ts';

const NAMES = Object.keys(PATTERNS) as Pattern[];
/** On a worker, or of a source, fail more than so many jobs, and so many times the share of the others. */
const FAILED_MIN = 3;
const TIMES = 3;

/** The values with which far more jobs fail than with the others. Unknown ones are not compared. */
const bad = (column: string, tallies: string): string => `
  SELECT ${column}, share, others FROM (
    SELECT ${column}, failed, failed / nullif(ended, 0) AS share,
      (sum(failed) OVER () - failed) / nullif(sum(ended) OVER () - ended, 0) AS others
    FROM ${tallies} WHERE ${column} IS NOT NULL
  ) WHERE failed >= ${FAILED_MIN} AND share > ${TIMES} * coalesce(others, 1)`;

const TALLY = `count(*) FILTER (state = 'FAILED') AS failed, count(*) FILTER (state <> 'CANCELLED') AS ended`;
const DONE = `FILTER (state = 'COMPLETED')`;

/** Of a suspect. */
const CONDITIONS: Readonly<Record<Pattern, string>> = {
  large_files: 'is_slow AND file_size_bytes > 100000000',
  gpu_issues: 'is_slow AND gpu_usage < 50',
  network_issues: 'is_slow AND download_time_seconds > 300',
  cold_starts: 'is_slow AND started_at = first_at',
  cpu_fallback: `is_slow AND device = 'cpu' AND any_gpu`,
  bad_workers: `state = 'FAILED' AND worker_id IN (SELECT worker_id FROM bad_workers)`,
  bad_sources: `state = 'FAILED' AND audio_source IN (SELECT audio_source FROM bad_sources)`,
  retries: 'attempt > 1',
};

const SLOWEST_FIRST = 'processing_time_seconds DESC NULLS LAST, job_id';

/**
 * The jobs are read twice, of few columns, for what they are compared with; once for those that may show a pattern; and all
 * columns of those that are listed, which are in few files.
 */
const listed = (limit: number): string => `
  workers AS MATERIALIZED (
    SELECT worker_id, ${TALLY}, min(started_at) AS first_at, count(*) ${DONE} AS completed,
      count(processing_time_seconds) ${DONE} AS timed, sum(processing_time_seconds) ${DONE} AS seconds,
      bool_or(device <> 'cpu') ${DONE} AS has_gpu
    FROM jobs GROUP BY worker_id
  ),
  pace AS MATERIALIZED (
    SELECT coalesce(sum(completed), 0)::BIGINT AS completed, sum(seconds) / sum(timed) AS mean,
      coalesce(bool_or(has_gpu), false) AS any_gpu
    FROM workers
  ),
  bad_workers AS MATERIALIZED (${bad('worker_id', 'workers')}),
  bad_sources AS MATERIALIZED (${bad('audio_source', `(SELECT audio_source, ${TALLY} FROM jobs GROUP BY audio_source)`)}),
  marked AS NOT MATERIALIZED (
    SELECT jobs.*, any_gpu, state = 'COMPLETED' AND processing_time_seconds > 2 * mean AS is_slow FROM jobs, pace
  ),
  suspects AS MATERIALIZED (
    SELECT job_id, completed_at, processing_time_seconds, is_slow,
      ${NAMES.map((name) => `coalesce(${CONDITIONS[name]}, false) AS ${name}`).join(', ')}
    FROM (SELECT * FROM marked WHERE is_slow OR state = 'FAILED' OR attempt > 1) LEFT JOIN (SELECT worker_id, first_at FROM workers) USING (worker_id)
  ),
  listed AS MATERIALIZED (${NAMES.map(
    (name) => `
    SELECT * FROM (
      SELECT '${name}' AS pattern, job_id, completed_at, row_number() OVER (ORDER BY ${SLOWEST_FIRST}) AS nth
      FROM (SELECT * FROM suspects WHERE ${name} ORDER BY ${SLOWEST_FIRST} LIMIT ${limit})
    )`,
  ).join(' UNION ALL ')}
  ),
  found AS (SELECT count(*) FILTER (is_slow) AS slow, ${NAMES.map(
    (name) => `count(*) FILTER (${name}) AS ${name}_found`,
  ).join(', ')} FROM suspects)`;

export async function bottlenecks(
  { analytics, limits }: Asking,
  { from_ms, to_ms }: Omit<Range, 'group_by'>,
  limit: number,
) {
  const from = formatTime(from_ms);
  const to = formatTime(to_ms);
  const sql = `WITH ${JOBS}, ${listed(limit)}
    SELECT pace.completed, mean, found.*, rows.* FROM pace, found LEFT JOIN (
      SELECT pattern, nth, jobs.*,
        CASE pattern WHEN 'bad_workers' THEN w.share WHEN 'bad_sources' THEN s.share END AS share,
        CASE pattern WHEN 'bad_workers' THEN w.others WHEN 'bad_sources' THEN s.others END AS others
      FROM jobs JOIN listed USING (job_id, completed_at)
      LEFT JOIN bad_workers w USING (worker_id) LEFT JOIN bad_sources s USING (audio_source)
    ) AS rows ON true ORDER BY pattern, nth`;
  const parameters = [textOf(from), textOf(to)];
  const result = await analytics.query({ sql, parameters, ...limits, foreign: false });
  const rows = objectsOf(result);
  const { completed = 0, mean = null, slow: slow_jobs = 0 } = rows[0] ?? {};
  const byPattern = Map.groupBy(rows, ({ pattern }) => pattern);
  const of = <T>(make: (name: Pattern) => T) =>
    Object.fromEntries(NAMES.map((name) => [name, make(name)])) as Record<Pattern, T>;
  return {
    from,
    to,
    jobs_completed: Number(completed),
    average_processing_seconds: mean === null ? null : Math.round(Number(mean) * 1000) / 1000,
    slow_jobs: Number(slow_jobs),
    counts: of((name) => Number(rows[0]?.[`${name}_found`] ?? 0)),
    patterns: of((name) => (byPattern.get(name) ?? []).map((row) => suspectOf(row, name, Number(mean)))),
    as_of_seq: result.as_of_seq,
  };
}

function suspectOf(row: Figures, pattern: Pattern, mean: number): Figures {
  const { share, others } = row;
  const job = Object.fromEntries(JOB_COLUMNS.map((column) => [column.name, row[column.name]!]));
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
