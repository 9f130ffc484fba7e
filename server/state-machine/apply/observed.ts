/**
 * Applies a sighting to a job that runs elsewhere and to the worker it names. Times are from the source's clock; log
 * time only decides which hour's figures are still open.
 *
 * The texts of history entries are part of the fold: a change makes instances of different versions disagree.
 */
import { SECONDS_MAX } from '../../../protocol/limits.ts';
import { hasEnded } from '../../../protocol/sighting.ts';
import type { JobEvent } from '../events.ts';
import { learn } from '../state/pace.ts';
import { countFailed, countInPeriods, isOpenHour } from '../state/periods.ts';
import { type AttemptError, finished, type JobRecord, type ProgressRecord, type Run } from '../state/records.ts';
import { share } from '../state/shares.ts';
import type { State } from '../state/state.ts';
import { plus } from '../state/sums.ts';
import { countBy } from '../state/tallies.ts';
import { takeBack } from './archive.ts';
import { release } from './attempts.ts';
import {
  earlierOf,
  entered,
  hardwareOf,
  type JobRequest,
  learnPace,
  NO_PROGRESS,
  newJob,
  observeCompleted,
} from './job.ts';
import { pulseOf } from './pulse.ts';
import { NEW_WORKER } from './worker.ts';

type Observation = JobEvent & { type: 'JobObserved' };
type JobSighting = Observation['data']['sighting'];

/** The worker of a job whose source names none. */
export const UNKNOWN_WORKER = 'unknown';

export function observe(state: State, { entity, data }: Observation): void {
  const { source, sighting, returning, worker_check_ms } = data;
  const last = state.job(entity) ?? (returning && takeBack(state, returning));
  const run = runOf(state, sighting, last);
  const created_ms = Math.min(sighting.told_ms, run?.assigned_ms ?? sighting.told_ms);
  const base = last ?? newJob(state, entity, { created_ms, request: UNKNOWN_REQUEST, history: [] });
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
    // A source may name an attempt's worker late, or report that the job waits again: that attempt goes on under its number.
    earlier: run !== null && run.attempt !== base.run?.attempt ? earlierOf(base) : base.earlier,
    dead: null,
    kill_ms: null,
    progress: progressOf(state, sighting, run, isSameRun(base.run, run) ? base.progress : null),
    last_error: errorOf(sighting, base),
    output: sighting.state === 'COMPLETED' ? sightedOutput(sighting) : null,
    queue_ms: run ? Math.max(0, run.assigned_ms - base.created_ms) : 0,
    instance_ms: instanceTime(base, run),
    observed: { source, ...sighting, overruled: false },
    verdict: last && last.state === sighting.state && isSameRun(last.run, run) ? last.verdict : null,
    history: historyOf(base, sighting, run, source),
  };
  if (last?.run && last.run.ended_ms === null && !isSameRun(last.run, run))
    releaseWorker(state, last, last.run.assigned_ms);
  if (worker_check_ms !== null) noteWorker(state, sighting, worker_check_ms);
  if (run && ended_ms === null) hold(state, entity, run);
  if (ended_ms !== null && !(last && finished(last.state))) {
    releaseWorker(state, next, ended_ms);
    count(state, next, ended_ms, base.progress);
  }
  state.putJob(next);
}

export function sightedError({ error, error_code }: JobSighting): AttemptError {
  const message = error ?? 'The worker gave no reason';
  return { code: error_code ?? 'worker_error', message, retryable: false };
}

export function sightedOutput({ s3_path, segments, confidence_score }: JobSighting) {
  return { s3_path: s3_path ?? '', segments_count: segments ?? 0, confidence_score: confidence_score ?? null };
}

/** Of a job submitted to another system; the sighting has what is known. */
const UNKNOWN_REQUEST: JobRequest = {
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

/** The attempt that the sighting is about: the last one, continued, or a new one. */
function runOf(state: State, sighting: JobSighting, last: JobRecord | undefined): Run | null {
  if (sighting.state === 'QUEUED') return null;
  const before = last?.run ?? null;
  const worker_id = sighting.worker_id ?? UNKNOWN_WORKER;
  const ended_ms = hasEnded(sighting) ? (sighting.ended_ms ?? sighting.told_ms) : null;
  // Old journals may contain any duration.
  const took_ms = Math.min(sighting.duration ?? 0, SECONDS_MAX) * 1000;
  const latest_start_ms = ended_ms === null ? sighting.told_ms : ended_ms - took_ms;
  const isNew =
    before !== null &&
    sighting.started_ms !== null &&
    sighting.started_ms > before.assigned_ms &&
    ((before.ended_ms !== null && sighting.started_ms > before.ended_ms) ||
      (before.worker_id !== worker_id && before.worker_id !== UNKNOWN_WORKER));
  const continued = before !== null && !isNew;
  return {
    worker_id,
    instance_id: null,
    attempt: isNew ? before.attempt + 1 : (before?.attempt ?? last?.attempt ?? 1),
    token: null,
    expires_ms: null,
    assigned_ms: sighting.started_ms ?? (continued ? Math.min(before.assigned_ms, latest_start_ms) : latest_start_ms),
    ended_ms,
    downloaded_ms: continued ? before.downloaded_ms : null,
    gpu_usage: continued ? before.gpu_usage : null,
    ...(continued && before.worker_id === worker_id ? hardware(before) : hardwareOf(state.worker(worker_id))),
    cost_usd: continued ? before.cost_usd : null,
    error_code: sighting.state === 'FAILED' ? sightedError(sighting).code : null,
    fault: null,
    expected: null,
    end: null,
  };
}

const hardware = ({ model, device, instance_type }: Run) => ({ model, device, instance_type });

const isSameRun = (a: Run | null, b: Run | null): boolean =>
  a !== null && b !== null && a.attempt === b.attempt && a.worker_id === b.worker_id;

function progressOf(
  state: State,
  sighting: JobSighting,
  run: Run | null,
  last: ProgressRecord | null,
): ProgressRecord | null {
  const { percentage, stage, told_ms } = sighting;
  if (sighting.state === 'COMPLETED') {
    return {
      ...(last ?? NO_PROGRESS),
      percentage: 100,
      stage: stage ?? last?.stage ?? null,
      at_ms: told_ms,
      marks: [],
      pulse: null,
    };
  }
  if (percentage === null && stage === null) {
    if (run === null || run.ended_ms !== null || last?.pulse) return last;
    const began = { ...NO_PROGRESS, ...last };
    return { ...began, pulse: pulseOf(state, run, null, began) };
  }
  const marks = last?.marks ?? [];
  const now = percentage ?? last?.percentage ?? 0;
  const next = {
    percentage: now,
    stage: stage ?? last?.stage ?? null,
    current_chunk: sighting.current_chunk ?? last?.current_chunk ?? null,
    total_chunks: sighting.total_chunks ?? last?.total_chunks ?? null,
    eta_seconds: sighting.eta_seconds ?? null,
    at_ms: told_ms,
    marks: marks.at(-1) === now ? marks : [...marks.slice(-6), told_ms, now],
  };
  return { ...next, pulse: run === null || run.ended_ms !== null ? null : pulseOf(state, run, last, next) };
}

function errorOf(sighting: JobSighting, { last_error }: JobRecord): AttemptError | null {
  if (sighting.state === 'COMPLETED') return null;
  return sighting.state === 'FAILED' ? sightedError(sighting) : last_error;
}

const timeOf = (run: Run | null): number =>
  run !== null && run.ended_ms !== null ? Math.max(0, run.ended_ms - run.assigned_ms) : 0;

/** Total time of the ended attempts. A new sighting of the last attempt replaces the time of that attempt. */
function instanceTime({ instance_ms, run: last }: JobRecord, run: Run | null): number {
  const before = last !== null && last.attempt === run?.attempt ? instance_ms - timeOf(last) : instance_ms;
  return plus(Math.max(0, before), timeOf(run));
}

/** Adds an entry for each change of state, attempt or end time; views depend on the end times in the history. */
function historyOf(job: JobRecord, sighting: JobSighting, run: Run | null, source: string): JobRecord['history'] {
  let { history } = job;
  const enter = (entry: JobRecord['history'][number]) => {
    history = entered({ history }, entry);
  };
  if (run === null) {
    if (job.state !== 'QUEUED')
      enter({ state: 'QUEUED', at_ms: sighting.told_ms, details: `Waits, as told by ${source}` });
    return history;
  }
  const { worker_id, assigned_ms, ended_ms } = run;
  const begun = !isSameRun(job.run, run);
  if (begun) {
    const worker = worker_id === UNKNOWN_WORKER ? {} : { worker_id };
    enter({
      state: 'PROCESSING',
      at_ms: assigned_ms,
      details: `Started by ${worker_id}, as told by ${source}`,
      ...worker,
    });
  } else if (job.run !== null && job.run.assigned_ms !== assigned_ms) {
    // The start was reported after the end.
    const started_ms = job.run.assigned_ms;
    history = history.map((entry) =>
      entry.state === 'PROCESSING' && entry.at_ms === started_ms ? { ...entry, at_ms: assigned_ms } : entry,
    );
  }
  if (!begun && ended_ms === null && job.state !== 'PROCESSING') {
    enter({ state: 'PROCESSING', at_ms: sighting.told_ms, details: `Goes on, as told by ${source}` });
  }
  if (ended_ms !== null && (begun || job.state !== sighting.state || job.completed_ms !== ended_ms)) {
    const outcome =
      sighting.state === 'COMPLETED' ? `Transcribed by ${worker_id}` : (sighting.error ?? `Failed on ${worker_id}`);
    enter({ state: sighting.state, at_ms: ended_ms, details: `${outcome.slice(0, 500)}, as told by ${source}` });
  }
  return history;
}

const TAGS_MAX = 32;
const TAG_CHARACTERS_MAX = 128;

function tagged(tags: readonly string[], source: string): readonly string[] {
  const tag = `source:${source}`.slice(0, TAG_CHARACTERS_MAX);
  return tags.includes(tag) || tags.length >= TAGS_MAX ? tags : [...tags, tag];
}

/** The worker exists and was active at the time of the sighting. */
function noteWorker(state: State, { worker_id, told_ms }: JobSighting, check_ms: number): void {
  if (worker_id === null) return;
  const known = state.worker(worker_id);
  if (known && known.state !== 'TERMINATED' && !known.reported) return;
  const active_ms = Math.min(told_ms, state.at_ms);
  const back = known && known.state !== 'TERMINATED' ? known : undefined;
  const { exit: _, ...before } = known ?? NEW_WORKER;
  state.putWorker({
    ...before,
    ...(back?.exit ? { exit: back.exit } : {}),
    worker_id,
    ordinal: known?.ordinal ?? state.nextOrdinal(),
    version: state.seq,
    state: back?.state ?? 'IDLE',
    created_ms: back?.created_ms ?? active_ms,
    terminated_ms: null,
    heartbeat_ms: Math.max(back?.heartbeat_ms ?? active_ms, active_ms),
    status: 'HEALTHY',
    reported: true,
    check_ms,
  });
}

/** Gives the job to its worker, if the worker is known. */
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

/** Takes the job from the worker of its last attempt. */
function releaseWorker(state: State, job: JobRecord, ended_ms: number): void {
  if (!job.run) return;
  const taken_ms = Math.max(0, ended_ms - job.run.assigned_ms);
  const verdict = job.state === 'COMPLETED' ? 'completed' : job.state === 'FAILED' ? 'failed' : 'neither';
  release(state, job.run.worker_id, job.job_id, { taken_ms, verdict });
}

/** Counts the job in the hour of its end if that hour is still open; figures of past hours are final. `before`: its progress until then. */
function count(state: State, job: JobRecord, ended_ms: number, before: ProgressRecord | null): void {
  if (!isOpenHour(state, ended_ms)) return;
  const busy_ms = timeOf(job.run);
  const failed = job.state === 'FAILED';
  const audio_ms = (job.duration_seconds ?? 0) * 1000;
  if (job.run) {
    const sums = failed ? { attempts_failed: 1 } : { completed: 1, processing_ms: busy_ms, audio_ms };
    share(state, job.run, { ...sums, busy_ms }, ended_ms);
  }
  if (failed) {
    countBy(state, 'failed', job.last_error?.code ?? null);
    return countFailed(state, job.last_error?.code, ended_ms);
  }
  const processing_ms = busy_ms;
  const turnaround_ms = Math.max(0, ended_ms - job.created_ms);
  countInPeriods(state, { completed: 1, processing_ms, queue_ms: job.queue_ms, turnaround_ms, audio_ms }, ended_ms);
  learnPace(state, audio_ms, processing_ms);
  observeCompleted(state, job, { taken_ms: processing_ms, audio_ms, turnaround_ms });
  if (job.run) learn(state, { ...job, progress: before }, job.run, ended_ms);
}
