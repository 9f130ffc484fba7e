/**
 * Events of a log → at most one sighting a job. Nothing is kept from one fold to the next: sightings add up wherever they meet
 * (protocol/sighting.ts), so that a log of any length is folded in the memory of one chunk.
 */
import type { LogEventName, LoggedEvent } from '../../protocol/log-line.ts';
import { mergeSightings, type SightedState, type Sighting } from '../../protocol/sighting.ts';
import type { DatedEvent } from './log.ts';

export type Folded = {
  sightings: Sighting[];
  /** By job: when percentage or stage last changed, as far as these events tell. */
  moved_ms: Map<string, number>;
};

export function foldEvents(events: readonly DatedEvent[], since_ms: number): Folded {
  const sightings = new Map<string, Sighting>();
  const moved_ms = new Map<string, number>();
  for (const event of events) {
    const told_ms = event.timestamp_ms;
    if (told_ms < since_ms) continue;
    const known = sightings.get(event.job_id);
    if (known === undefined) {
      sightings.set(event.job_id, sightingOf(event, told_ms));
      moved_ms.set(event.job_id, told_ms);
      continue;
    }
    const { percentage, stage } = known;
    let merged = known;
    if (event.event === 'JOB_PROGRESS' && known.state === 'PROCESSING' && told_ms >= known.told_ms) {
      progress(known, event, told_ms);
    } else {
      merged = mergeSightings(known, sightingOf(event, told_ms));
      sightings.set(event.job_id, merged);
    }
    if (merged.percentage !== percentage || merged.stage !== stage) moved_ms.set(event.job_id, told_ms);
  }
  return { sightings: [...sightings.values()], moved_ms };
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
