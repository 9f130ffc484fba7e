/** Decisions about jobs: submission, reports under a lease, cancellation and retries. */
import { faultOf } from '../../../protocol/fault.ts';
import type { JobSubmission } from '../../../protocol/job.ts';
import type { JobOptions } from '../../../protocol/job-options.ts';
import type { Requirements } from '../../../protocol/requirements.ts';
import { DEFAULT_TENANT } from '../../../protocol/tenant-id.ts';
import { backoff } from '../../backoff.ts';
import { ANNOUNCED } from '../apply/job.ts';
import type { Event } from '../events.ts';
import { FAULTS_MAX, faultsInARow } from '../state/able.ts';
import { isErased } from '../state/erasures.ts';
import {
  type AttemptError,
  HANDED_BACK,
  type JobRecord,
  running,
  runsElsewhere,
  type WorkerRecord,
} from '../state/records.ts';
import { endedRuns } from '../state/runs.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import { type Context, type Decision, refuse } from './decision.ts';
import type { Policy } from './policy.ts';
import { promised, promisedAgain } from './promise.ts';
import { submissionRefusal } from './tenants.ts';

type Body<T extends CommandBody['type']> = CommandBody & { type: T };

export function submitJobs(state: State, { jobs, submitted_by }: Body<'submit_jobs'>, { at_ms }: Context): Decision {
  const refusal = submissionRefusal(state, jobs, submitted_by, at_ms);
  if (refusal) return { refusal };
  const events: Event[] = [];
  for (const [index, job] of jobs.entries()) {
    if (state.job(job.job_id) || isErased(state, job.job_id)) {
      return refuse('conflict', 'job_exists', `job ${job.job_id} already exists, or was erased`);
    }
    events.push(
      {
        type: 'JobSubmitted',
        entity: job.job_id,
        data: {
          audio_url: job.audio_url,
          output_format: job.output_format ?? 'json',
          priority: job.priority ?? 'normal',
          max_attempts: job.max_attempts ?? 3,
          duration_seconds: job.duration_seconds ?? null,
          file_size_bytes: job.file_size_bytes ?? null,
          tags: job.tags ?? [],
          metadata: job.metadata ?? null,
          webhook_url: job.webhook_url ?? null,
          ...(job.webhook_url && job.webhook_events ? { webhook_events: job.webhook_events } : {}),
          ...(job.require_complete === true ? { require_complete: true } : {}),
          ...optionsOf(job),
          ...requiresOf(job),
          ...(job.traceparent === undefined ? {} : { traceparent: job.traceparent }),
          ...(submitted_by === undefined ? {} : { submitted_by }),
          ...tenantIn(job),
          estimated_cost_usd: estimateCost(state, job.duration_seconds ?? null),
          details: 'Job submitted to queue',
        },
      },
      {
        type: 'JobQueued',
        entity: job.job_id,
        data: {
          attempt: 1,
          not_before_ms: null,
          batch_size: null,
          keeps_place: true,
          details: ANNOUNCED,
          ...promised(
            state,
            { duration_seconds: job.duration_seconds ?? null, ...tenantIn(job) },
            job.priority ?? 'normal',
            index,
          ),
        },
      },
    );
  }
  return { events };
}

/** The default is left out. */
const tenantIn = ({ tenant }: { tenant?: string | undefined }) =>
  tenant === undefined || tenant === DEFAULT_TENANT ? {} : { tenant };

function optionsOf({ options }: Pick<JobSubmission, 'options'>): { options?: JobOptions } {
  return options === undefined || Object.keys(options).length === 0 ? {} : { options };
}

function requiresOf({ requires }: Pick<JobSubmission, 'requires'>): { requires?: Requirements } {
  return requires === undefined || Object.keys(requires).length === 0 ? {} : { requires };
}

/**
 * Duration ÷ mean throughput factor × mean hourly price of live workers ÷ 3600; null if any of the three is unknown.
 */
export function estimateCost(state: State, duration_seconds: number | null): number | null {
  const { priced_workers, price_micro_usd } = state.fleet;
  const factor = state.scalars.throughput_factor;
  if (duration_seconds === null || factor === null || factor <= 0 || priced_workers === 0) return null;
  const price_usd = price_micro_usd / 1e6 / priced_workers;
  return roundUsd(((duration_seconds / factor) * price_usd) / 3600);
}

/** Null if the amount in millionths is not a safe integer. */
function roundUsd(usd: number): number | null {
  const micro_usd = Math.round(usd * 1e6);
  return Number.isSafeInteger(micro_usd) ? micro_usd / 1e6 : null;
}

export function reportProgress(state: State, { job_id, report }: Body<'report_progress'>): Decision {
  const held = heldJob(state, job_id, report.lease_token);
  if ('refusal' in held) return held;
  return {
    events: [
      {
        type: 'JobProgressed',
        entity: job_id,
        data: {
          attempt: held.attempt,
          percentage: report.percentage,
          stage: report.stage?.toUpperCase() ?? null,
          current_chunk: report.current_chunk ?? null,
          total_chunks: report.total_chunks ?? null,
          eta_seconds: report.eta_seconds ?? null,
          duration_seconds: report.duration_seconds ?? null,
          file_size_bytes: report.file_size_bytes ?? null,
          ...(held.state === 'CANCELLING' ? { cancelling: true } : {}),
        },
      },
    ],
  };
}

export function completeJob(state: State, body: Body<'complete_job'>, { at_ms }: Context): Decision {
  const job = state.job(body.job_id);
  // A repeated report, because the first response was lost.
  if (job?.state === 'COMPLETED' && job.run?.token === body.lease_token) return { events: [] };
  const held = heldJob(state, body.job_id, body.lease_token);
  if ('refusal' in held) return held;
  return { events: [completed(state, held, body.output, at_ms)] };
}

/** The event for a finished transcript, which is too late for a CANCELLING job. */
function completed(
  state: State,
  job: JobRecord,
  { s3_path, segments_count, confidence_score = null, warnings = [], suspect = false }: Body<'complete_job'>['output'],
  at_ms: number,
): Event {
  const cost_usd = attemptCost(state, job, at_ms);
  if (job.state === 'CANCELLING') return cancelled(job, 'Cancelled; the transcript arrived too late', cost_usd);
  return {
    type: 'JobCompleted',
    entity: job.job_id,
    data: {
      attempt: job.attempt,
      s3_path,
      segments_count,
      confidence_score,
      ...(warnings.length > 0 ? { warnings } : {}),
      ...(suspect ? { suspect } : {}),
      cost_usd,
      details: `Transcribed by ${job.run?.worker_id ?? 'an unknown worker'}`,
    },
  };
}

export function failJob(state: State, body: Body<'fail_job'>, context: Context): Decision {
  const job = state.job(body.job_id);
  if (job && job.run?.token === body.lease_token && job.run.ended_ms !== null && job.state !== 'COMPLETED') {
    return { events: [] };
  }
  const held = heldJob(state, body.job_id, body.lease_token);
  if ('refusal' in held) return held;
  const { error } = body;
  const returned = HANDED_BACK.has(error.code) || isForgiven(held, error);
  return {
    events: endAttempt(state, held, error, context, {
      delay_ms: returned ? null : retryDelay(held.attempt, body.jitter, context.policy),
      keeps_place: returned,
      counts: !returned,
      batch_size: body.batch_size,
    }),
  };
}

/** Ends an attempt without a transcript; the job gets another attempt, fails permanently or is cancelled. */
export function endAttempt(
  state: State,
  job: JobRecord,
  error: AttemptError,
  { at_ms, policy }: Context,
  next: { delay_ms: number | null; keeps_place: boolean; counts: boolean; batch_size: number | null },
): Event[] {
  const failed: Event = {
    type: 'JobAttemptFailed',
    entity: job.job_id,
    data: {
      attempt: job.attempt,
      error: errorOf(job, error),
      cost_usd: attemptCost(state, job, at_ms),
      ...trialOf(state, job, error, at_ms),
    },
  };
  if (job.state === 'CANCELLING') return [failed, cancelled(job, 'Cancelled; the worker has stopped')];
  if (error.retryable && (job.attempt < job.max_attempts || !next.counts)) {
    const not_before_ms = next.delay_ms === null ? null : at_ms + next.delay_ms;
    return [
      failed,
      {
        type: 'JobQueued',
        entity: job.job_id,
        data: {
          attempt: job.attempt + (next.counts ? 1 : 0),
          not_before_ms,
          batch_size: next.batch_size ?? job.batch_size,
          keeps_place: next.keeps_place,
          details: `Returned to main queue: ${error.code}`,
          ...promisedAgain(state, job, not_before_ms ?? at_ms),
        },
      },
    ];
  }
  return [
    failed,
    {
      type: 'JobFailed',
      entity: job.job_id,
      data: { dead_until_ms: at_ms + policy.dlq_window_ms, details: `${error.code}: ${error.message}`.slice(0, 500) },
    },
  ];
}

/** With its fault, if that is known: by the report, or else by the code. */
function errorOf({ batch_size }: JobRecord, { code, message, retryable, fault }: AttemptError): AttemptError {
  // With less than a batch of one, nobody can help it here.
  const known = fault ?? (code === 'gpu_out_of_memory' && batch_size === 1 ? 'worker' : faultOf(code));
  return known === null ? { code, message, retryable } : { code, message, retryable, fault: known };
}

/** Whether the attempt does not count, since the worker is to blame. */
export function isForgiven(job: JobRecord, error: AttemptError): boolean {
  if (errorOf(job, error).fault !== 'worker') return false;
  let forgiven = 0;
  for (const { fault } of endedRuns(job)) if (fault === 'worker') forgiven += 1;
  return forgiven < FORGIVEN_MAX;
}

/** Attempts of a job that do not count, since the worker is to blame; later ones do. */
const FORGIVEN_MAX = 5;

/** When the worker may have a job on trial, if the attempt was, or may have been, its fault. */
function trialOf(state: State, job: JobRecord, error: AttemptError, at_ms: number): { trial_ms?: number } {
  const { fault } = errorOf(job, error);
  const worker = state.worker(job.run?.worker_id ?? '');
  // What no worker can do is not the fault of this one.
  const blames = fault === 'worker' || (fault === undefined && error.retryable);
  // One that could not be heard may have lost several jobs by one cause.
  const spared = HANDED_BACK.has(error.code) || error.code === 'requeued_dead';
  if (!worker || !blames || job.state === 'CANCELLING' || spared) return {};
  return { trial_ms: at_ms + backoff(Math.max(0, faultsInARow(worker.faults) + 1 - FAULTS_MAX), TRIALS) };
}

const TRIALS = { base_ms: 30_000, max_ms: 600_000 };

/** Exponential backoff with jitter: between half of the delay and all of it. */
function retryDelay(attempt: number, jitter: number, { retry_base_ms, retry_max_ms }: Policy): number {
  const full = backoff(attempt - 1, { base_ms: retry_base_ms, max_ms: retry_max_ms });
  return Math.round(full * (0.5 + jitter / 2));
}

/** Instance seconds × hourly price ÷ 3600; null if the worker's price is unknown. */
export function attemptCost(state: State, job: JobRecord, at_ms: number): number | null {
  if (!job.run || job.run.ended_ms !== null) return null;
  const price = state.worker(job.run.worker_id)?.location.spot_price;
  if (typeof price !== 'number') return null;
  return roundUsd((Math.max(0, at_ms - job.run.assigned_ms) / 1000 / 3600) * price);
}

export function cancelJob(state: State, { job_id }: Body<'cancel_job'>, { at_ms, policy }: Context): Decision {
  const job = state.job(job_id);
  if (!job) return jobNotFound(job_id);
  switch (job.state) {
    case 'SUBMITTED':
    case 'QUEUED':
      return { events: [cancelled(job, 'Cancelled while waiting')] };
    case 'PROCESSING':
      return {
        events: [
          {
            type: 'JobCancelRequested',
            entity: job_id,
            data: {
              kill_ms: at_ms + policy.kill_deadline_ms,
              details: `Cancellation requested from ${job.run?.worker_id}`,
            },
          },
        ],
      };
    case 'CANCELLING':
    case 'CANCELLED':
      return { events: [] };
    default:
      return notAllowed(job, 'cancelled');
  }
}

/** `cost_usd`: of the attempt that this ends, if one is running. */
export function cancelled(job: JobRecord, details: string, cost_usd: number | null = null): Event {
  return { type: 'JobCancelled', entity: job.job_id, data: { details, cost_usd } };
}

export function retryJob(state: State, { job_id }: Body<'retry_job'>): Decision {
  const job = state.job(job_id);
  if (!job) return jobNotFound(job_id);
  if (job.state !== 'FAILED' && job.state !== 'CANCELLED') return notAllowed(job, 'retried');
  if (runsElsewhere(job)) {
    const source = job.observed?.source ?? 'its worker';
    return refuse('conflict', 'runs_elsewhere', `${job_id} ran outside this queue; ${source} reported it`, {
      extra: { state: job.state },
      hint: 'Start it again where it ran, or submit its recording to this monitor as a new job.',
    });
  }
  return { events: [requeued(job, 'Retried by hand')] };
}

/** Returns the job to the queue with its attempts reset. */
export function requeued(job: JobRecord, details: string): Event {
  return {
    type: 'JobQueued',
    entity: job.job_id,
    data: { attempt: 1, not_before_ms: null, batch_size: job.batch_size, keeps_place: false, details },
  };
}

/** The job if `token` is its current lease, else a refusal. */
export function heldJob(state: State, job_id: string, token: string): JobRecord | ReturnType<typeof refuse> {
  const job = state.job(job_id);
  if (!job) return jobNotFound(job_id);
  if (job.run && job.run.ended_ms === null && job.run.token === token && running(job.state)) return job;
  return refuse('conflict', 'lease_expired', `the lease token is not the current one of ${job_id}`, {
    extra: { state: job.state },
    hint: 'Stop this attempt and write nothing; claim again.',
  });
}

export function jobNotFound(job_id: string) {
  return refuse('not_found', 'job_not_found', `there is no job ${job_id}`);
}

export function workerNotFound(worker_id: string) {
  return refuse('not_found', 'worker_not_found', `there is no worker ${worker_id}`, {
    hint: `Register it first: PUT /api/v1/workers/${worker_id}`,
  });
}

export function workerTerminated(worker: WorkerRecord) {
  return refuse('conflict', 'worker_terminated', `worker ${worker.worker_id} was terminated`, {
    extra: { state: worker.state },
    hint: 'Stop, or register it again.',
  });
}

function notAllowed(job: JobRecord, what: string) {
  return refuse('conflict', 'transition_not_allowed', `${job.job_id} is ${job.state} and can't be ${what}`, {
    extra: { state: job.state },
  });
}
