/**
 * Folds events of a log into at most one sighting per job. Nothing is kept from one fold to the next: sightings merge
 * wherever they meet (protocol/sighting.ts), so a log of any length is folded in the memory of one chunk.
 */
import type { LoggedEvent } from '../../protocol/log-line.ts';
import { mergeSightings, type Sighting, sightingOf } from '../../protocol/sighting.ts';
import type { DatedEvent } from './dated-event.ts';
import { ownWord } from './own-words.ts';

export type Folded = {
  sightings: Sighting[];
  /** When each job's percentage or stage last changed, as far as these events show. */
  moved_ms: Map<string, number>;
};

export function foldEvents(events: readonly DatedEvent[], since_ms: number): Folded {
  const jobs = new Map<string, { sighting: Sighting; moved_ms: number }>();
  for (const event of events) {
    const told_ms = event.timestamp_ms;
    if (told_ms < since_ms) continue;
    const known = jobs.get(event.job_id);
    if (known === undefined) {
      const sighting = sightingOf(event, told_ms);
      sighting.job_id = ownWord(sighting.job_id);
      own(sighting, null);
      jobs.set(sighting.job_id, { sighting, moved_ms: told_ms });
      continue;
    }
    const { sighting } = known;
    const { percentage, stage } = sighting;
    if (event.event === 'JOB_PROGRESS' && sighting.state === 'PROCESSING' && told_ms >= sighting.told_ms) {
      progress(sighting, event, told_ms);
    } else {
      known.sighting = mergeSightings(sighting, sightingOf(event, told_ms));
      own(known.sighting, sighting);
    }
    if (known.sighting.percentage !== percentage || known.sighting.stage !== stage) known.moved_ms = told_ms;
  }
  const sightings: Sighting[] = [];
  const moved_ms = new Map<string, number>();
  for (const [job_id, job] of jobs) {
    sightings.push(job.sighting);
    moved_ms.set(job_id, job.moved_ms);
  }
  return { sightings, moved_ms };
}

/** Values that are new are slices of a line, and must not keep it in memory. */
function own(sighting: Sighting, before: Sighting | null): void {
  if (sighting.worker_id !== before?.worker_id) sighting.worker_id &&= ownWord(sighting.worker_id);
  if (sighting.stage !== before?.stage) sighting.stage &&= ownWord(sighting.stage);
  if (sighting.s3_path !== before?.s3_path) sighting.s3_path &&= ownWord(sighting.s3_path);
  if (sighting.error !== before?.error) sighting.error &&= ownWord(sighting.error);
}

/** The result of merging for nine events in ten, without creating a sighting for each. */
function progress(known: Sighting, event: LoggedEvent, told_ms: number): void {
  known.told_ms = told_ms;
  if (event.worker_id !== null && event.worker_id !== known.worker_id) known.worker_id = ownWord(event.worker_id);
  known.percentage = event.percentage ?? known.percentage;
  if (event.stage !== null && event.stage !== known.stage) known.stage = ownWord(event.stage);
  known.audio_duration = event.audio_duration ?? known.audio_duration;
  known.duration = event.duration ?? known.duration;
  known.segments = event.segments ?? known.segments;
  if (event.s3_path !== null) known.s3_path = ownWord(event.s3_path);
}
