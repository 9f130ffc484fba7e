/**
 * A bounded, ordered buffer of reports. A job's progress is held until it is due, and only the latest is kept; a start
 * or an end makes the progress before it due at once. When the buffer is full, the oldest progress is dropped first,
 * then the oldest report of any kind.
 */
import { Oldest } from './oldest.ts';
import type { Report } from './report.ts';

type Entry = { report: Report; progress: boolean; due_ms: number };

export type BufferOptions = {
  /** Maximum number of reports. */
  reports_max: number;
  /** Maximum size of the reports as JSON. */
  bytes_max: number;
  /** Minimum time between two progress reports of one job. */
  progress_interval_ms: number;
};

/** Limits of one batch; the bytes leave room for each system's overhead below the smallest of their limits, 1 MiB. */
const BATCH_REPORTS = 500;
const BATCH_BYTES = 512 * 1024;

export class ReportBuffer {
  readonly #options: BufferOptions;
  readonly #entries = new Set<Entry>();
  /** Buffered reports that are progress. */
  readonly #progress = new Set<Entry>();
  /** The latest buffered report of each job. */
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

  /**
   * Returns when the report is due, and the reports dropped for it. `held`: reports outside the buffer that count
   * against it.
   */
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

  /** Takes the next batch. `all`: even if not due. */
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

  /** When the next report is due; null if the buffer is empty. */
  nextDue(): number | null {
    let next: number | null = null;
    for (const { due_ms } of this.#entries) if (next === null || due_ms < next) next = due_ms;
    return next;
  }

  #dueAgain(job_id: string): number {
    const taken_ms = this.#taken_ms.get(job_id);
    return taken_ms === undefined ? 0 : taken_ms + this.#options.progress_interval_ms;
  }

  /** Bounded, because jobs that never end must not fill the memory. */
  #remember(job_id: string, now_ms: number): void {
    this.#taken_ms.delete(job_id);
    this.#taken_ms.set(job_id, now_ms);
    if (this.#taken_ms.size > this.#options.reports_max) this.#taken_ms.delete(this.#oldestTaken.take()!);
  }

  /** At least one is always kept. */
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
