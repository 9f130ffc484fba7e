/**
 * The order of the events of one job within a log, where times are too coarse to show it: a worker that fails and starts again in
 * the same second writes two lines with one time. Sightings merge by their times alone (protocol/sighting.ts), so a start
 * after an end in the same log is one millisecond after it, and what follows is not before it.
 */
import type { DatedEvent } from './dated-event.ts';
import { ownWord } from './own-words.ts';

/** How far a worker's clock may be behind that of the one before it. */
const BEHIND_MAX_MS = 1000;
/** Jobs are remembered for as long in the log's time, and at most twice as many: times show the order of all others. */
const REMEMBERED_MS = 5 * BEHIND_MAX_MS;
const JOBS_MAX = 10_000;

type End = { event: string; time_ms: number; worker_id: string | null };

export class EventOrder {
  readonly #ends = new LastJobs<End>();
  /** Jobs with a start that was moved, and its time. */
  readonly #moved = new LastJobs<number>();

  /** Sets the times of events. Leaves out what repeats the last end of a job: a traceback prints the message again. */
  take(events: DatedEvent[]): DatedEvent[] {
    let repeated: Set<DatedEvent> | null = null;
    for (const event of events) {
      if (!this.#moved.isEmpty) this.#follow(event);
      if (event.event === 'JOB_PROGRESS' || this.#takeEnd(event)) continue;
      repeated ??= new Set();
      repeated.add(event);
    }
    return repeated === null ? events : events.filter((event) => !repeated.has(event));
  }

  /** Of a start or an end. */
  #takeEnd(event: DatedEvent): boolean {
    const end = this.#ends.get(event.job_id);
    if (event.event === 'JOB_START') {
      if (end !== undefined) this.#startAgain(event, end);
      return true;
    }
    if (end?.event === event.event && Math.abs(event.timestamp_ms - end.time_ms) <= BEHIND_MAX_MS) return false;
    const worker_id = event.worker_id === null ? null : ownWord(event.worker_id);
    const { job_id, timestamp_ms: time_ms } = event;
    this.#ends.set(job_id, { event: event.event, time_ms, worker_id }, time_ms);
    return true;
  }

  #startAgain(event: DatedEvent, end: End): void {
    const behind_ms = end.time_ms - event.timestamp_ms;
    const another = event.worker_id !== null && end.worker_id !== null && event.worker_id !== end.worker_id;
    if (behind_ms > 0 && !(another && behind_ms <= BEHIND_MAX_MS)) return;
    this.#ends.delete(event.job_id);
    if (behind_ms < 0) return;
    event.timestamp_ms = end.time_ms + 1;
    this.#moved.set(event.job_id, event.timestamp_ms, event.timestamp_ms);
  }

  #follow(event: DatedEvent): void {
    const start_ms = this.#moved.get(event.job_id);
    if (start_ms === undefined) return;
    if (event.timestamp_ms > start_ms) this.#moved.delete(event.job_id);
    else if (start_ms - event.timestamp_ms <= 2 * BEHIND_MAX_MS) event.timestamp_ms = start_ms;
  }
}

/** A value for each of the last jobs, in two generations. */
class LastJobs<V> {
  #since_ms = 0;
  #recent = new Map<string, V>();
  #older = new Map<string, V>();

  get isEmpty(): boolean {
    return this.#recent.size === 0 && this.#older.size === 0;
  }

  get(job_id: string): V | undefined {
    return this.#recent.get(job_id) ?? this.#older.get(job_id);
  }

  set(job_id: string, value: V, time_ms: number): void {
    if (this.#recent.size >= JOBS_MAX || Math.abs(time_ms - this.#since_ms) > REMEMBERED_MS) {
      [this.#older, this.#recent] = [this.#recent, new Map()];
      this.#since_ms = time_ms;
    }
    this.#recent.set(ownWord(job_id), value);
  }

  delete(job_id: string): void {
    this.#recent.delete(job_id);
    this.#older.delete(job_id);
  }
}
