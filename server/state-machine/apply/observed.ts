/**
 * How a sighting changes a job that runs elsewhere, and the worker that it names. The times are the source's own; log time
 * only says which hour's figures are still open.
 */
import type { JobError } from '../../../protocol/job.ts';
import { SECONDS_MAX } from '../../../protocol/limits.ts';
import { hasEnded } from '../../../protocol/sighting.ts';
import type { JobEvent } from '../events.ts';
import { countInPeriods, isOpenHour } from '../state/periods.ts';
import { finished, type JobRecord, type ProgressRecord, type Run } from '../state/records.ts';
import type { State } from '../state/state.ts';
import { plus } from '../state/sums.ts';
import { type Asked, entered, learnPace, NO_PROGRESS, newJob, release } from './job.ts';
import { NEW_WORKER } from './worker.ts';

type Observation = JobEvent & { type: 'JobObserved' };
type Told = Observation['data']['sighting'];

/** Stands where a source does not say who works on a job. */
export const UNKNOWN_WORKER = 'unknown';

export function observe(state: State, { entity, data }: Observation): void {
  const { source, sighting, worker_check_ms } = data;
  const last = state.job(entity);
  const run = runOf(sighting, last);
  const created_ms = Math.min(sighting.told_ms, run?.assigned_ms ?? sighting.told_ms);
  const base = last ?? newJob(state, entity, { created_ms, asked: UNASKED, history: [] });
  if (!last && isOpenHour(state, created_ms)) countInPeriods(state, { submitted: 1 }, created_ms);
  const ended_ms = run?.ended_ms ?? null;
  const next: JobRecord = {
    ...base,
    version: state.seq,
    state: sighting.state,
    created_ms: base.observed === null ? base.created_ms : Math.min(base.created_ms, created_ms),
    updated_ms: sighting.told_ms,
    completed_ms: ended_ms,
    audio_url: sighting.audio_url ?? base.audio_url,
    duration_seconds: sighting.audio_duration ?? base.duration_seconds,
    tags: tagged(base.tags, source),
    metadata: { source, ...base.metadata },
    attempt: run?.attempt ?? base.attempt,
    max_attempts: Math.max(base.max_attempts, run?.attempt ?? 1),
    not_before_ms: null,
    run,
    dead: null,
    kill_ms: null,
    progress: progressOf(sighting, isSameRun(base.run, run) ? base.progress : null),
    last_error: errorOf(sighting, base),
    output: sighting.state === 'COMPLETED' ? sightedOutput(sighting) : null,
    queue_ms: run ? Math.max(0, run.assigned_ms - base.created_ms) : 0,
    instance_ms: instanceTime(base, run),
    observed: { source, ...sighting, overruled: false },
    history: historyOf(base, sighting, run, source),
  };
  if (last?.run && last.run.ended_ms === null && !isSameRun(last.run, run)) letGo(state, last, last.run.assigned_ms);
  if (worker_check_ms !== null) greet(state, sighting, worker_check_ms);
  if (run && ended_ms === null) hold(state, entity, run);
  if (ended_ms !== null && !(last && finished(last.state))) {
    letGo(state, next, ended_ms);
    count(state, next, ended_ms);
  }
  state.putJob(next);
}

/** An error in words, as a job has it. */
export function sightedError({ error, error_code }: Told): JobError {
  const message = error ?? 'The worker gave no reason';
  return { code: error_code ?? 'worker_error', message, retryable: false };
}

export function sightedOutput({ s3_path, segments, confidence_score }: Told) {
  return { s3_path: s3_path ?? '', segments_count: segments ?? 0, confidence_score: confidence_score ?? null };
}

/** Of a job that another system was asked for; what it tells of it stands in the sighting. */
const UNASKED: Asked = {
  audio_url: '',
  output_format: 'json',
  priority: 'normal',
  max_attempts: 1,
  duration_seconds: null,
  file_size_bytes: null,
  tags: [],
  metadata: null,
  webhook_url: null,
  estimated_cost_usd: null,
};

/** The attempt that it tells of: the one before as it goes on, or the next. */
function runOf(told: Told, last: JobRecord | undefined): Run | null {
  if (told.state === 'QUEUED') return null;
  const before = last?.run ?? null;
  const worker_id = told.worker_id ?? UNKNOWN_WORKER;
  const ended_ms = hasEnded(told) ? (told.ended_ms ?? told.told_ms) : null;
  // Journals of before may hold any duration.
  const took_ms = Math.min(told.duration ?? 0, SECONDS_MAX) * 1000;
  const heard_ms = ended_ms === null ? told.told_ms : ended_ms - took_ms;
  const again =
    before !== null &&
    told.started_ms !== null &&
    told.started_ms > before.assigned_ms &&
    ((before.ended_ms !== null && told.started_ms > before.ended_ms) ||
      (before.worker_id !== worker_id && before.worker_id !== UNKNOWN_WORKER));
  const goesOn = before !== null && !again;
  return {
    worker_id,
    instance_id: null,
    attempt: again ? before.attempt + 1 : (before?.attempt ?? last?.attempt ?? 1),
    token: null,
    expires_ms: null,
    assigned_ms: told.started_ms ?? (goesOn ? Math.min(before.assigned_ms, heard_ms) : heard_ms),
    ended_ms,
    downloaded_ms: goesOn ? before.downloaded_ms : null,
    gpu_usage: goesOn ? before.gpu_usage : null,
  };
}

const isSameRun = (a: Run | null, b: Run | null): boolean =>
  a !== null && b !== null && a.attempt === b.attempt && a.worker_id === b.worker_id;

function progressOf(told: Told, last: ProgressRecord | null): ProgressRecord | null {
  const { percentage, stage, told_ms } = told;
  if (told.state === 'COMPLETED') {
    return {
      ...(last ?? NO_PROGRESS),
      percentage: 100,
      stage: stage ?? last?.stage ?? null,
      at_ms: told_ms,
      marks: [],
    };
  }
  if (percentage === null && stage === null) return last;
  const marks = last?.marks ?? [];
  const now = percentage ?? last?.percentage ?? 0;
  return {
    percentage: now,
    stage: stage ?? last?.stage ?? null,
    current_chunk: told.current_chunk ?? last?.current_chunk ?? null,
    total_chunks: told.total_chunks ?? last?.total_chunks ?? null,
    eta_seconds: told.eta_seconds ?? null,
    at_ms: told_ms,
    marks: marks.at(-1) === now ? marks : [...marks.slice(-6), told_ms, now],
  };
}

function errorOf(told: Told, { last_error }: JobRecord): JobError | null {
  if (told.state === 'COMPLETED') return null;
  return told.state === 'FAILED' ? sightedError(told) : last_error;
}

const timeOf = (run: Run | null): number =>
  run !== null && run.ended_ms !== null ? Math.max(0, run.ended_ms - run.assigned_ms) : 0;

/** Of attempts that have ended; one that is told of again counts as it is told now. */
function instanceTime({ instance_ms, run: last }: JobRecord, run: Run | null): number {
  const before = last !== null && last.attempt === run?.attempt ? instance_ms - timeOf(last) : instance_ms;
  return plus(Math.max(0, before), timeOf(run));
}

/** One more entry for each change of state, of attempt or of the time of an end: views go by the ends that it names. */
function historyOf(job: JobRecord, told: Told, run: Run | null, source: string): JobRecord['history'] {
  let { history } = job;
  const enter = (entry: JobRecord['history'][number]) => {
    history = entered({ history }, entry);
  };
  if (run === null) {
    if (job.state !== 'QUEUED') enter({ state: 'QUEUED', at_ms: told.told_ms, details: `Waits, as told by ${source}` });
    return history;
  }
  const { worker_id, assigned_ms, ended_ms } = run;
  const begun = !isSameRun(job.run, run);
  if (begun) {
    const who = worker_id === UNKNOWN_WORKER ? {} : { worker_id };
    enter({
      state: 'PROCESSING',
      at_ms: assigned_ms,
      details: `Started by ${worker_id}, as told by ${source}`,
      ...who,
    });
  } else if (job.run !== null && job.run.assigned_ms !== assigned_ms) {
    // Its start was told after its end.
    const started_ms = job.run.assigned_ms;
    history = history.map((one) =>
      one.state === 'PROCESSING' && one.at_ms === started_ms ? { ...one, at_ms: assigned_ms } : one,
    );
  }
  if (!begun && ended_ms === null && job.state !== 'PROCESSING') {
    enter({ state: 'PROCESSING', at_ms: told.told_ms, details: `Goes on, as told by ${source}` });
  }
  if (ended_ms !== null && (begun || job.state !== told.state || job.completed_ms !== ended_ms)) {
    const words = told.state === 'COMPLETED' ? `Transcribed by ${worker_id}` : (told.error ?? `Failed on ${worker_id}`);
    enter({ state: told.state, at_ms: ended_ms, details: `${words.slice(0, 500)}, as told by ${source}` });
  }
  return history;
}

const TAGS_MAX = 32;
const TAG_CHARACTERS_MAX = 128;

function tagged(tags: readonly string[], source: string): readonly string[] {
  const tag = `source:${source}`.slice(0, TAG_CHARACTERS_MAX);
  return tags.includes(tag) || tags.length >= TAGS_MAX ? tags : [...tags, tag];
}

/** Its worker is there: known from now on, and heard of. */
function greet(state: State, { worker_id, told_ms }: Told, check_ms: number): void {
  if (worker_id === null) return;
  const known = state.worker(worker_id);
  if (known && known.state !== 'TERMINATED' && !known.reported) return;
  const heard_ms = Math.min(told_ms, state.at_ms);
  const back = known && known.state !== 'TERMINATED' ? known : undefined;
  state.putWorker({
    ...(known ?? NEW_WORKER),
    worker_id,
    ordinal: known?.ordinal ?? state.nextOrdinal(),
    version: state.seq,
    state: back?.state ?? 'IDLE',
    created_ms: back?.created_ms ?? heard_ms,
    terminated_ms: null,
    heartbeat_ms: Math.max(back?.heartbeat_ms ?? heard_ms, heard_ms),
    status: 'HEALTHY',
    reported: true,
    check_ms,
  });
}

/** A worker that is known has the job. */
function hold(state: State, job_id: string, { worker_id, assigned_ms }: Run): void {
  const worker = state.worker(worker_id);
  if (!worker || worker.state === 'TERMINATED' || worker.holds.some((held) => held.job_id === job_id)) return;
  state.putWorker({
    ...worker,
    version: state.seq,
    state: worker.state === 'IDLE' ? 'ACTIVE' : worker.state,
    holds: [...worker.holds, { job_id, assigned_ms, gpu_sum: 0, gpu_count: 0 }],
  });
}

/** The worker that had it has it no more. */
function letGo(state: State, job: JobRecord, ended_ms: number): void {
  if (!job.run) return;
  const taken_ms = Math.max(0, ended_ms - job.run.assigned_ms);
  const verdict = job.state === 'COMPLETED' ? 'completed' : job.state === 'FAILED' ? 'failed' : 'neither';
  release(state, job.run.worker_id, job.job_id, { taken_ms, verdict });
}

/** In the hour of its end, where that is still open: what ended yesterday did not end now. */
function count(state: State, job: JobRecord, ended_ms: number): void {
  if (!isOpenHour(state, ended_ms)) return;
  if (job.state === 'FAILED') return countInPeriods(state, { failed: 1 }, ended_ms);
  const processing_ms = timeOf(job.run);
  const audio_ms = (job.duration_seconds ?? 0) * 1000;
  const turnaround_ms = Math.max(0, ended_ms - job.created_ms);
  countInPeriods(state, { completed: 1, processing_ms, queue_ms: job.queue_ms, turnaround_ms, audio_ms }, ended_ms);
  learnPace(state, audio_ms, processing_ms);
}
