/**
 * What a system without a server tells of one job: folded from log lines, or read from a status file, a row or a message.
 * A null says nothing. Sightings of a job add up in any order and however often each is seen (`mergeSightings`), so that
 * a source may be read again from anywhere without doubling anything.
 */
import type { JobSighting } from './sighting-schema.ts';
import { formatTime, parseTime } from './time.ts';

export type { JobSighting };

export const SIGHTED_STATES = ['QUEUED', 'PROCESSING', 'COMPLETED', 'FAILED'] as const;
export type SightedState = (typeof SIGHTED_STATES)[number];

/** Inside a program: times in milliseconds since 1970, nothing left out. */
export type Sighting = {
  job_id: string;
  state: SightedState;
  told_ms: number;
  worker_id: string | null;
  started_ms: number | null;
  ended_ms: number | null;
  percentage: number | null;
  stage: string | null;
  audio_duration: number | null;
  duration: number | null;
  segments: number | null;
  s3_path: string | null;
  error: string | null;
};

export const hasEnded = ({ state }: { state: SightedState }): boolean => state === 'COMPLETED' || state === 'FAILED';

/**
 * What both say together: the newer decides, the older fills in what the newer leaves open. An attempt that ended has
 * ended, whatever progress arrives late; a newer start begins another, which owes nothing to the one before.
 */
export function mergeSightings(known: Sighting, told: Sighting): Sighting {
  const [older, newer] = told.told_ms >= known.told_ms ? [known, told] : [told, known];
  if (older.ended_ms !== null && newer.started_ms !== null && newer.started_ms > older.ended_ms) {
    return { ...newer, audio_duration: newer.audio_duration ?? older.audio_duration };
  }
  const last = hasEnded(older) && !hasEnded(newer) ? older : newer;
  const other = last === newer ? older : newer;
  return {
    job_id: known.job_id,
    state: last.state,
    told_ms: newer.told_ms,
    worker_id: last.worker_id ?? other.worker_id,
    started_ms: last.started_ms ?? other.started_ms,
    ended_ms: last.ended_ms,
    percentage: last.percentage ?? other.percentage,
    stage: last.stage ?? other.stage,
    audio_duration: last.audio_duration ?? other.audio_duration,
    duration: last.duration ?? other.duration,
    segments: last.segments ?? other.segments,
    s3_path: last.s3_path ?? other.s3_path,
    error: last.state === 'FAILED' ? (last.error ?? other.error) : null,
  };
}

/** For the wire: without what it does not say. */
export function writeSighting(told: Sighting): JobSighting {
  const { job_id, state, told_ms, worker_id, started_ms, ended_ms, percentage, stage, audio_duration } = told;
  const { duration, segments, s3_path, error } = told;
  const said: JobSighting = { job_id, state, told_at: formatTime(told_ms) };
  if (worker_id !== null) said.worker_id = worker_id;
  if (started_ms !== null) said.started_at = formatTime(started_ms);
  if (ended_ms !== null) said.ended_at = ended_ms === told_ms ? said.told_at : formatTime(ended_ms);
  if (percentage !== null) said.percentage = percentage;
  if (stage !== null) said.stage = stage;
  if (audio_duration !== null) said.audio_duration = audio_duration;
  if (duration !== null) said.duration = duration;
  if (segments !== null) said.segments = segments;
  if (s3_path !== null) said.s3_path = s3_path;
  if (error !== null) said.error = error;
  return said;
}

/** From the wire; it has been validated. */
export function readSighting(told: JobSighting): Sighting {
  const { told_at, started_at, ended_at } = told;
  const told_ms = parseTime(told_at);
  return {
    job_id: told.job_id,
    state: told.state,
    told_ms,
    worker_id: told.worker_id ?? null,
    started_ms: started_at == null ? null : parseTime(started_at),
    ended_ms: ended_at == null ? null : ended_at === told_at ? told_ms : parseTime(ended_at),
    percentage: told.percentage ?? null,
    stage: told.stage ?? null,
    audio_duration: told.audio_duration ?? null,
    duration: told.duration ?? null,
    segments: told.segments ?? null,
    s3_path: told.s3_path ?? null,
    error: told.error ?? null,
  };
}
