/**
 * One status file per job, `jobs/{job_id}.json`: written by a worker to a bucket or a folder, and read from there.
 *
 *     {"job_id": "job-1", "worker_id": "worker-1", "status": "PROCESSING", "started_at": "2025-07-07T19:30:00Z",
 *      "percentage": 45, "updated_at": "2025-07-07T19:40:00Z", "stage": "TRANSCRIBING"}
 *
 * The first five fields are always present, null if unknown; the others only if known.
 */
import {
  isWithoutZone,
  lenientCount,
  lenientPercentage,
  lenientSeconds,
  lenientText,
  lenientTime,
  lenientWorkerId,
} from './lenient-values.ts';
import { objectAt } from './log-literal.ts';
import { REPORTED_ID_MAX, reportedId } from './reported-id.ts';
import type { SightedState, Sighting } from './sighting.ts';
import { lenientState, noStatus, reasonOf, type StateWords } from './status-words.ts';
import { formatTime } from './time.ts';
import type { Zone } from './zone.ts';

/**
 * Times: RFC 3339, UTC. `completed_at`: end of the attempt, also of a failed one. `duration`, `audio_duration`:
 * seconds.
 */
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

/** `job_id`: an id, also of a job with another name. */
export const statusFileKey = (job_id: string): string => `${STATUS_FILE_PREFIX}${job_id}.json`;

/** `half_written`: the text ends before the file does, as while it is being written. */
export type UnreadableStatus = { why: string; half_written?: true };

/** The file's text, with the job's own name as its `job_id`. */
export function writeStatusFile(sighting: Sighting): string {
  const { job_id, reported_id, worker_id, state, told_ms, started_ms, ended_ms, percentage, ...rest } = sighting;
  const file: StatusFile = {
    job_id: reported_id ?? job_id,
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

export type StatusFileOptions = {
  /** The job, if the file does not say which. */
  name?: string;
  states?: StateWords | undefined;
  /** Of times without one. */
  zone?: Zone | undefined;
  /** Leaves out a start whose zone nothing in the file confirms: a wrong one would make the job look slow. */
  doubts_zone?: boolean;
  /** Says of a report whether its time had no zone. */
  marks_zone?: boolean;
};

/** `without_zone`: present if its time had none, and that was asked for. */
export type StatusReport = Sighting & { without_zone?: true };

/**
 * Reads a status file, whoever wrote it: `status` is required, unknown fields are ignored. Without an `updated_at`, the file's
 * modification time is used.
 */
export function readStatusFile(
  text: string,
  last_modified_ms: number,
  { name, states, zone, doubts_zone = false, marks_zone = false }: StatusFileOptions = {},
): StatusReport | UnreadableStatus {
  let file: unknown;
  try {
    file = parseJson(text);
  } catch (error) {
    if (isBlank(text)) return { why: 'it is empty', half_written: true };
    const { message } = error as Error;
    return { why: `it is not JSON: ${message}`, ...(endsEarly(text, message) ? { half_written: true } : {}) };
  }
  if (typeof file !== 'object' || file === null || Array.isArray(file)) return { why: 'it is not a JSON object' };
  const fields = file as Record<string, unknown>;
  const given = fields.job_id ?? fields.jobId ?? name;
  const id = reportedId(given);
  if (id === null) return { why: noId(given) };
  const state = lenientState(fields.status ?? fields.state, states);
  if (state === undefined) return { why: noStatus(fields.status ?? fields.state) };
  const updated_ms = lenientTime(fields.updated_at, zone);
  const told_ms = updated_ms ?? last_modified_ms;
  const doubted = doubts_zone && updated_ms === null && isWithoutZone(fields.started_at);
  const ended = state === 'COMPLETED' || state === 'FAILED';
  return {
    ...id,
    state,
    told_ms,
    worker_id: lenientWorkerId(fields.worker_id),
    started_ms: doubted ? null : lenientTime(fields.started_at, zone),
    ended_ms: ended ? (lenientTime(fields.completed_at, zone) ?? told_ms) : null,
    percentage: lenientPercentage(fields.percentage),
    stage: lenientText(fields.stage, 40)?.toUpperCase() ?? null,
    audio_duration: lenientSeconds(fields.audio_duration),
    duration: lenientSeconds(fields.duration),
    segments: lenientCount(fields.segments),
    s3_path: lenientText(fields.s3_path, 2048),
    error:
      state === 'FAILED'
        ? (lenientText(fields.error ?? fields.error_message, 4000) ?? reasonOf(fields.status ?? fields.state))
        : null,
    ...(marks_zone && isWithoutZone(fields.updated_at) ? { without_zone: true } : {}),
  };
}

/** JSON, with the NaN that Python's `json.dumps` adds, or a dict as Python prints it. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const literal = objectAt(text, text.search(/\S/));
    if (literal === null || text.slice(literal.end).trim() !== '') throw error;
    return literal.value;
  }
}

/** Whether the parser met the end of the text, and nothing wrong before it. */
function endsEarly(text: string, message: string): boolean {
  const [, position] = /at position (\d+)/.exec(message) ?? [];
  return /end of JSON|Unterminated/.test(message) || Number(position) >= text.trimEnd().length;
}

/** A file that was created, or given its length, before its text was written. */
const isBlank = (text: string): boolean => /^[\s\0]*$/.test(text);

export function noId(value: unknown): string {
  return value == null
    ? 'it has no job_id'
    : `its job_id is ${shown(value)}, which is neither an integer nor a text of 1 to ${REPORTED_ID_MAX} characters`;
}

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? String(value);
