/** Applies events to jobs, to the workers that hold them, and to the periods that count them. */

import { DEFAULT_TENANT } from '../../../protocol/tenant-id.ts';
import { urlExpiry } from '../../../protocol/url-expiry.ts';
import { VERDICTS } from '../../../protocol/verdict.ts';
import type { JobEvent } from '../events.ts';
import { passedOver } from '../state/class-order.ts';
import { learn } from '../state/pace.ts';
import { countFailed, countInPeriods } from '../state/periods.ts';
import { settle } from '../state/promises.ts';
import type { HistoryRecord, JobRecord, ProgressRecord, Run, WorkerRecord } from '../state/records.ts';
import { HANDED_BACK, NO_RUNS, tenantOf } from '../state/records.ts';
import { requirementOf } from '../state/requirement.ts';
import type { State } from '../state/state.ts';
import { plus } from '../state/sums.ts';
import { countBy, observeBy } from '../state/tallies.ts';
import { ensureTenant, hasTenants, serve } from '../state/tenants.ts';
import { countUse, keyIn, NOTHING_USED } from '../state/usage.ts';
import { CANCELLED, endRun, since } from './attempts.ts';
import { pulseOf } from './pulse.ts';

export function applyJobEvent(state: State, event: JobEvent): void {
  if (event.type === 'JobSubmitted') return submit(state, event);
  const job = state.job(event.entity);
  if (!job) return;
  switch (event.type) {
    case 'JobQueued': {
      const { attempt, not_before_ms, batch_size, keeps_place, details, start_by_ms = null, promise } = event.data;
      return changeJob(state, job, {
        state: 'QUEUED',
        attempt,
        not_before_ms,
        batch_size,
        place: keeps_place ? job.place : state.nextOrdinal(),
        queued_ms: state.at_ms,
        start_by_ms,
        promise: promiseOf(job, promise),
        completed_ms: null,
        dead: null,
        progress: null,
        history: entered(job, { state: 'QUEUED', at_ms: state.at_ms, details }),
      });
    }
    case 'JobDelayOver':
      return changeJob(state, job, { not_before_ms: null });
    case 'JobMessaged':
      return messaged(state, job, event);
    case 'JobAssigned':
      return assign(state, job, event);
    case 'JobProgressed': {
      const { data } = event;
      if (job.run === null || job.run.ended_ms !== null || data.attempt !== job.attempt) return;
      const downloaded = job.run.downloaded_ms === null && data.stage !== null && data.stage !== 'DOWNLOADING';
      return changeJob(state, job, {
        progress: progressed(state, job, job.run, event),
        duration_seconds: data.duration_seconds ?? job.duration_seconds,
        file_size_bytes: data.file_size_bytes ?? job.file_size_bytes,
        run: downloaded ? { ...job.run, downloaded_ms: state.at_ms } : job.run,
      });
    }
    case 'JobCompleted':
      return complete(state, job, event);
    case 'JobAttemptFailed': {
      const { error, cost_usd, trial_ms } = event.data;
      const blamed = job.state !== 'CANCELLING' && !HANDED_BACK.has(error.code);
      countBy(state, 'attempts_failed', error.code);
      return changeJob(state, job, {
        ...endRun(state, job, { cost_usd, verdict: blamed ? 'failed' : 'neither', error, trial_ms }),
        last_error: error,
      });
    }
    case 'JobFailed':
      countFailed(state, job.last_error?.code);
      countBy(state, 'failed', job.last_error?.code ?? null);
      return changeJob(state, job, {
        state: 'FAILED',
        completed_ms: state.at_ms,
        promise: null,
        dead: { ordinal: state.nextOrdinal(), until_ms: event.data.dead_until_ms },
        history: entered(job, { state: 'FAILED', at_ms: state.at_ms, details: event.data.details }),
      });
    case 'JobCancelRequested':
      return changeJob(state, job, {
        state: 'CANCELLING',
        kill_ms: event.data.kill_ms,
        history: entered(job, { state: 'CANCELLING', at_ms: state.at_ms, details: event.data.details }),
      });
    case 'JobCancelled':
      countInPeriods(state, { cancelled: 1 });
      return changeJob(state, job, {
        ...endRun(state, job, { cost_usd: event.data.cost_usd, verdict: 'neither', error: CANCELLED }),
        state: 'CANCELLED',
        completed_ms: state.at_ms,
        promise: null,
        not_before_ms: null,
        kill_ms: null,
        history: entered(job, { state: 'CANCELLED', at_ms: state.at_ms, details: event.data.details }),
      });
    case 'JobJudged':
      return judged(state, job, event);
    case 'JobDropped':
      return changeJob(state, job, { dead: null });
    default:
      return;
  }
}

/** Every change of a job except a sighting goes through here, to set its version and time. */
function changeJob(state: State, job: JobRecord, changes: Partial<JobRecord>): void {
  const observed = job.observed && { ...job.observed, overruled: true };
  if (changes.duration_seconds !== undefined) countAudio(state, job, changes);
  // Another state, or another attempt, is on track until it is judged.
  const verdict = changes.state === undefined ? job.verdict : null;
  state.putJob({ ...job, ...changes, observed, verdict, version: state.seq, updated_ms: state.at_ms }, job);
}

function judged(state: State, job: JobRecord, { data }: JobEvent & { type: 'JobJudged' }): void {
  if (job.state !== data.state || job.attempt !== data.attempt || !VERDICTS.includes(data.status)) return;
  const { status, since_ms, reason, evidence } = data;
  countBy(state, 'judged', status);
  // Nothing new is known of the job itself: its `updated_at` stays, and what a source has reported of it is still current.
  const judged_ms = job.verdict?.status === status ? (job.verdict.judged_ms ?? state.at_ms) : state.at_ms;
  state.putJob({ ...job, verdict: { status, since_ms, reason, evidence, judged_ms }, version: state.seq }, job);
}

function submit(state: State, { entity, data }: JobEvent & { type: 'JobSubmitted' }): void {
  if (state.job(entity)) return;
  countInPeriods(state, { submitted: 1 });
  // Jobs that require something wait in lines of their own, which are kept once a tenant is known.
  if (data.tenant !== undefined || requirementOf(data) !== '') ensureTenant(state, data.tenant ?? DEFAULT_TENANT);
  const history = [{ state: 'SUBMITTED' as const, at_ms: state.at_ms, details: data.details }];
  const job = newJob(state, entity, { created_ms: state.at_ms, request: data, history });
  const key_id = keyIn(data.submitted_by);
  const limited = key_id !== null && (state.tables.keys.get(key_id)?.limits?.max_running ?? null) !== null;
  state.putJob(limited ? { ...job, limited } : job);
  countUse(state, { tenant: tenantOf(job), key_id }, { ...NOTHING_USED, jobs: 1, audio_ms: audioOf(job) });
}

const audioOf = ({ duration_seconds }: Pick<JobRecord, 'duration_seconds'>): number =>
  Math.round(1000 * (duration_seconds ?? 0));

/** A recording counts with the greatest length that was known of it. */
function countAudio(state: State, job: JobRecord, next: Partial<JobRecord>): void {
  const more_ms = audioOf({ duration_seconds: next.duration_seconds ?? null }) - audioOf(job);
  if (more_ms <= 0) return;
  const counted = { tenant: tenantOf(job), key_id: keyIn(job.submitted_by) };
  countUse(state, counted, { ...NOTHING_USED, audio_ms: more_ms });
}

/** The fields of a job that its submitter chose. */
export type JobRequest = Pick<
  JobRecord,
  | 'audio_url'
  | 'output_format'
  | 'priority'
  | 'max_attempts'
  | 'duration_seconds'
  | 'file_size_bytes'
  | 'tags'
  | 'metadata'
  | 'webhook_url'
  | 'estimated_cost_usd'
> &
  Partial<
    Pick<
      JobRecord,
      'require_complete' | 'webhook_events' | 'options' | 'requires' | 'traceparent' | 'submitted_by' | 'tenant'
    >
  >;

/** A job without attempts. */
export function newJob(
  state: State,
  job_id: string,
  { created_ms, request, history }: { created_ms: number; request: JobRequest; history: JobRecord['history'] },
): JobRecord {
  const ordinal = state.nextOrdinal();
  return {
    job_id,
    ordinal,
    version: state.seq,
    state: 'SUBMITTED',
    created_ms,
    updated_ms: created_ms,
    completed_ms: null,
    audio_url: request.audio_url,
    output_format: request.output_format,
    priority: request.priority,
    max_attempts: request.max_attempts,
    duration_seconds: request.duration_seconds,
    file_size_bytes: request.file_size_bytes,
    tags: request.tags.length === 0 ? NO_TAGS : request.tags,
    metadata: request.metadata,
    webhook_url: request.webhook_url,
    webhook_events: request.webhook_events ?? null,
    require_complete: request.require_complete === true,
    ...(request.options === undefined ? {} : { options: request.options }),
    ...(request.requires === undefined ? {} : { requires: request.requires }),
    ...(request.traceparent === undefined ? {} : { traceparent: request.traceparent }),
    ...(request.submitted_by === undefined ? {} : { submitted_by: request.submitted_by }),
    ...(request.tenant === undefined ? {} : { tenant: request.tenant }),
    url_expires_ms: urlExpiry(request.audio_url),
    attempt: 1,
    place: ordinal,
    queued_ms: created_ms,
    start_by_ms: null,
    promise: null,
    message: null,
    not_before_ms: null,
    run: null,
    earlier: NO_RUNS,
    dead: null,
    kill_ms: null,
    progress: null,
    last_error: null,
    output: null,
    batch_size: null,
    queue_ms: 0,
    instance_ms: 0,
    actual_cost_usd: null,
    estimated_cost_usd: request.estimated_cost_usd,
    history,
    observed: null,
    verdict: null,
    actions: null,
  };
}

const NO_TAGS: readonly string[] = [];

function messaged(state: State, job: JobRecord, { data }: JobEvent & { type: 'JobMessaged' }): void {
  const { attempt, place, message_id, details } = data;
  const enters = job.state === 'QUEUED' && isTurn(job, data) && !(job.message && isTurn(job, job.message));
  const entry = { state: 'QUEUED' as const, at_ms: state.at_ms, details };
  changeJob(state, job, {
    message: { message_id, attempt, place, sent_ms: state.at_ms },
    history: enters ? inQueue(job, entry) : job.history,
  });
}

/** Whether this is the turn in the queue that the job is at: a later one has another attempt or another place. */
export function isTurn(job: Turn, { attempt, place }: Turn): boolean {
  return job.attempt === attempt && job.place === place;
}

export type Turn = { attempt: number; place: number };

/** The message takes the place of the entry that only announces it; what another entry says must not be lost. */
function inQueue({ history }: JobRecord, entry: HistoryRecord): readonly HistoryRecord[] {
  const announced = history.at(-1)?.details === ANNOUNCED;
  return entered({ history: announced ? history.slice(0, -1) : history }, entry);
}

/** Of a job that was just submitted. */
export const ANNOUNCED = 'Message in main queue';

function assign(state: State, job: JobRecord, { data }: JobEvent & { type: 'JobAssigned' }): void {
  passOver(state, job);
  observeBy(state, 'wait', job.priority, since(state, job.queued_ms));
  const worker = state.worker(data.worker_id);
  // Its own workers cost a tenant no share of the others.
  if (hasTenants(state) && worker?.tenant === undefined) serve(state, job);
  const run: Run = {
    worker_id: data.worker_id,
    instance_id: data.instance_id,
    attempt: data.attempt,
    token: data.token,
    expires_ms: data.expires_ms,
    assigned_ms: state.at_ms,
    ended_ms: null,
    downloaded_ms: null,
    gpu_usage: null,
    ...hardwareOf(worker),
    cost_usd: null,
    error_code: null,
    fault: null,
    expected: data.expected ?? null,
    end: data.end ?? null,
  };
  const start = job.promise?.start;
  if (start) settle(state, 'start', start, state.at_ms);
  changeJob(state, job, {
    state: 'PROCESSING',
    attempt: data.attempt,
    run,
    earlier: earlierOf(job),
    not_before_ms: null,
    start_by_ms: null,
    promise: job.promise && { ...job.promise, start: null },
    progress: null,
    queue_ms: plus(job.queue_ms, since(state, job.queued_ms)),
    estimated_cost_usd: data.estimated_cost_usd ?? job.estimated_cost_usd,
    history: entered(job, {
      state: 'PROCESSING',
      at_ms: state.at_ms,
      details: `Assigned to ${data.worker_id}`,
      worker_id: data.worker_id,
    }),
  });
  if (!worker) return;
  state.putWorker({
    ...worker,
    version: state.seq,
    state: worker.state === 'IDLE' ? 'ACTIVE' : worker.state,
    holds: [...worker.holds, { job_id: job.job_id, assigned_ms: state.at_ms, gpu_sum: 0, gpu_count: 0 }],
  });
}

/** The end that was promised first stays: a job that returns to the queue is late by it. */
function promiseOf(
  { promise }: JobRecord,
  next: (JobEvent & { type: 'JobQueued' })['data']['promise'],
): JobRecord['promise'] {
  const start = next ? { estimate: next.start, group: next.group } : null;
  const end = promise?.end ?? (next?.end ? { estimate: next.end, group: next.group } : null);
  return start === null && end === null ? null : { start, end };
}

function settleEnds(state: State, { promise }: JobRecord, { end }: Run): void {
  if (promise?.end) settle(state, 'end', promise.end, state.at_ms);
  if (end) settle(state, 'run', { estimate: end, group: 'now' }, state.at_ms);
}

/** What an attempt ran on. */
export function hardwareOf(worker: WorkerRecord | undefined): Pick<Run, 'model' | 'device' | 'instance_type'> {
  const { model = null, device = null } = worker?.capabilities ?? {};
  return { model, device, instance_type: worker?.location.instance_type ?? null };
}

/** The attempts before one that begins now. */
export function earlierOf({ run, earlier }: Pick<JobRecord, 'run' | 'earlier'>): readonly Run[] {
  return run ? [...earlier, run].slice(-EARLIER_MAX) : earlier;
}

const EARLIER_MAX = 32;

/** Counts, for each lower class with a waiting job, that it was passed over. */
function passOver(state: State, job: JobRecord): void {
  const { scalars, tables } = state;
  const next = passedOver(scalars, job.priority, tables.waiting.normal.size > 0, tables.waiting.low.size > 0);
  scalars.passed_normal = next.passed_normal;
  scalars.passed_low = next.passed_low;
}

function progressed(
  state: State,
  job: JobRecord,
  run: Run,
  { data }: JobEvent & { type: 'JobProgressed' },
): ProgressRecord {
  const { at_ms } = state;
  const last = job.progress;
  const marks = last?.marks ?? [];
  const next: ProgressRecord = {
    percentage: data.percentage,
    stage: data.stage ?? last?.stage ?? null,
    current_chunk: data.current_chunk ?? last?.current_chunk ?? null,
    total_chunks: data.total_chunks ?? last?.total_chunks ?? null,
    eta_seconds: data.eta_seconds,
    at_ms,
    marks: marks.at(-1) === data.percentage ? marks : [...marks.slice(-6), at_ms, data.percentage],
    pulse: null,
  };
  next.pulse = pulseOf(state, run, last, next);
  return next;
}

function complete(state: State, job: JobRecord, { data }: JobEvent & { type: 'JobCompleted' }): void {
  const taken_ms = job.run ? since(state, job.run.assigned_ms) : 0;
  const audio_ms = (job.duration_seconds ?? 0) * 1000;
  countInPeriods(state, {
    completed: 1,
    processing_ms: taken_ms,
    queue_ms: job.queue_ms,
    turnaround_ms: since(state, job.created_ms),
    audio_ms,
  });
  learnPace(state, audio_ms, taken_ms);
  observeCompleted(state, job, { taken_ms, audio_ms, turnaround_ms: since(state, job.created_ms) });
  if (job.run && job.run.ended_ms === null) {
    learn(state, job, job.run);
    settleEnds(state, job, job.run);
  }
  changeJob(state, job, {
    ...endRun(state, job, { cost_usd: data.cost_usd, verdict: 'completed', error: null }),
    state: 'COMPLETED',
    completed_ms: state.at_ms,
    promise: null,
    last_error: null,
    output: {
      s3_path: data.s3_path,
      segments_count: data.segments_count,
      confidence_score: data.confidence_score,
      ...(data.warnings ? { warnings: data.warnings } : {}),
      ...(data.suspect ? { suspect: true } : {}),
    },
    progress: {
      ...(job.progress ?? NO_PROGRESS),
      percentage: 100,
      eta_seconds: 0,
      at_ms: state.at_ms,
      marks: [],
      pulse: null,
    },
    history: entered(job, { state: 'COMPLETED', at_ms: state.at_ms, details: data.details }),
  });
}

/** Adds a completed job to the distributions. */
export function observeCompleted(
  state: State,
  { priority, run }: Pick<JobRecord, 'priority' | 'run'>,
  { taken_ms, audio_ms, turnaround_ms }: { taken_ms: number; audio_ms: number; turnaround_ms: number },
): void {
  const model = run?.model ?? null;
  observeBy(state, 'turnaround', priority, turnaround_ms);
  observeBy(state, 'processing', model, taken_ms);
  if (audio_ms > 0) observeBy(state, 'realtime_factor', model, (1000 * taken_ms) / audio_ms);
}

/** Updates the mean throughput factor with a job that took `taken_ms`. */
export function learnPace({ scalars }: State, audio_ms: number, taken_ms: number): void {
  // Durations outside this range teach nothing.
  if (!(audio_ms >= 1 && audio_ms <= Number.MAX_SAFE_INTEGER && taken_ms >= 1)) return;
  const mean = scalars.throughput_factor;
  const factor = audio_ms / taken_ms;
  scalars.throughput_factor = mean === null ? factor : mean + (factor - mean) * RECENT_WEIGHT;
}

/** Weight of the newest job in the mean throughput factor: about the last 20 jobs count. */
const RECENT_WEIGHT = 0.1;

export const NO_PROGRESS: ProgressRecord = {
  percentage: 0,
  stage: null,
  current_chunk: null,
  total_chunks: null,
  eta_seconds: null,
  at_ms: 0,
  marks: [],
  pulse: null,
};

/** The history with one more entry. Beyond HISTORY_MAX the first two entries and the latest are kept. */
export function entered(job: Pick<JobRecord, 'history'>, entry: HistoryRecord): readonly HistoryRecord[] {
  if (job.history.length < HISTORY_MAX) return [...job.history, entry];
  return [...job.history.slice(0, 2), ...job.history.slice(4 - HISTORY_MAX), entry].slice(0, HISTORY_MAX);
}

const HISTORY_MAX = 64;
