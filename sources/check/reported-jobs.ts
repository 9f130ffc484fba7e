/** What one source, or all of them, report about jobs. Most jobs of a history are completed, and are kept apart. */
import { hasEnded, mergeSightings, type Sighting } from '../../protocol/sighting.ts';
import type { Sums } from '../source.ts';
import { CompletedJobs } from './completed-jobs.ts';

/** `moved_ms`: when percentage or stage last changed, where the source knows. */
export type Reported = { sighting: Sighting; source: string; moved_ms: number | undefined };

export class ReportedJobs {
  readonly #others = new Map<string, Reported>();
  readonly #completed = new CompletedJobs();
  #summed: Sums = { jobs: 0, heard_ms: new Map() };

  get size(): number {
    return this.#others.size + this.#completed.size + this.#summed.jobs;
  }

  /** Names of workers that are kept apart from their jobs. */
  get worker_names(): number {
    return this.#completed.names;
  }

  add(sighting: Sighting, source: string, moved_ms: number | undefined): void {
    const { job_id } = sighting;
    const completed = this.#completed.get(job_id);
    const before =
      completed === undefined ? this.#others.get(job_id) : { sighting: completed, source, moved_ms: undefined };
    const merged = before === undefined ? sighting : mergeSightings(before.sighting, sighting);
    if (merged.state === 'COMPLETED') {
      if (completed === undefined && before !== undefined) this.#others.delete(job_id);
      this.#completed.set(merged);
      return;
    }
    if (completed !== undefined) this.#completed.delete(job_id);
    const newest = before === undefined || sighting.told_ms >= before.sighting.told_ms;
    this.#others.set(job_id, {
      sighting: merged,
      source: newest ? source : before.source,
      moved_ms: before === undefined ? moved_ms : movedOf(before, merged, sighting, moved_ms),
    });
  }

  /** Completed jobs that the source has added up. */
  addSums({ jobs, heard_ms }: Sums): void {
    this.#summed = { jobs: this.#summed.jobs + jobs, heard_ms: new Map([...this.#summed.heard_ms, ...heard_ms]) };
  }

  get summed(): Sums {
    return this.#summed;
  }

  /** All but completed jobs. */
  others(): Iterable<Reported> {
    return this.#others.values();
  }

  /** Completed jobs but those in sums, one at a time; of each only what is needed to merge and count it. */
  completed(): Iterable<Sighting> {
    return this.#completed.all();
  }

  /** Bounds the memory of a log that is followed for months. */
  forgetBefore(since_ms: number): void {
    this.#completed.forgetBefore(since_ms);
    for (const [job_id, { sighting }] of this.#others) {
      if (sighting.told_ms < since_ms && hasEnded(sighting)) this.#others.delete(job_id);
    }
  }
}

/** Another attempt at the same percentage has moved. */
function movedOf(
  before: Reported,
  merged: Sighting,
  { told_ms, percentage, stage }: Sighting,
  moved_ms: number | undefined,
) {
  const known = before.sighting;
  const stands = merged.started_ms === known.started_ms && known.percentage === percentage && known.stage === stage;
  if (!stands) return told_ms >= known.told_ms ? moved_ms : before.moved_ms;
  if (before.moved_ms === undefined || moved_ms === undefined) return before.moved_ms ?? moved_ms;
  return Math.min(before.moved_ms, moved_ms);
}
