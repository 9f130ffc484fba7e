/**
 * The log vocabulary of POST /events: NDJSON, one object a line, for workers that only report, and for busy ones that
 * report many jobs in one request. With a `lease_token` a line acts for that lease, exactly as the job's own endpoints do.
 * Without one it reports a job that runs elsewhere, as a line of a followed log does: the first makes the job known, lines add
 * up in any order by their `timestamp`, and one that is sent again changes nothing.
 */
import { type Static, Type } from 'typebox';
import { Id } from './ids.ts';
import { LOG_EVENTS } from './log-format.ts';
import { Count, closed, Nullable, Percent, Seconds, Time, Words } from './schema.ts';
import { type Sighting, sightingOf } from './sighting.ts';
import { parseTime } from './time.ts';

export { LOG_EVENTS };

export const LogEvent = Type.Object(
  {
    event: Words(LOG_EVENTS, 'What happened.'),
    job_id: Id,
    worker_id: Type.Optional(Id),
    lease_token: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    timestamp: Type.Optional(
      Time(
        'Without a lease: when it happened; lines are ordered by it, and it is the start or end of the job. Default: now, and a job that has ended takes no line without one.',
      ),
    ),
    percentage: Type.Optional(Percent('JOB_PROGRESS.')),
    stage: Type.Optional(Type.String({ minLength: 1, maxLength: 40, description: 'Case-insensitive.' })),
    current_chunk: Type.Optional(Nullable(Count('Chunks done.'))),
    total_chunks: Type.Optional(Nullable(Count('Chunks in all.'))),
    eta_seconds: Type.Optional(Nullable(Seconds('Time left.'))),
    audio_url: Type.Optional(Type.String({ maxLength: 2048, description: 'JOB_START.' })),
    audio_duration: Type.Optional(Seconds('JOB_START: length of the recording.')),
    duration: Type.Optional(Seconds('JOB_COMPLETE: processing time.')),
    segments: Type.Optional(Count('JOB_COMPLETE.')),
    s3_path: Type.Optional(Type.String({ maxLength: 2048, description: 'JOB_COMPLETE: where the transcript is.' })),
    confidence_score: Type.Optional(Nullable(Type.Number({ minimum: 0, maximum: 1 }))),
    error: Type.Optional(Type.String({ maxLength: 4000, description: 'JOB_FAILED: the reason, for people.' })),
    code: Type.Optional(
      Type.String({ pattern: '^[a-z0-9_]{1,64}$', description: 'JOB_FAILED. Default `worker_error`.' }),
    ),
    retryable: Type.Optional(Type.Boolean({ description: 'JOB_FAILED under a lease. Default true.' })),
  },
  { ...closed, $id: 'LogEvent' },
);
export type LogEvent = Static<typeof LogEvent>;

export const LogEventAnswer = Type.Object(
  {
    accepted: Count('Lines that took effect or will within the soft linger.'),
    rejected: Type.Array(
      Type.Object({ line: Type.Integer({ minimum: 1 }), code: Type.String(), detail: Type.String() }),
      { description: 'Lines that were refused, and why; the others took effect.' },
    ),
  },
  { $id: 'LogEventAnswer' },
);
export type LogEventAnswer = Static<typeof LogEventAnswer>;

/**
 * What a line without a lease says. One without a timestamp is of now, which is neither the start nor the end of anything: sent again it must say
 * the same.
 */
export function readReport(event: LogEvent, now_ms: number): Sighting {
  const { timestamp, stage, audio_url, confidence_score, code, current_chunk, total_chunks, eta_seconds } = event;
  const line = stage === undefined ? event : { ...event, stage: stage.toUpperCase() };
  const sighting =
    timestamp === undefined
      ? { ...sightingOf(line, now_ms), started_ms: null, ended_ms: null }
      : sightingOf(line, parseTime(timestamp));
  if (audio_url) sighting.audio_url = audio_url;
  if (confidence_score != null) sighting.confidence_score = confidence_score;
  if (code !== undefined) sighting.error_code = code;
  if (current_chunk != null) sighting.current_chunk = current_chunk;
  if (total_chunks != null) sighting.total_chunks = total_chunks;
  if (eta_seconds != null) sighting.eta_seconds = eta_seconds;
  return sighting;
}
