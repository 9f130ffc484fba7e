/**
 * The completed jobs of a history. Of each, a check needs only when, and by which worker: that is kept in columns outside the heap, so
 * that a million of them take 60 MB, and the garbage collector none of them.
 */
import { NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';
import { PackedTexts } from './packed-texts.ts';

const PAGE_ROWS = 4096;
const TIMES = 3;
const NUMBERS = 4;
const NONE = 0xffff_ffff;
const FIRST_SLOTS = 1024;

/** Rows of report, start and end (NaN: none), and of id, its hash, name and worker. A job that was deleted has no report. */
type Page = { times: Float64Array; numbers: Uint32Array };

export class CompletedJobs {
  #texts = new PackedTexts();
  #pages: Page[] = [];
  #rows = 0;
  #deleted = 0;
  /** Rows by the hash of their id, from 1 on; 0: free. A job keeps its row when it is deleted. */
  #slots = new Uint32Array(FIRST_SLOTS);
  /** Compacting drops the names that no job has any more: new workers come every day. */
  #workers: string[] = [];
  #workerIndex = new Map<string, number>();

  get size(): number {
    return this.#rows - this.#deleted;
  }

  get names(): number {
    return this.#workers.length;
  }

  get(job_id: string): Sighting | undefined {
    const row = this.#slots[this.#slotOf(job_id, hashOf(job_id))]! - 1;
    return row === -1 ? undefined : this.#read(row);
  }

  set(sighting: Sighting): void {
    const { job_id, reported_id, told_ms, started_ms, ended_ms, worker_id } = sighting;
    const hash = hashOf(job_id);
    const slot = this.#slotOf(job_id, hash);
    const row = this.#slots[slot] === 0 ? this.#addRow(job_id, { slot, hash }) : this.#slots[slot]! - 1;
    const { times, numbers, at } = this.#at(row);
    if (Number.isNaN(times[at * TIMES])) this.#deleted -= 1;
    times[at * TIMES] = told_ms;
    times[at * TIMES + 1] = started_ms ?? Number.NaN;
    times[at * TIMES + 2] = ended_ms ?? Number.NaN;
    const name = numbers[at * NUMBERS + 2]!;
    if (reported_id === undefined) numbers[at * NUMBERS + 2] = NONE;
    else if (name === NONE || this.#texts.at(name) !== reported_id) {
      numbers[at * NUMBERS + 2] = this.#texts.add(reported_id);
    }
    numbers[at * NUMBERS + 3] = worker_id === null ? NONE : this.#workerAt(worker_id);
  }

  delete(job_id: string): void {
    const row = this.#slots[this.#slotOf(job_id, hashOf(job_id))]! - 1;
    if (row !== -1) this.#deleteRow(row);
  }

  *all(): Generator<Sighting> {
    for (let row = 0; row < this.#rows; row += 1) {
      const sighting = this.#read(row);
      if (sighting !== undefined) yield sighting;
    }
  }

  forgetBefore(since_ms: number): void {
    for (let row = 0; row < this.#rows; row += 1) {
      const { times, at } = this.#at(row);
      if (times[at * TIMES]! < since_ms) this.#deleteRow(row);
    }
    if (this.#deleted > this.#rows / 2) this.#compact();
  }

  #read(row: number): Sighting | undefined {
    const { times, numbers, at } = this.#at(row);
    const told_ms = times[at * TIMES]!;
    if (Number.isNaN(told_ms)) return undefined;
    const started = times[at * TIMES + 1]!;
    const ended = times[at * TIMES + 2]!;
    const name = numbers[at * NUMBERS + 2]!;
    return {
      job_id: this.#texts.at(numbers[at * NUMBERS]!),
      state: 'COMPLETED',
      told_ms,
      ...NOTHING_KNOWN,
      worker_id: this.#workers[numbers[at * NUMBERS + 3]!] ?? null,
      started_ms: Number.isNaN(started) ? null : started,
      ended_ms: Number.isNaN(ended) ? null : ended,
      ...(name === NONE ? {} : { reported_id: this.#texts.at(name) }),
    };
  }

  /** Deleted until its times are set. */
  #addRow(job_id: string, { slot, hash }: { slot: number; hash: number }): number {
    const row = this.#rows;
    this.#rows += 1;
    this.#deleted += 1;
    if (row % PAGE_ROWS === 0) {
      this.#pages.push({
        times: new Float64Array(PAGE_ROWS * TIMES),
        numbers: new Uint32Array(PAGE_ROWS * NUMBERS),
      });
    }
    const { times, numbers, at } = this.#at(row);
    times[at * TIMES] = Number.NaN;
    numbers[at * NUMBERS] = this.#texts.add(job_id);
    numbers[at * NUMBERS + 1] = hash;
    numbers[at * NUMBERS + 2] = NONE;
    this.#slots[slot] = row + 1;
    if (this.#rows * 2 > this.#slots.length) this.#enlarge();
    return row;
  }

  #deleteRow(row: number): void {
    const { times, at } = this.#at(row);
    if (Number.isNaN(times[at * TIMES])) return;
    times[at * TIMES] = Number.NaN;
    this.#deleted += 1;
  }

  #at(row: number): Page & { at: number } {
    const { times, numbers } = this.#pages[Math.floor(row / PAGE_ROWS)]!;
    return { times, numbers, at: row % PAGE_ROWS };
  }

  /** The slot of its row, or the free one where it belongs. */
  #slotOf(job_id: string, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot]! - 1;
      if (row === -1) return slot;
      const { numbers, at } = this.#at(row);
      if (numbers[at * NUMBERS + 1] === hash && this.#texts.isAt(numbers[at * NUMBERS]!, job_id)) return slot;
    }
  }

  #enlarge(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let row = 0; row < this.#rows; row += 1) {
      const { numbers, at } = this.#at(row);
      let slot = numbers[at * NUMBERS + 1]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = row + 1;
    }
    this.#slots = slots;
  }

  /** Without the rows of jobs that were deleted. */
  #compact(): void {
    const left = new CompletedJobs();
    for (const sighting of this.all()) left.set(sighting);
    this.#texts = left.#texts;
    this.#pages = left.#pages;
    this.#rows = left.#rows;
    this.#deleted = left.#deleted;
    this.#slots = left.#slots;
    this.#workers = left.#workers;
    this.#workerIndex = left.#workerIndex;
  }

  #workerAt(worker_id: string): number {
    const known = this.#workerIndex.get(worker_id);
    if (known !== undefined) return known;
    this.#workerIndex.set(worker_id, this.#workers.length);
    return this.#workers.push(worker_id) - 1;
  }
}

/** FNV-1a, with its bits spread, because neighbours differ in their last digits only. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
