/**
 * What a system without a server reports about one job: folded from log lines, or read from a status file, a row or a
 * message. Null means unknown. Sightings of a job merge to the same result in any order and any number of times
 * (`mergeSightings`), so a source may be read again from anywhere.
 */
import type { LogEventName } from './log-line.ts';
import type { SightedState } from './sighted-state.ts';
import type { JobSighting } from './sighting-schema.ts';
import { formatTime, LAST_MS, parseTime } from './time.ts';

export type { JobSighting, SightedState };

/** The form used inside a program: times in milliseconds since 1970, no field omitted. */
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
} & SightingDetails;

/** A sighting's optional fields while nothing is known. */
export const NOTHING_KNOWN = {
  worker_id: null,
  started_ms: null,
  ended_ms: null,
  percentage: null,
  stage: null,
  audio_duration: null,
  duration: null,
  segments: null,
  s3_path: null,
  error: null,
} as const;

/** Left out if unknown. All but the first: only lines of POST /events say it. */
export type SightingDetails = {
  /** The name that the job has in its system, if that is not an id (reported-id.ts). */
  reported_id?: string;
  audio_url?: string;
  confidence_score?: number;
  error_code?: string;
  current_chunk?: number;
  total_chunks?: number;
  /** Of the newest line; the monitor estimates it from the percentages otherwise. */
  eta_seconds?: number;
};

export const hasEnded = ({ state }: { state: SightedState }): boolean => state === 'COMPLETED' || state === 'FAILED';

export const endsBeforeStart = ({ started_ms, ended_ms }: Pick<Sighting, 'started_ms' | 'ended_ms'>): boolean =>
  started_ms !== null && ended_ms !== null && ended_ms < started_ms;

/**
 * With times that can be true: from 1970 to 9999, and no end before its start, which is ordinary where the clocks of two machines
 * differ: such an end is at the start. The same object if nothing has to change.
 */
export function withSoundTimes(told: Sighting): Sighting {
  const told_ms = soundTime(told.told_ms);
  const started_ms = told.started_ms === null ? null : soundTime(told.started_ms);
  let ended_ms = told.ended_ms === null ? null : soundTime(told.ended_ms);
  if (endsBeforeStart({ started_ms, ended_ms })) ended_ms = started_ms;
  const same = told_ms === told.told_ms && started_ms === told.started_ms && ended_ms === told.ended_ms;
  return same ? told : { ...told, told_ms, started_ms, ended_ms };
}

const soundTime = (time_ms: number): number => Math.max(0, Math.min(LAST_MS, time_ms));

/**
 * Merges two sightings: the newer one decides, the older one fills in its nulls. An attempt that has ended stays ended,
 * whatever progress arrives late; a newer start begins another attempt, which takes nothing from the one before.
 */
export function mergeSightings(first: Sighting, second: Sighting): Sighting {
  const [older, newer] = second.told_ms >= first.told_ms ? [first, second] : [second, first];
  if (older.ended_ms !== null && newer.started_ms !== null && newer.started_ms > older.ended_ms) {
    return named({ ...newer, audio_duration: newer.audio_duration ?? older.audio_duration }, older);
  }
  const last = hasEnded(older) && !hasEnded(newer) ? older : newer;
  const other = last === newer ? older : newer;
  const merged: Sighting = {
    job_id: first.job_id,
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
  for (const name of DETAILS) {
    const value = name === 'eta_seconds' ? last[name] : (last[name] ?? other[name]);
    if (value !== undefined) merged[name] = value as never;
  }
  return named(named(merged, newer), older);
}

/** The name is that of the job, not of an attempt: what was known first stays. */
function named(merged: Sighting, { reported_id }: Sighting): Sighting {
  if (reported_id !== undefined) merged.reported_id = reported_id;
  return merged;
}

const DETAILS = [
  'audio_url',
  'confidence_score',
  'error_code',
  'current_chunk',
  'total_chunks',
  'eta_seconds',
] as const satisfies readonly Exclude<keyof SightingDetails, 'reported_id'>[];

/** A line of the log vocabulary, from a log or from POST /events. Null or left out: the line does not say. */
export type ReportedLine = { event: LogEventName; job_id: string; reported_id?: string } & {
  [F in 'worker_id' | 'stage' | 's3_path' | 'error']?: string | null;
} & { [F in 'percentage' | 'audio_duration' | 'duration' | 'segments']?: number | null };

export function sightingOf(line: ReportedLine, told_ms: number): Sighting {
  const state = LINE_STATES[line.event];
  return {
    job_id: line.job_id,
    state,
    told_ms,
    worker_id: line.worker_id ?? null,
    started_ms: line.event === 'JOB_START' ? told_ms : null,
    ended_ms: state === 'PROCESSING' ? null : told_ms,
    percentage: line.percentage ?? null,
    stage: line.stage ?? null,
    audio_duration: line.audio_duration ?? null,
    duration: line.duration ?? null,
    segments: line.segments ?? null,
    s3_path: line.s3_path ?? null,
    error: line.event === 'JOB_FAILED' ? (line.error ?? null) : null,
    ...(line.reported_id === undefined ? {} : { reported_id: line.reported_id }),
  };
}

const LINE_STATES: Record<LogEventName, SightedState> = {
  JOB_START: 'PROCESSING',
  JOB_PROGRESS: 'PROCESSING',
  JOB_COMPLETE: 'COMPLETED',
  JOB_FAILED: 'FAILED',
};

/** For the wire: omits unknown values. */
export function writeSighting(sighting: Sighting): JobSighting {
  const { job_id, state, told_ms, worker_id, started_ms, ended_ms, percentage } = withSoundTimes(sighting);
  const { stage, audio_duration, duration, segments, s3_path, error, reported_id } = sighting;
  const body: JobSighting = { job_id, state, told_at: formatTime(told_ms) };
  if (reported_id !== undefined) body.reported_id = reported_id;
  if (worker_id !== null) body.worker_id = worker_id;
  if (started_ms !== null) body.started_at = formatTime(started_ms);
  if (ended_ms !== null) body.ended_at = ended_ms === told_ms ? body.told_at : formatTime(ended_ms);
  if (percentage !== null) body.percentage = percentage;
  if (stage !== null) body.stage = stage;
  if (audio_duration !== null) body.audio_duration = audio_duration;
  if (duration !== null) body.duration = duration;
  if (segments !== null) body.segments = segments;
  if (s3_path !== null) body.s3_path = s3_path;
  if (error !== null) body.error = error;
  return body;
}

/** From the wire, after validation. */
export function readSighting(body: JobSighting): Sighting {
  const { told_at, started_at, ended_at } = body;
  const told_ms = parseTime(told_at);
  return {
    job_id: body.job_id,
    state: body.state,
    told_ms,
    worker_id: body.worker_id ?? null,
    started_ms: started_at == null ? null : parseTime(started_at),
    ended_ms: ended_at == null ? null : ended_at === told_at ? told_ms : parseTime(ended_at),
    percentage: body.percentage ?? null,
    stage: body.stage ?? null,
    audio_duration: body.audio_duration ?? null,
    duration: body.duration ?? null,
    segments: body.segments ?? null,
    s3_path: body.s3_path ?? null,
    error: body.error ?? null,
    ...(body.reported_id == null ? {} : { reported_id: body.reported_id }),
  };
}
