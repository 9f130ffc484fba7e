/**
 * What one source, or all of them, report about jobs. Most jobs of a history are completed, and of those a check needs only when, and
 * by which worker: they are kept in columns, so that a million of them fit in a hundred megabytes.
 */
import { hasEnded, mergeSightings, NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';

/** `moved_ms`: when percentage or stage last changed, where the source knows. */
export type Reported = { sighting: Sighting; source: string; moved_ms: number | undefined };

export class ReportedJobs {
  readonly #others = new Map<string, Reported>();
  readonly #completed = new CompletedJobs();

  get size(): number {
    return this.#others.size + this.#completed.size;
  }

  /** Names of workers that are kept apart from their jobs. */
  get worker_names(): number {
    return this.#completed.names;
  }

  add(sighting: Sighting, source: string, moved_ms: number | undefined): void {
    const { job_id } = sighting;
    const completed = this.#completed.take(job_id);
    const before =
      completed === undefined ? this.#others.get(job_id) : { sighting: completed, source, moved_ms: undefined };
    const merged = before === undefined ? sighting : mergeSightings(before.sighting, sighting);
    if (merged.state === 'COMPLETED') {
      this.#others.delete(job_id);
      this.#completed.put(merged);
      return;
    }
    const newest = before === undefined || sighting.told_ms >= before.sighting.told_ms;
    this.#others.set(job_id, {
      sighting: merged,
      source: newest ? source : before.source,
      moved_ms: before === undefined ? moved_ms : movedOf(before, merged, sighting, moved_ms),
    });
  }

  /** All but completed jobs. */
  others(): Iterable<Reported> {
    return this.#others.values();
  }

  /** Completed jobs, one at a time; of each only what is needed to merge and count it. */
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

const FIRST_CAPACITY = 1024;
const COLUMNS = 4;
const NONE = Number.NaN;

/** Rows of report, start, end and worker, by job. */
class CompletedJobs {
  readonly #rows = new Map<string, number>();
  #columns = new Float64Array(FIRST_CAPACITY * COLUMNS);
  #used = 0;
  readonly #free: number[] = [];
  readonly #names = new Map<string, string>();
  readonly #workers = new Names();

  get size(): number {
    return this.#rows.size;
  }

  get names(): number {
    return this.#workers.size;
  }

  put({ job_id, reported_id, told_ms, started_ms, ended_ms, worker_id }: Sighting): void {
    const row = this.#free.pop() ?? this.#used++;
    if ((row + 1) * COLUMNS > this.#columns.length) {
      const larger = new Float64Array(this.#columns.length * 2);
      larger.set(this.#columns);
      this.#columns = larger;
    }
    this.#columns.set([told_ms, started_ms ?? NONE, ended_ms ?? NONE, this.#workers.take(worker_id)], row * COLUMNS);
    this.#rows.set(job_id, row);
    if (reported_id !== undefined) this.#names.set(job_id, reported_id);
  }

  take(job_id: string): Sighting | undefined {
    const row = this.#rows.get(job_id);
    if (row === undefined) return undefined;
    const sighting = this.#read(job_id, row);
    this.#workers.drop(sighting.worker_id);
    this.#rows.delete(job_id);
    this.#names.delete(job_id);
    this.#free.push(row);
    return sighting;
  }

  *all(): Generator<Sighting> {
    for (const [job_id, row] of this.#rows) yield this.#read(job_id, row);
  }

  forgetBefore(since_ms: number): void {
    for (const [job_id, row] of this.#rows) if (this.#columns[row * COLUMNS]! < since_ms) this.take(job_id);
  }

  #read(job_id: string, row: number): Sighting {
    const [told_ms, started, ended, worker] = this.#columns.subarray(row * COLUMNS, (row + 1) * COLUMNS);
    const reported_id = this.#names.get(job_id);
    return {
      job_id,
      state: 'COMPLETED',
      told_ms: told_ms!,
      ...NOTHING_KNOWN,
      worker_id: this.#workers.at(worker!),
      started_ms: Number.isNaN(started) ? null : started!,
      ended_ms: Number.isNaN(ended) ? null : ended!,
      ...(reported_id === undefined ? {} : { reported_id }),
    };
  }
}

/** The names of the workers of these jobs, by number; each for as long as a job has it, since new workers come every day. */
class Names {
  readonly #numbers = new Map<string, number>();
  readonly #names: (string | null)[] = [];
  readonly #uses: number[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#names.length;
  }

  take(name: string | null): number {
    if (name === null) return -1;
    const known = this.#numbers.get(name);
    const number = known ?? this.#free.pop() ?? this.#names.length;
    if (known === undefined) {
      this.#numbers.set(name, number);
      this.#names[number] = name;
      this.#uses[number] = 0;
    }
    this.#uses[number]! += 1;
    return number;
  }

  drop(name: string | null): void {
    const number = name === null ? undefined : this.#numbers.get(name);
    if (number === undefined) return;
    this.#uses[number]! -= 1;
    if (this.#uses[number]! > 0) return;
    this.#numbers.delete(name!);
    this.#names[number] = null;
    this.#free.push(number);
  }

  at(number: number): string | null {
    return this.#names[number] ?? null;
  }
}
