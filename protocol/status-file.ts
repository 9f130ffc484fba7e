/**
 * One status file a job, `jobs/{job_id}.json`: what a worker writes to a bucket or a folder, and what is read of it again.
 *
 *     {"job_id": "job-1", "worker_id": "worker-1", "status": "PROCESSING", "started_at": "2025-07-07T19:30:00Z",
 *      "percentage": 45, "updated_at": "2025-07-07T19:40:00Z", "stage": "TRANSCRIBING"}
 *
 * The first five are always there, null where they are not known; the rest only where known.
 */
import { isId } from './id-pattern.ts';
import type { SightedState, Sighting } from './sighting.ts';
import { formatTime } from './time.ts';
import { toldCount, toldNumber, toldPercentage, toldText, toldTime, toldWorker } from './told-values.ts';

/** Times: RFC 3339, UTC. `completed_at`: end of the attempt, failed ones' too. `duration`, `audio_duration`: seconds. */
export type StatusFile = {
  job_id: string;
  worker_id: string | null;
  status: SightedState;
  started_at: string | null;
  percentage: number | null;
  updated_at?: string;
  stage?: string;
  error?: string;
  duration?: number;
  segments?: number;
  audio_duration?: number;
  completed_at?: string;
  s3_path?: string;
};

export const STATUS_FILE_PREFIX = 'jobs/';

export const statusFileKey = (job_id: string): string => `${STATUS_FILE_PREFIX}${job_id}.json`;

/** The other way round; undefined where the key is none of a status file. `key` begins at `jobs/`. */
export function jobOfStatusFileKey(key: string): string | undefined {
  const job_id = key.startsWith(STATUS_FILE_PREFIX) && key.endsWith('.json') ? key.slice(5, -5) : '';
  return isId(job_id) ? job_id : undefined;
}

/** The file's text. */
export function writeStatusFile(sighting: Sighting): string {
  const { job_id, worker_id, state, told_ms, started_ms, ended_ms, percentage, ...rest } = sighting;
  const file: StatusFile = {
    job_id,
    worker_id,
    status: state,
    started_at: started_ms === null ? null : formatTime(started_ms),
    percentage,
    updated_at: formatTime(told_ms),
    ...(ended_ms === null ? {} : { completed_at: formatTime(ended_ms) }),
    ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)),
  };
  return JSON.stringify(file);
}

/**
 * What a file tells, whoever wrote it: it needs a `job_id` and a `status`; fields that are not known are passed over. Without
 * an `updated_at` it was told when the file was last changed.
 */
export function readStatusFile(text: string, last_modified_ms: number): Sighting | { why: string } {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (error) {
    return { why: text.trim() === '' ? 'it is empty' : `it is no JSON: ${(error as Error).message}` };
  }
  if (typeof file !== 'object' || file === null || Array.isArray(file)) return { why: 'it is no JSON object' };
  const fields = file as Record<string, unknown>;
  const { job_id } = fields;
  if (typeof job_id !== 'string' || !isId(job_id)) return { why: noId(job_id) };
  const state = toldState(fields.status ?? fields.state);
  if (state === undefined) return { why: noStatus(fields.status ?? fields.state) };
  const told_ms = toldTime(fields.updated_at) ?? last_modified_ms;
  const ended = state === 'COMPLETED' || state === 'FAILED';
  return {
    job_id,
    state,
    told_ms,
    worker_id: toldWorker(fields.worker_id),
    started_ms: toldTime(fields.started_at),
    ended_ms: ended ? (toldTime(fields.completed_at) ?? told_ms) : null,
    percentage: toldPercentage(fields.percentage),
    stage: toldText(fields.stage, 40)?.toUpperCase() ?? null,
    audio_duration: toldNumber(fields.audio_duration),
    duration: toldNumber(fields.duration),
    segments: toldCount(fields.segments),
    s3_path: toldText(fields.s3_path, 2048),
    error: state === 'FAILED' ? toldText(fields.error ?? fields.error_message, 4000) : null,
  };
}

const STATES: readonly SightedState[] = ['QUEUED', 'PROCESSING', 'COMPLETED', 'FAILED'];

/** A status in any case; undefined where it is none. */
export function toldState(value: unknown): SightedState | undefined {
  return STATES.find((state) => state === String(value).toUpperCase());
}

export function noStatus(value: unknown): string {
  return value == null ? 'it has no status' : `its status is ${shown(value)}, none of ${STATES.join(', ')}`;
}

export function noId(value: unknown): string {
  return value == null
    ? 'it has no job_id'
    : `its job_id is ${shown(value)}: an id has letters, digits, _ and -, at most 64`;
}

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? String(value);
