/**
 * Reports that wait, in order and bounded. Progress of a job waits until it is due, and only the newest of it does; a start or an
 * end makes the progress before it due at once. Where there is no room the oldest progress goes first, then the oldest of all.
 */
import { Oldest } from './oldest.ts';
import type { Report } from './report.ts';

type Entry = { report: Report; progress: boolean; due_ms: number };

export type BufferOptions = {
  /** Reports that are kept. */
  reports_max: number;
  /** Of them, as JSON. */
  bytes_max: number;
  /** Least time between two progress reports of one job. */
  progress_interval_ms: number;
};

/** What is sent at once; the bytes leave room for what each system adds to stay below the least of their limits, 1 MiB. */
const BATCH_REPORTS = 500;
const BATCH_BYTES = 512 * 1024;

export class ReportBuffer {
  readonly #options: BufferOptions;
  readonly #entries = new Set<Entry>();
  /** Those of them that are progress. */
  readonly #progress = new Set<Entry>();
  /** The last that waits, by job. */
  readonly #last = new Map<string, Entry>();
  /** When progress of a job was last taken. */
  readonly #taken_ms = new Map<string, number>();
  #bytes = 0;
  readonly #oldest = new Oldest(this.#entries);
  readonly #oldestProgress = new Oldest(this.#progress);
  readonly #oldestTaken = new Oldest(this.#taken_ms);

  constructor(options: BufferOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Answers when it is due, and what had to go for it. `held`: reports outside that take up room. */
  add(report: Report, now_ms: number, held: number): { due_ms: number; dropped: Report[] } {
    const { job_id } = report.event;
    const progress = report.event.event === 'JOB_PROGRESS';
    const last = this.#last.get(job_id);
    if (last?.progress) {
      if (progress) {
        this.#bytes += report.bytes - last.report.bytes;
        last.report = report;
        return { due_ms: last.due_ms, dropped: this.#makeRoom(held) };
      }
      last.due_ms = now_ms;
    }
    const due_ms = progress ? Math.max(now_ms, this.#dueAgain(job_id)) : now_ms;
    const entry = { report, progress, due_ms };
    this.#entries.add(entry);
    this.#bytes += report.bytes;
    if (progress) this.#progress.add(entry);
    this.#last.set(job_id, entry);
    return { due_ms, dropped: this.#makeRoom(held) };
  }

  /** What goes next. `all`: due or not. */
  take(now_ms: number, all: boolean): Report[] {
    const batch: Report[] = [];
    let bytes = 0;
    for (const entry of this.#entries) {
      const { report, progress, due_ms } = entry;
      if (due_ms > now_ms && !all) continue;
      bytes += report.bytes;
      if (batch.length > 0 && (batch.length >= BATCH_REPORTS || bytes > BATCH_BYTES)) break;
      this.#remove(entry);
      batch.push(report);
      if (progress) this.#remember(report.event.job_id, now_ms);
      else if (report.event.event !== 'JOB_START') this.#taken_ms.delete(report.event.job_id);
    }
    return batch;
  }

  /** The first moment at which something is due; null where nothing waits. */
  nextDue(): number | null {
    let next: number | null = null;
    for (const { due_ms } of this.#entries) if (next === null || due_ms < next) next = due_ms;
    return next;
  }

  #dueAgain(job_id: string): number {
    const taken_ms = this.#taken_ms.get(job_id);
    return taken_ms === undefined ? 0 : taken_ms + this.#options.progress_interval_ms;
  }

  /** Jobs that never end must not fill the memory. */
  #remember(job_id: string, now_ms: number): void {
    this.#taken_ms.delete(job_id);
    this.#taken_ms.set(job_id, now_ms);
    if (this.#taken_ms.size > this.#options.reports_max) this.#taken_ms.delete(this.#oldestTaken.take()!);
  }

  /** One is always kept. */
  #makeRoom(held: number): Report[] {
    const { reports_max, bytes_max } = this.#options;
    const dropped: Report[] = [];
    while (this.#entries.size > 1 && (this.#entries.size > reports_max - held || this.#bytes > bytes_max)) {
      dropped.push(this.#dropOldest());
    }
    return dropped;
  }

  #dropOldest(): Report {
    const oldest = (this.#progress.size > 0 ? this.#oldestProgress : this.#oldest).take()!;
    this.#remove(oldest);
    return oldest.report;
  }

  #remove(entry: Entry): void {
    const { job_id } = entry.report.event;
    this.#bytes -= entry.report.bytes;
    this.#entries.delete(entry);
    this.#progress.delete(entry);
    if (this.#last.get(job_id) === entry) this.#last.delete(job_id);
  }
}
