/**
 * Decisions about sightings: reports of a system without a server on jobs that run elsewhere. A sighting without news
 * makes no event, so a source may be read again, from anywhere and in any order, without duplicates.
 *
 * A sighting never changes a job of this queue: only its worker reports on it. A recent sighting makes its worker
 * known; an old one does not.
 */
import {
  hasEnded,
  mergeSightings,
  type SightedState,
  type Sighting,
  withSoundTimes,
} from '../../../protocol/sighting.ts';
import type { Event } from '../events.ts';
import { isErased } from '../state/erasures.ts';
import { type JobRecord, runsElsewhere, type WorkerRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import { type Context, type Decision, type Refusal, refuse } from './decision.ts';

/** A worker that only logs may be silent for long; half an hour is the documents' "stuck" (D17). */
const REPORTED_SILENT_MS = 30 * 60_000;

/** The result for a sighting: everything known about the job, sighting included; null without news; or a refusal. */
export type Verdict =
  | { news: Sighting; refusal?: undefined }
  | { news: null; refusal?: undefined }
  | { news?: undefined; refusal: Refusal };

export function observeJobs(state: State, body: CommandBody & { type: 'observe_jobs' }, context: Context): Decision {
  const archived = new Map(body.archived);
  const events: Event[] = [];
  for (const sighting of mergeByJob(body.sightings)) {
    if (isErased(state, sighting.job_id)) continue;
    const here = state.job(sighting.job_id);
    const returning = here ? null : archived.get(sighting.job_id);
    if (returning === undefined) continue;
    if (!here && state.hasBeenArchivedSince(sighting.job_id, body.read_seq)) continue;
    const { news } = judge(here ?? returning?.job, sighting);
    if (!news) continue;
    const { job_id, ...known } = news;
    const worker_check_ms = workerCheck(state, news, context);
    events.push({
      type: 'JobObserved',
      entity: job_id,
      data: { source: body.source, sighting: known, ...(returning && { returning }), worker_check_ms },
    });
  }
  return { events };
}

/** Merges the sightings of each job, in the order of the first of each. */
export function mergeByJob(sightings: readonly Sighting[]): Sighting[] {
  const byJob = new Map<string, Sighting>();
  for (const sighting of sightings.map(withSoundTimes)) {
    const known = byJob.get(sighting.job_id);
    byJob.set(sighting.job_id, known ? mergeSightings(known, sighting) : sighting);
  }
  return [...byJob.values()];
}

/** `job`: from memory or the archive. */
export function judge(job: JobRecord | undefined, sighting: Sighting): Verdict {
  if (!job) return { news: withSoundTimes(withEnd(sighting, null)) };
  if (!runsElsewhere(job)) {
    return refuse('conflict', 'job_of_this_queue', `${job.job_id} is a job of this monitor's queue`, {
      hint: 'Only its worker can report on it. Use another id for a job that runs elsewhere.',
      extra: { state: job.state },
    });
  }
  const known = knownOf(job);
  // After a cancellation here, only a later start is news.
  if (job.state === 'CANCELLED' && !(sighting.started_ms !== null && sighting.started_ms > (job.completed_ms ?? 0))) {
    return { news: null };
  }
  const merged = withSoundTimes(merge(known, withSoundTimes(withEnd(sighting, known))));
  if (job.state === 'CANCELLING' && !hasEnded(merged)) return { news: null };
  return { news: isSame(known, merged) ? null : merged };
}

/** The record as a sighting. */
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
    ...(observed?.reported_id === undefined ? {} : { reported_id: observed.reported_id }),
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

/**
 * Fills in a missing end time: the known one, or the time of the sighting. Removes the end time of a job that has not
 * ended.
 */
function withEnd(sighting: Sighting, known: Sighting | null): Sighting {
  if (!hasEnded(sighting)) return sighting.ended_ms === null ? sighting : { ...sighting, ended_ms: null };
  if (sighting.ended_ms !== null) return sighting;
  const { ended_ms = null } = known ?? {};
  const same = ended_ms !== null && !(sighting.started_ms !== null && sighting.started_ms > ended_ms);
  return { ...sighting, ended_ms: same ? ended_ms : sighting.told_ms };
}

/** Of two sightings with the same time the more advanced one wins, so that two sources can't alternate forever. */
function merge(known: Sighting, sighting: Sighting): Sighting {
  if (sighting.told_ms !== known.told_ms || advance(sighting) > advance(known)) return mergeSightings(known, sighting);
  return { ...mergeSightings(sighting, known), job_id: known.job_id };
}

const advance = ({ state, percentage }: Sighting): number =>
  state === 'QUEUED' ? -1 : state === 'PROCESSING' ? (percentage ?? 0) : 200;

/** Whether `merged` has no news. Later reports of the same end are no news. */
function isSame(known: Sighting, merged: Sighting): boolean {
  const ended = hasEnded(known) && hasEnded(merged);
  return (Object.keys(merged) as (keyof Sighting)[]).every(
    (name) => known[name] === merged[name] || (name === 'told_ms' && ended),
  );
}

/** When to check the worker for silence; null if the sighting is too old, or the worker sends heartbeats itself. */
function workerCheck(state: State, sighting: Sighting, { at_ms, policy }: Context): number | null {
  const active_ms = Math.min(sighting.told_ms, at_ms);
  if (sighting.worker_id === null || active_ms <= at_ms - REPORTED_SILENT_MS) return null;
  const worker = state.worker(sighting.worker_id);
  if (worker && worker.state !== 'TERMINATED' && !worker.reported) return null;
  if (worker?.state === 'TERMINATED' && active_ms <= (worker.terminated_ms ?? 0)) return null;
  const busy = sighting.state === 'PROCESSING' || worker?.holds.some(({ job_id }) => job_id !== sighting.job_id);
  return active_ms + (busy ? REPORTED_SILENT_MS : policy.worker_terminated_ms);
}

/** A worker known from sightings has been silent; it is UNHEALTHY only while it has a job. */
export function reportedSilence(worker: WorkerRecord, active_ms: number, { at_ms, policy }: Context): Event {
  const silent_ms = at_ms - active_ms;
  const lost = worker.holds.length > 0 && silent_ms >= REPORTED_SILENT_MS;
  const again_ms = worker.holds.length > 0 && !lost ? REPORTED_SILENT_MS : policy.worker_terminated_ms;
  return {
    type: 'WorkerStatusChanged',
    entity: worker.worker_id,
    data: {
      status: lost ? 'UNHEALTHY' : worker.status,
      check_ms: active_ms + again_ms,
      reason: `no source has reported it for ${Math.round(silent_ms / 1000)} s`,
    },
  };
}
