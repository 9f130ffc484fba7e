/**
 * Decisions about sightings: what a system without a server tells of jobs that run elsewhere. One that says nothing new
 * makes no event, so a source may be read again from anywhere, in any order, without doubling anything.
 *
 * A job that this queue has or handed out is its worker's to tell of: a sighting never changes it. A worker that is named
 * by something recent becomes known; what is long past leaves the fleet alone.
 */
import {
  hasEnded,
  mergeSightings,
  type SightedState,
  type Sighting,
  withSoundTimes,
} from '../../../protocol/sighting.ts';
import type { Event } from '../events.ts';
import { type JobRecord, runsElsewhere, type WorkerRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import { type Context, type Decision, type Refusal, refuse } from './decision.ts';

/** A worker that only logs is silent for long stretches; half an hour without a word is the documents' "stuck" (D17). */
const REPORTED_SILENT_MS = 30 * 60_000;

/** What a sighting comes to: all that is known with it, nothing new, or a refusal. */
export type Verdict =
  | { news: Sighting; refusal?: undefined }
  | { news: null; refusal?: undefined }
  | { news?: undefined; refusal: Refusal };

export function observeJobs(state: State, body: CommandBody & { type: 'observe_jobs' }, context: Context): Decision {
  const absent = new Set(body.absent);
  const events: Event[] = [];
  for (const told of oneEach(body.sightings)) {
    const job = state.job(told.job_id);
    if (!job && !absent.has(told.job_id)) continue;
    const { news } = weigh(job, told);
    if (!news) continue;
    const { job_id, ...sighting } = news;
    const worker_check_ms = workerCheck(state, news, context);
    events.push({ type: 'JobObserved', entity: job_id, data: { source: body.source, sighting, worker_check_ms } });
  }
  return { events };
}

/** Several of one job as one, in the order of the first. */
export function oneEach(sightings: readonly Sighting[]): Sighting[] {
  const byJob = new Map<string, Sighting>();
  for (const told of sightings.map(withSoundTimes)) {
    const known = byJob.get(told.job_id);
    byJob.set(told.job_id, known ? mergeSightings(known, told) : told);
  }
  return [...byJob.values()];
}

/** `job`: as memory or the archive has it. */
export function weigh(job: JobRecord | undefined, told: Sighting): Verdict {
  if (!job) return { news: withSoundTimes(withEnd(told, null)) };
  if (!runsElsewhere(job)) {
    return refuse(
      'conflict',
      'job_of_this_queue',
      `${job.job_id} belongs to this monitor's queue, which knows better`,
      {
        hint: 'Its worker reports it here; a job that runs elsewhere needs an id of its own.',
        extra: { state: job.state },
      },
    );
  }
  const known = knownOf(job);
  // Cancelled here: only another start, after that, is news.
  if (job.state === 'CANCELLED' && !(told.started_ms !== null && told.started_ms > (job.completed_ms ?? 0))) {
    return { news: null };
  }
  const merged = withSoundTimes(merge(known, withSoundTimes(withEnd(told, known))));
  if (job.state === 'CANCELLING' && !hasEnded(merged)) return { news: null };
  return { news: isSame(known, merged) ? null : merged };
}

/** What the record says, as a sighting. */
function knownOf(job: JobRecord): Sighting {
  const { job_id, run, observed } = job;
  if (observed && !observed.overruled) {
    const { source: _, overruled: __, ...sighting } = observed;
    return { job_id, ...sighting };
  }
  return {
    job_id,
    state: SIGHTED_AS[job.state],
    told_ms: job.updated_ms,
    worker_id: run?.worker_id ?? null,
    started_ms: run?.assigned_ms ?? null,
    ended_ms: job.completed_ms,
    percentage: job.progress?.percentage ?? null,
    stage: job.progress?.stage ?? null,
    audio_duration: job.duration_seconds,
    duration: null,
    segments: job.output?.segments_count ?? null,
    s3_path: job.output?.s3_path || null,
    error: job.state === 'FAILED' ? (job.last_error?.message ?? null) : null,
    ...(job.audio_url === '' ? {} : { audio_url: job.audio_url }),
  };
}

const SIGHTED_AS: Record<JobRecord['state'], SightedState> = {
  SUBMITTED: 'QUEUED',
  QUEUED: 'QUEUED',
  PROCESSING: 'PROCESSING',
  CANCELLING: 'PROCESSING',
  COMPLETED: 'COMPLETED',
  FAILED: 'FAILED',
  CANCELLED: 'FAILED',
};

/** An end without a time: the one that is known, or when it was told. What has not ended has no end. */
function withEnd(told: Sighting, known: Sighting | null): Sighting {
  if (!hasEnded(told)) return told.ended_ms === null ? told : { ...told, ended_ms: null };
  if (told.ended_ms !== null) return told;
  const { ended_ms = null } = known ?? {};
  const same = ended_ms !== null && !(told.started_ms !== null && told.started_ms > ended_ms);
  return { ...told, ended_ms: same ? ended_ms : told.told_ms };
}

/** Of two told at the same time the further one decides, so that two sources can't take turns for ever. */
function merge(known: Sighting, told: Sighting): Sighting {
  if (told.told_ms !== known.told_ms || distance(told) > distance(known)) return mergeSightings(known, told);
  return { ...mergeSightings(told, known), job_id: known.job_id };
}

const distance = ({ state, percentage }: Sighting): number =>
  state === 'QUEUED' ? -1 : state === 'PROCESSING' ? (percentage ?? 0) : 200;

/** An end that is told of again, later, is the same end. */
function isSame(known: Sighting, merged: Sighting): boolean {
  const ended = hasEnded(known) && hasEnded(merged);
  return (Object.keys(merged) as (keyof Sighting)[]).every(
    (name) => known[name] === merged[name] || (name === 'told_ms' && ended),
  );
}

/** When the silence of its worker is looked at; null where that says nothing: long ago, or a worker that beats for itself. */
function workerCheck(state: State, told: Sighting, { at_ms, policy }: Context): number | null {
  const heard_ms = Math.min(told.told_ms, at_ms);
  if (told.worker_id === null || heard_ms <= at_ms - REPORTED_SILENT_MS) return null;
  const worker = state.worker(told.worker_id);
  if (worker && worker.state !== 'TERMINATED' && !worker.reported) return null;
  if (worker?.state === 'TERMINATED' && heard_ms <= (worker.terminated_ms ?? 0)) return null;
  const busy = told.state === 'PROCESSING' || worker?.holds.some(({ job_id }) => job_id !== told.job_id);
  return heard_ms + (busy ? REPORTED_SILENT_MS : policy.worker_terminated_ms);
}

/** A worker known from sightings has been silent for some time: that is an alarm only while it has a job. */
export function reportedSilence(worker: WorkerRecord, heard_ms: number, { at_ms, policy }: Context): Event {
  const silent_ms = at_ms - heard_ms;
  const lost = worker.holds.length > 0 && silent_ms >= REPORTED_SILENT_MS;
  const again_ms = worker.holds.length > 0 && !lost ? REPORTED_SILENT_MS : policy.worker_terminated_ms;
  return {
    type: 'WorkerStatusChanged',
    entity: worker.worker_id,
    data: {
      status: lost ? 'UNHEALTHY' : worker.status,
      check_ms: heard_ms + again_ms,
      reason: `no source has told of it for ${Math.round(silent_ms / 1000)} s`,
    },
  };
}
