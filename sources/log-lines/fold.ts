/**
 * Events of a log → at most one sighting a job. Nothing is kept from one fold to the next: sightings add up wherever they meet
 * (protocol/sighting.ts), so that a log of any length is folded in the memory of one chunk.
 */
import type { LogEventName, LoggedEvent } from '../../protocol/log-line.ts';
import { mergeSightings, type SightedState, type Sighting } from '../../protocol/sighting.ts';

/** Every event needs a time for this: one without has that of the event before it. Answers that of the last. */
export function datedBy(events: readonly LoggedEvent[], otherwise_ms: number): number {
  let last_ms = otherwise_ms;
  for (const event of events) {
    event.timestamp_ms ??= last_ms;
    last_ms = event.timestamp_ms;
  }
  return last_ms;
}

export function foldEvents(events: readonly LoggedEvent[], since_ms: number): Sighting[] {
  const sightings = new Map<string, Sighting>();
  for (const event of events) {
    const told_ms = event.timestamp_ms!;
    if (told_ms < since_ms) continue;
    const known = sightings.get(event.job_id);
    if (known === undefined) sightings.set(event.job_id, sightingOf(event, told_ms));
    else if (event.event === 'JOB_PROGRESS' && known.state === 'PROCESSING' && told_ms >= known.told_ms) {
      progress(known, event, told_ms);
    } else sightings.set(event.job_id, mergeSightings(known, sightingOf(event, told_ms)));
  }
  return [...sightings.values()];
}

/** What merging comes to for nine events of ten, without making a sighting of each. */
function progress(known: Sighting, event: LoggedEvent, told_ms: number): void {
  known.told_ms = told_ms;
  known.worker_id = event.worker_id ?? known.worker_id;
  known.percentage = event.percentage ?? known.percentage;
  known.stage = event.stage ?? known.stage;
  known.audio_duration = event.audio_duration ?? known.audio_duration;
  known.duration = event.duration ?? known.duration;
  known.segments = event.segments ?? known.segments;
  known.s3_path = event.s3_path ?? known.s3_path;
}

export function sightingOf(event: LoggedEvent, told_ms: number): Sighting {
  const ended = event.event === 'JOB_COMPLETE' || event.event === 'JOB_FAILED';
  return {
    job_id: event.job_id,
    state: STATES[event.event],
    told_ms,
    worker_id: event.worker_id,
    started_ms: event.event === 'JOB_START' ? told_ms : null,
    ended_ms: ended ? told_ms : null,
    percentage: event.percentage,
    stage: event.stage,
    audio_duration: event.audio_duration,
    duration: event.duration,
    segments: event.segments,
    s3_path: event.s3_path,
    error: event.event === 'JOB_FAILED' ? event.error : null,
  };
}

const STATES: Record<LogEventName, SightedState> = {
  JOB_START: 'PROCESSING',
  JOB_PROGRESS: 'PROCESSING',
  JOB_COMPLETE: 'COMPLETED',
  JOB_FAILED: 'FAILED',
};
