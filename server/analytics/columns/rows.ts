/** A job's record as the rows of the analytic tables: the same figures as in the documents that users see. */
import type { Job } from '../../../protocol/job.ts';
import { round, seconds, time } from '../../documents/figures.ts';
import { jobDocument } from '../../documents/job.ts';
import type { JobRecord, Run } from '../../state-machine/state/records.ts';
import type { ATTEMPT_COLUMNS, JOB_COLUMNS } from '../tables.ts';

type Value = string | number | null | readonly string[];
export type JobRow = Record<(typeof JOB_COLUMNS)[number]['name'], Value>;
export type AttemptRow = Record<(typeof ATTEMPT_COLUMNS)[number]['name'], Value>;

export function jobRow(record: JobRecord): JobRow {
  const job = jobDocument(record);
  const { run } = record;
  return {
    job_id: job.job_id,
    state: job.state,
    priority: job.priority,
    output_format: job.output_format,
    created_at: job.created_at,
    updated_at: job.updated_at,
    started_at: job.started_at,
    completed_at: job.completed_at,
    ...audioOf(job.input),
    attempt: job.retry_info.attempt,
    runs: record.earlier.length + (run ? 1 : 0),
    max_attempts: job.retry_info.max_attempts,
    worker_id: run?.worker_id ?? null,
    instance_id: run?.instance_id ?? null,
    model: run?.model ?? null,
    device: run?.device ?? null,
    instance_type: run?.instance_type ?? null,
    gpu_usage: job.worker?.gpu_usage ?? null,
    queue_time_seconds: job.performance.queue_time_seconds,
    processing_time_seconds: job.performance.processing_time_seconds,
    download_time_seconds: job.performance.download_time_seconds,
    instance_time_seconds: job.cost_tracking.instance_time_seconds,
    throughput_factor: job.performance.throughput_factor,
    cost_usd: job.cost_tracking.actual_cost_usd,
    estimated_cost_usd: job.cost_tracking.estimated_cost_usd,
    segments_count: record.output?.segments_count ?? null,
    confidence_score: job.output.confidence_score,
    transcript_url: job.output.s3_path,
    error_code: record.last_error?.code ?? null,
    error_message: record.last_error?.message ?? null,
    tags: job.tags,
    metadata: Object.keys(job.metadata).length > 0 ? JSON.stringify(job.metadata) : null,
    source: record.observed?.source ?? null,
    version: record.version,
  };
}

export function attemptRows(record: JobRecord): AttemptRow[] {
  const { earlier, run } = record;
  const runs = run ? [...earlier, run] : earlier;
  const rows = runs.map((attempt, index) => attemptRow(record, attempt, index + 1));
  return withCostBefore(record, rows);
}

/** Of very many runs the earliest are not kept: what they cost is added to the first that is. */
function withCostBefore({ actual_cost_usd }: JobRecord, rows: AttemptRow[]): AttemptRow[] {
  const [first, ...others] = rows;
  const known = rows.reduce((sum, { cost_usd }) => sum + Number(cost_usd ?? 0), 0);
  const before = round((actual_cost_usd ?? 0) - known, 1e6);
  return first && before > 0
    ? [{ ...first, cost_usd: round(Number(first.cost_usd ?? 0) + before, 1e6) }, ...others]
    : rows;
}

function attemptRow(record: JobRecord, run: Run, number: number): AttemptRow {
  const { assigned_ms, ended_ms, downloaded_ms } = run;
  return {
    job_id: record.job_id,
    run: number,
    runs: record.earlier.length + 1,
    attempt: run.attempt,
    worker_id: run.worker_id,
    instance_id: run.instance_id,
    model: run.model,
    device: run.device,
    instance_type: run.instance_type,
    started_at: time(assigned_ms),
    ended_at: time(ended_ms),
    processing_time_seconds: ended_ms === null ? null : seconds(ended_ms - assigned_ms),
    download_time_seconds: downloaded_ms === null ? null : seconds(downloaded_ms - assigned_ms),
    gpu_usage: run.gpu_usage === null ? null : round(run.gpu_usage, 10),
    cost_usd: run.cost_usd === null ? null : round(run.cost_usd, 1e6),
    error_code: run.error_code,
    priority: record.priority,
    tags: record.tags,
    duration_seconds: record.duration_seconds,
    version: record.version,
  };
}

function audioOf({ s3_path, duration_seconds, file_size_bytes }: Job['input']) {
  return { audio_url: s3_path, audio_source: sourceOf(s3_path), duration_seconds, file_size_bytes };
}

/** `s3://bucket/calls/2025/1.mp3` → `s3://bucket/calls`, so that one bad source of audio can be told from the others. */
function sourceOf(url: string): string | null {
  const [, base, path = ''] = /^([a-z][a-z0-9+.-]*:\/\/[^/]*)\/?(.*)$/is.exec(url) ?? [];
  if (base === undefined) return null;
  const folder = path.indexOf('/');
  return folder > 0 ? `${base}/${path.slice(0, folder)}` : base;
}
