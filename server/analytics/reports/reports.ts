/** The reports of the API: costs, throughput, durations, failures. */
import {
  type Asking,
  ATTEMPTS,
  added,
  ask,
  count,
  type Figures,
  grouped,
  JOBS,
  type Range,
  total,
  usd,
} from './base.ts';

const ENDED = {
  parts: `
    count(*) FILTER (is_last AND state = 'COMPLETED') AS completed,
    count(*) FILTER (is_last AND state = 'FAILED') AS failed,
    count(*) FILTER (is_last AND state = 'CANCELLED') AS cancelled`,
  figures: `
    ${count('completed')} AS jobs_completed, ${count('failed')} AS jobs_failed, ${count('cancelled')} AS jobs_cancelled`,
};
const COMPLETED = `is_last AND state = 'COMPLETED'`;

export async function costs(asking: Asking, range: Range) {
  const parts = `${ENDED.parts},
    sum(micros) AS micros,
    sum(micros) FILTER (NOT (${COMPLETED})) AS wasted,
    count(*) FILTER (ran AND micros IS NULL) AS unpriced,
    sum(seconds) AS seconds,
    sum(duration_seconds) FILTER (${COMPLETED}) AS audio`;
  const figures = `${ENDED.figures},
    ${usd('micros')} AS cost_usd,
    ${usd('wasted')} AS wasted_usd,
    ${count('unpriced')} AS unpriced_attempts,
    ${total('seconds')} AS instance_seconds,
    ${total('audio')} AS audio_seconds`;
  const sql = `WITH ${JOBS}, ${ATTEMPTS}, ${added('attempts', { parts, figures }, range.group_by)}`;
  return reportOf(await ask(asking, range, [sql]), (row) => ({
    ...row,
    cost_per_job_usd: ratio(row.cost_usd, row.jobs_completed),
    cost_per_audio_minute_usd: ratio(row.cost_usd, Number(row.audio_seconds) / 60),
  }));
}

export async function throughput(asking: Asking, range: Range) {
  const timed = `state = 'COMPLETED' AND duration_seconds IS NOT NULL AND processing_time_seconds > 0`;
  const parts = `${ENDED.parts},
    sum(duration_seconds) FILTER (${COMPLETED}) AS audio,
    sum(processing_time_seconds) FILTER (${COMPLETED}) AS processing,
    sum(duration_seconds) FILTER (${timed}) AS timed_audio,
    sum(processing_time_seconds) FILTER (${timed}) AS timed_processing`;
  const figures = `${ENDED.figures},
    ${total('audio')} AS audio_seconds,
    ${total('processing')} AS processing_seconds,
    sum(timed_audio) / sum(timed_processing) AS throughput_factor`;
  const ended = 'ended AS NOT MATERIALIZED (SELECT *, true AS is_last FROM jobs)';
  const sql = `WITH ${JOBS}, ${ended}, ${added('ended', { parts, figures }, range.group_by)}`;
  return reportOf(await ask(asking, range, [sql]), (row) => ({
    ...row,
    success_rate: ratio(row.jobs_completed, Number(row.jobs_completed) + Number(row.jobs_failed)),
    throughput_factor: rounded(row.throughput_factor, 1000),
  }));
}

/** In milliseconds, which these times were rounded to. */
const MEASURES = {
  queue: 'round(queue_time_seconds * 1000)',
  download: 'round(download_time_seconds * 1000)',
  processing: 'round(processing_time_seconds * 1000)',
  turnaround: 'greatest(0, epoch_ms(completed_at) - epoch_ms(created_at))',
} as const;
const NAMES = Object.keys(MEASURES);
const QUANTILES = ['p50', 'p90', 'p95', 'p99'] as const;
/** The largest INTEGER: 24 days. */
const INTEGER_MAX_MS = 2 ** 31 - 1;

/**
 * Exact quantiles keep every value in memory. So the values are narrow, unless one of them turns out to be too large, which is
 * why they are then read again; and two of the times are done before the others.
 */
export async function durations(asking: Asking, range: Range) {
  const narrow = await ask(asking, range, durationsSql('INTEGER', range.group_by));
  const fits = NAMES.every((name) => Number(narrow.total[`${name}_max`] ?? 0) <= INTEGER_MAX_MS);
  const asked = fits ? narrow : await ask(asking, range, durationsSql('BIGINT', range.group_by));
  return reportOf(asked, (row) => ({
    ...('group' in row && { group: row.group ?? null }),
    jobs_completed: row.jobs_completed ?? 0,
    ...Object.fromEntries(NAMES.map((name) => [name, quantilesOf(row, name)])),
  }));
}

function durationsSql(type: 'INTEGER' | 'BIGINT', group_by: Range['group_by']): [string, string] {
  const columns = Object.entries(MEASURES).map(([name, ms]) => `CAST(${ms} AS BIGINT) AS ${name}`);
  const completed = `completed AS NOT MATERIALIZED (SELECT *, ${columns.join(', ')} FROM jobs WHERE state = 'COMPLETED')`;
  const figuresOf = (name: string) => `
    count(${name}) AS ${name}_count, avg(${name}) AS ${name}_average, max(${name}) AS ${name}_max,
    quantile_cont(TRY_CAST(${name} AS ${type}), [0.5, 0.9, 0.95, 0.99]) AS ${name}_quantiles`;
  const sqlOf = (names: readonly string[]) => {
    const figures = ['count(*) AS jobs_completed', ...names.map(figuresOf)].join(',');
    return `WITH ${JOBS}, ${completed} ${grouped('completed', figures, group_by)}`;
  };
  return [sqlOf(NAMES.slice(0, 2)), sqlOf(NAMES.slice(2))];
}

function quantilesOf(row: Figures, name: string): Figures {
  const quantiles = (row[`${name}_quantiles`] ?? []) as number[];
  return {
    count: row[`${name}_count`]!,
    average: secondsOf(row[`${name}_average`]),
    ...Object.fromEntries(QUANTILES.map((quantile, at) => [quantile, secondsOf(quantiles[at])])),
    max: secondsOf(row[`${name}_max`]),
  };
}

const secondsOf = (ms: unknown): number | null =>
  ms === null || ms === undefined ? null : Math.round(Number(ms)) / 1000;

export async function failures(asking: Asking, range: Range) {
  const figures = `
    count(*) FILTER (is_last AND state = 'FAILED') AS jobs_failed,
    count(*) FILTER (error_code IS NOT NULL) AS attempts_failed,
    count(DISTINCT job_id) FILTER (error_code IS NOT NULL AND state = 'COMPLETED') AS jobs_recovered,
    coalesce(sum(micros) FILTER (error_code IS NOT NULL), 0)::BIGINT / 1e6 AS wasted_usd,
    min(ended_at) FILTER (error_code IS NOT NULL) AS first_at,
    max(ended_at) FILTER (error_code IS NOT NULL) AS last_at,
    coalesce(arg_max(job_id, ended_at, 5), []) AS example_job_ids`;
  // The first condition follows from the other, and lets most rows be left out before their other columns are read.
  const few = `(NOT is_only OR state <> 'COMPLETED') AND (error_code IS NOT NULL OR state = 'FAILED')`;
  const failed = `failed AS NOT MATERIALIZED (SELECT * FROM attempts WHERE ${few})`;
  const sql = `WITH ${JOBS}, ${ATTEMPTS}, ${failed} ${grouped('failed', figures, range.group_by)}`;
  return reportOf(await ask(asking, range, [sql]), (row) => row);
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
