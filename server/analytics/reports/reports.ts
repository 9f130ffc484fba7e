/** The reports of the API: costs, throughput, durations, failures. */
import { type Asking, ATTEMPTS, ask, type Figures, grouped, JOBS, type Range, total, usd } from './base.ts';

const ENDED = `
  count(*) FILTER (is_last AND state = 'COMPLETED') AS jobs_completed,
  count(*) FILTER (is_last AND state = 'FAILED') AS jobs_failed,
  count(*) FILTER (is_last AND state = 'CANCELLED') AS jobs_cancelled`;
const COMPLETED = `is_last AND state = 'COMPLETED'`;

export async function costs(asking: Asking, range: Range) {
  const figures = `${ENDED},
    ${usd('micros')} AS cost_usd,
    coalesce(sum(micros) FILTER (NOT (${COMPLETED})), 0)::BIGINT / 1e6 AS wasted_usd,
    count(*) FILTER (ran AND micros IS NULL) AS unpriced_attempts,
    ${total('seconds')} AS instance_seconds,
    round(coalesce(sum(duration_seconds) FILTER (${COMPLETED}), 0), 3) AS audio_seconds`;
  const sql = `WITH ${JOBS}, ${ATTEMPTS} ${grouped('attempts', figures, range.group_by)}`;
  return reportOf(await ask(asking, range, sql), (row) => ({
    ...row,
    cost_per_job_usd: ratio(row.cost_usd, row.jobs_completed),
    cost_per_audio_minute_usd: ratio(row.cost_usd, Number(row.audio_seconds) / 60),
  }));
}

export async function throughput(asking: Asking, range: Range) {
  const timed = `state = 'COMPLETED' AND duration_seconds IS NOT NULL AND processing_time_seconds > 0`;
  const figures = `${ENDED},
    round(coalesce(sum(duration_seconds) FILTER (${COMPLETED}), 0), 3) AS audio_seconds,
    round(coalesce(sum(processing_time_seconds) FILTER (${COMPLETED}), 0), 3) AS processing_seconds,
    sum(duration_seconds) FILTER (${timed}) / sum(processing_time_seconds) FILTER (${timed}) AS throughput_factor`;
  const sql = `WITH ${JOBS}, ended AS (SELECT *, true AS is_last FROM jobs) ${grouped('ended', figures, range.group_by)}`;
  return reportOf(await ask(asking, range, sql), (row) => ({
    ...row,
    success_rate: ratio(row.jobs_completed, Number(row.jobs_completed) + Number(row.jobs_failed)),
    throughput_factor: rounded(row.throughput_factor, 1000),
  }));
}

const MEASURES = {
  queue: 'queue_time_seconds',
  download: 'download_time_seconds',
  processing: 'processing_time_seconds',
  turnaround: `greatest(0, epoch_ms(completed_at) - epoch_ms(created_at)) / 1000`,
} as const;
const QUANTILES = ['p50', 'p90', 'p95', 'p99'] as const;

export async function durations(asking: Asking, range: Range) {
  const measures = Object.keys(MEASURES).map(
    (name) => `
    count(${name}) AS ${name}_count, avg(${name}) AS ${name}_average, max(${name}) AS ${name}_max,
    quantile_cont(${name}, [0.5, 0.9, 0.95, 0.99]) AS ${name}_quantiles`,
  );
  const columns = Object.entries(MEASURES).map(([name, column]) => `${column} AS ${name}`);
  const ended = `completed AS (SELECT *, ${columns.join(', ')} FROM jobs WHERE state = 'COMPLETED')`;
  const figures = `count(*) AS jobs_completed, ${measures.join(',')}`;
  const sql = `WITH ${JOBS}, ${ended} ${grouped('completed', figures, range.group_by)}`;
  return reportOf(await ask(asking, range, sql), (row) => ({
    ...('group' in row && { group: row.group ?? null }),
    jobs_completed: row.jobs_completed ?? 0,
    ...Object.fromEntries(Object.keys(MEASURES).map((name) => [name, quantilesOf(row, name)])),
  }));
}

function quantilesOf(row: Figures, name: string): Figures {
  const quantiles = (row[`${name}_quantiles`] ?? []) as number[];
  return {
    count: row[`${name}_count`]!,
    average: rounded(row[`${name}_average`], 1000),
    ...Object.fromEntries(QUANTILES.map((quantile, at) => [quantile, rounded(quantiles[at], 1000)])),
    max: rounded(row[`${name}_max`], 1000),
  };
}

export async function failures(asking: Asking, range: Range) {
  const figures = `
    count(*) FILTER (is_last AND state = 'FAILED') AS jobs_failed,
    count(*) FILTER (error_code IS NOT NULL) AS attempts_failed,
    count(DISTINCT job_id) FILTER (error_code IS NOT NULL AND state = 'COMPLETED') AS jobs_recovered,
    coalesce(sum(micros) FILTER (error_code IS NOT NULL), 0)::BIGINT / 1e6 AS wasted_usd,
    min(ended_at) FILTER (error_code IS NOT NULL) AS first_at,
    max(ended_at) FILTER (error_code IS NOT NULL) AS last_at,
    coalesce(arg_max(job_id, ended_at, 5), []) AS example_job_ids`;
  const failed = `failed AS (SELECT * FROM attempts WHERE error_code IS NOT NULL OR state = 'FAILED')`;
  const sql = `WITH ${JOBS}, ${ATTEMPTS}, ${failed} ${grouped('failed', figures, range.group_by)}`;
  return reportOf(await ask(asking, range, sql), (row) => row);
}

type Asked = Awaited<ReturnType<typeof ask>>;

function reportOf({ total: whole, items, frame }: Asked, figuresOf: (row: Figures) => Figures) {
  return { ...frame, items: items.map(figuresOf), total: figuresOf(whole) };
}

function ratio(value: unknown, by: unknown): number | null {
  return Number(by) > 0 ? rounded(Number(value) / Number(by), 1e9) : null;
}

function rounded(value: unknown, parts: number): number | null {
  return value === null || value === undefined ? null : Math.round(Number(value) * parts) / parts;
}
