/**
 * The order of the events of one job within a log, where times are too coarse to show it: a worker that fails and starts again in
 * the same second writes two lines with one time. Sightings merge by their times alone (protocol/sighting.ts), so a start
 * after an end in the same log is one millisecond after it, and what follows is not before it.
 */
import { LRUCache } from 'lru-cache';
import type { DatedEvent } from './dated-event.ts';

/** How far a worker's clock may be behind that of the one before it. */
const BEHIND_MAX_MS = 1000;
/** The last jobs that ended, whose next lines are near. */
const JOBS_MAX = 10_000;

type End = { event: string; time_ms: number; worker_id: string | null };

export class EventOrder {
  readonly #ends = new LRUCache<string, End>({ max: JOBS_MAX });
  /** Jobs with a start that was moved, and its time. */
  readonly #moved = new LRUCache<string, number>({ max: JOBS_MAX });

  /** Sets the event's time. Returns false if it repeats the last end of the job: a traceback prints the message again. */
  take(event: DatedEvent): boolean {
    if (this.#moved.size > 0) this.#follow(event);
    if (event.event === 'JOB_PROGRESS') return true;
    const end = this.#ends.get(event.job_id);
    if (event.event === 'JOB_START') {
      if (end !== undefined) this.#startAgain(event, end);
      return true;
    }
    if (end?.event === event.event && Math.abs(event.timestamp_ms - end.time_ms) <= BEHIND_MAX_MS) return false;
    this.#ends.set(event.job_id, {
      event: event.event,
      time_ms: event.timestamp_ms,
      worker_id: event.worker_id,
    });
    return true;
  }

  #startAgain(event: DatedEvent, end: End): void {
    const behind_ms = end.time_ms - event.timestamp_ms;
    const another = event.worker_id !== null && end.worker_id !== null && event.worker_id !== end.worker_id;
    if (behind_ms > 0 && !(another && behind_ms <= BEHIND_MAX_MS)) return;
    this.#ends.delete(event.job_id);
    if (behind_ms < 0) return;
    event.timestamp_ms = end.time_ms + 1;
    this.#moved.set(event.job_id, event.timestamp_ms);
  }

  #follow(event: DatedEvent): void {
    const start_ms = this.#moved.get(event.job_id);
    if (start_ms === undefined) return;
    if (event.timestamp_ms > start_ms) this.#moved.delete(event.job_id);
    else if (start_ms - event.timestamp_ms <= 2 * BEHIND_MAX_MS) event.timestamp_ms = start_ms;
  }
}
