/**
 * Jobs as users see them: the whole job, its progress, its timeline, its assignment. Pure functions of the state, so
 * that equal segments give equal bytes.
 */
import { faultOf } from '../../protocol/fault.ts';
import type { Job, JobError, JobOutput, JobProgress } from '../../protocol/job.ts';
import { formatTime } from '../../protocol/time.ts';
import type { Verdict } from '../../protocol/verdict.ts';
import type { AttemptError, JobRecord, OutputRecord } from '../state-machine/state/records.ts';
import { finished } from '../state-machine/state/records.ts';
import { verdictStatus } from '../state-machine/state/verdicts.ts';
import type { Outlook } from '../verdicts/forecast.ts';
import { round, seconds, time } from './figures.ts';
import { outlookDocument, outlookThen } from './outlook.ts';
import { actionsTaken } from './policies.ts';

const YEAR_SECONDS = 365 * 24 * 3600;

/** `outlook`: null for documents that follow from the record alone. */
export function jobDocument(job: JobRecord, outlook: Outlook | null = null): Job {
  const progress = progressOf(job);
  const { run } = job;
  const processing_ms = processingTime(job);
  return {
    job_id: job.job_id,
    state: job.state,
    final: finished(job.state),
    created_at: formatTime(job.created_ms),
    updated_at: formatTime(job.updated_ms),
    started_at: run ? formatTime(run.assigned_ms) : null,
    completed_at: time(job.completed_ms),
    estimated_completion: estimatedCompletion(job, progress.eta_seconds),
    priority: job.priority,
    output_format: job.output_format,
    tags: [...job.tags],
    ...(job.tenant === undefined ? {} : { tenant: job.tenant }),
    ...(job.options === undefined ? {} : { options: job.options }),
    ...(job.requires === undefined ? {} : { requires: job.requires }),
    // A field of the document only: the fold of older versions must stay the same.
    metadata:
      job.observed?.reported_id === undefined
        ? { ...job.metadata }
        : { ...job.metadata, reported_id: job.observed.reported_id },
    input: {
      s3_path: withoutCredentials(job.audio_url),
      duration_seconds: job.duration_seconds,
      file_size_bytes: job.file_size_bytes,
      audio_url_expires_at: time(job.url_expires_ms),
      require_complete: job.require_complete,
    },
    output: outputDocument(job.output),
    worker: run
      ? {
          worker_id: run.worker_id,
          instance_id: run.instance_id,
          assigned_at: formatTime(run.assigned_ms),
          gpu_usage: run.gpu_usage === null ? null : round(run.gpu_usage, 10),
        }
      : null,
    progress,
    performance: {
      queue_time_seconds: run || job.queue_ms > 0 ? seconds(job.queue_ms) : null,
      processing_time_seconds: processing_ms === null ? null : seconds(processing_ms),
      throughput_factor: throughputFactor(job, progress.percentage, processing_ms),
      download_time_seconds: run && run.downloaded_ms !== null ? seconds(run.downloaded_ms - run.assigned_ms) : null,
    },
    state_history: historyOf(job),
    retry_info: {
      attempt: job.attempt,
      max_attempts: job.max_attempts,
      last_error: job.last_error && errorDocument(job.last_error),
      next_attempt_at: time(job.not_before_ms),
    },
    verdict: verdictOf(job),
    actions: actionsTaken(job.actions),
    expected_percentage: expectedPercentage(job),
    ...outlookDocument(outlook ?? outlookThen(job)),
    cost_tracking: {
      estimated_cost_usd: job.estimated_cost_usd,
      actual_cost_usd: job.actual_cost_usd === null ? null : round(job.actual_cost_usd, 1e6),
      instance_time_seconds: seconds(job.instance_ms + (run?.ended_ms === null ? (processing_ms ?? 0) : 0)),
    },
    as_of_seq: job.version,
  };
}

/** Null once nothing more is to be expected of it. */
export function verdictOf(job: JobRecord): Verdict | null {
  if (verdictStatus(job) === null) return null;
  if (job.verdict === null) {
    const since_ms = job.state === 'PROCESSING' ? (job.run?.assigned_ms ?? job.queued_ms) : job.queued_ms;
    return { status: 'on_track', reason: 'On track.', since: formatTime(since_ms), evidence: {} };
  }
  const { status, reason, since_ms, evidence } = job.verdict;
  return { status, reason, since: formatTime(since_ms), evidence: { ...evidence } };
}

/** As of the last change of the document, from what was expected of the attempt when it began. */
function expectedPercentage({ state, run, duration_seconds, updated_ms }: JobRecord): number | null {
  if (state !== 'PROCESSING' || !run?.expected || duration_seconds === null || duration_seconds <= 0) return null;
  const worked_seconds = (updated_ms - run.assigned_ms) / 1000 - run.expected.start_seconds;
  const part = worked_seconds / (run.expected.pace * duration_seconds);
  return Number.isNaN(part) ? null : round(100 * Math.min(1, Math.max(0, part)), 10);
}

export function outputDocument(output: OutputRecord | null): JobOutput {
  const { s3_path = null, segments_count = 0, confidence_score = null, warnings = [], suspect = false } = output ?? {};
  return { s3_path, segments_count, confidence_score, warnings: [...warnings], suspect };
}

export function errorDocument({ code, message, retryable, fault }: AttemptError): JobError {
  return { code, message, retryable, fault: fault ?? faultOf(code) };
}

/** Removes the query string, which often has a signature, and `user:password@`. */
export function withoutCredentials(audio_url: string): string {
  if (audio_url.startsWith('s3:')) return audio_url;
  return audio_url.replace(/\?.*$/s, '').replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/#]*@/i, '$1');
}

function historyOf(job: JobRecord): Job['state_history'] {
  return job.history.map(({ state, at_ms, details }) => ({ state, timestamp: formatTime(at_ms), details }));
}

function progressOf(job: JobRecord): JobProgress {
  const { progress } = job;
  const total_chunks = progress?.total_chunks ?? null;
  // The last report of a worker may have been lost, and its last stage is over.
  const completed = job.state === 'COMPLETED';
  return {
    percentage: progress?.percentage ?? 0,
    stage: completed ? null : (progress?.stage ?? null),
    current_chunk: completed ? total_chunks : (progress?.current_chunk ?? null),
    total_chunks,
    eta_seconds: progress ? (progress.eta_seconds ?? recentEta(progress.marks)) : null,
  };
}

/** Remaining percentage ÷ the rate between the oldest and the newest of the last few reports; null beyond a year. */
function recentEta(marks: readonly number[]): number | null {
  const [from_ms, from, to_ms, to] = [marks[0], marks[1], marks.at(-2), marks.at(-1)];
  if (from_ms === undefined || from === undefined || to_ms === undefined || to === undefined) return null;
  if (to <= from || to_ms <= from_ms) return null;
  const eta_seconds = Math.round(((100 - to) / (to - from)) * ((to_ms - from_ms) / 1000));
  // A slower rate is noise in the last digits of the percentage.
  return eta_seconds <= YEAR_SECONDS ? eta_seconds : null;
}

/** From assignment to the end of the attempt, or to its last report. */
function processingTime({ run, progress }: JobRecord): number | null {
  if (!run) return null;
  return (run.ended_ms ?? Math.max(run.assigned_ms, progress?.at_ms ?? 0)) - run.assigned_ms;
}

function throughputFactor(job: JobRecord, percentage: number, processing_ms: number | null): number | null {
  if (job.duration_seconds === null || processing_ms === null || processing_ms <= 0) return null;
  const factor = round((job.duration_seconds * (percentage / 100)) / (processing_ms / 1000), 1000);
  return Number.isFinite(factor) ? factor : null;
}

function estimatedCompletion(job: JobRecord, eta_seconds: number | null): string | null {
  if (finished(job.state) || !job.progress || eta_seconds === null || eta_seconds > YEAR_SECONDS) return null;
  return formatTime(job.progress.at_ms + Math.round(eta_seconds * 1000));
}

export function progressDocument(job: JobRecord) {
  return {
    job_id: job.job_id,
    state: job.state,
    updated_at: formatTime(job.updated_ms),
    ...progressOf(job),
    as_of_seq: job.version,
  };
}

export function timelineDocument(job: JobRecord) {
  return {
    job_id: job.job_id,
    state: job.state,
    state_history: historyOf(job),
    as_of_seq: job.version,
  };
}

/** `jobs/active/{job_id}/worker.json`: the worker of the current attempt. */
export function assignmentDocument(job: JobRecord) {
  return { job_id: job.job_id, attempt: job.attempt, worker: jobDocument(job).worker, as_of_seq: job.version };
}

/** A job in a worker's history. */
export function workerJobDocument(job: JobRecord, worker_id: string) {
  const last = job.history.findLast((entry) => entry.worker_id === worker_id);
  return {
    job_id: job.job_id,
    worker_id,
    attempt: job.attempt,
    state: job.state,
    assigned_at: formatTime(last?.at_ms ?? job.run?.assigned_ms ?? job.created_ms),
    as_of_seq: job.version,
  };
}
