/**
 * Reports a worker's jobs to the system that a URL names: log lines, status files, a table, a queue or a monitor. The
 * worker's code is the same for all of them.
 *
 *     const reporter = Reporter.fromUrl(process.env.TMON_REPORT ?? 'log:', { workerId: 'worker-1' });
 *     reporter.jobStart('job-1', { audioDuration: 4860 });
 *     reporter.jobProgress('job-1', 45, { stage: 'transcribing' });
 *     reporter.jobComplete('job-1', { segments: 150 });
 *     await reporter.close();
 *
 * It never throws into the worker or blocks it: reports go into a bounded buffer and are delivered in the background,
 * retried until accepted, each job's in order. Progress is sent at most once a second per job, and the last progress
 * before an end always. When the buffer is full, progress is dropped first; dropped reports are counted, and stderr
 * gets a warning at most once a minute.
 *
 * URLs: protocol/system-urls.ts. AWS settings come from the environment, as for every AWS tool.
 */

import { lenientWorkerId } from '../../../protocol/lenient-values.ts';
import type { LogEvent } from '../../../protocol/log-event.ts';
import { ReportBuffer } from './buffer.ts';
import { type ReporterClock, systemClock } from './clock.ts';
import { Delivery } from './delivery.ts';
import { openSink } from './open-sink.ts';
import type { Report, Sink, SinkError } from './report.ts';
import { Warnings } from './warnings.ts';
import {
  type CompletionDetails,
  type FailureDetails,
  type JobName,
  type ProgressDetails,
  ReportWriter,
  type StartDetails,
} from './write-report.ts';

export type ReporterOptions = {
  /** Characters that an id can't have (the dots of a host name) become hyphens. */
  workerId: string;
  /** The key of a monitor. Default: the URL's (`https://:key@host`), otherwise TMON_API_KEY from the environment. */
  apiKey?: string;
  /** Minimum time between two progress reports of one job. Default 1000. */
  progressIntervalMs?: number;
  /** Maximum number of buffered reports. Default 10000. */
  bufferMax?: number;
  /** Maximum size of the buffered reports, as JSON. Default 16 MiB. */
  bufferBytesMax?: number;
  /** How long `flush` and `close` try. Default 5000. */
  closeWithinMs?: number;
  /** Called for each report that is dropped. */
  onDropped?: (dropped: Dropped) => void;
  /** Replaces the warning on stderr, at most once a minute. */
  warn?: (line: string) => void;
  /** Clock and random numbers in [0, 1), for tests. */
  clock?: ReporterClock;
  random?: () => number;
};

/**
 *     full       the buffer was full
 *     refused    the system will never accept it
 *     unusable   it is not a valid report: no id, not a number
 *     closed     it was not delivered in time, or came after `close`
 */
export type DropReason = 'full' | 'refused' | 'unusable' | 'closed';

/** `event`: null if the report was unusable. */
export type Dropped = { reason: DropReason; why: string; event: LogEvent | null };

export class Reporter {
  /** The URL it reports to, without secrets. */
  readonly name: string;
  readonly workerId: string;
  /** Number of reports dropped so far. */
  readonly dropped: Record<DropReason, number> = { full: 0, refused: 0, unusable: 0, closed: 0 };
  readonly #options: ReporterOptions;
  readonly #clock: ReporterClock;
  readonly #sink: Sink;
  readonly #writer: ReportWriter;
  readonly #buffer: ReportBuffer;
  readonly #delivery: Delivery;
  readonly #warnings: Warnings;
  #closing: Promise<void> | null = null;

  /**
   * Throws, with a `hint`, if the URL names no supported system, the worker has no name or a package is missing: a
   * SystemUrlError or a SinkError. Whether the system can be reached is found out later and is not an error: reports
   * wait for it.
   */
  static fromUrl(url: string, options: ReporterOptions): Reporter {
    return new Reporter(openSink(url, options), options);
  }

  /** With a sink of your own. */
  constructor(sink: Sink, options: ReporterOptions) {
    const workerId = lenientWorkerId(options.workerId);
    if (workerId === null) throw new TypeError(`workerId is ${JSON.stringify(options.workerId)}, not a usable name`);
    const { clock = systemClock, random = Math.random } = options;
    this.name = sink.name;
    this.workerId = workerId;
    this.#options = options;
    this.#clock = clock;
    this.#sink = sink;
    this.#writer = new ReportWriter(workerId, () => clock.now());
    this.#buffer = new ReportBuffer({
      reports_max: options.bufferMax ?? 10_000,
      bytes_max: options.bufferBytesMax ?? 16 * 1024 * 1024,
      progress_interval_ms: options.progressIntervalMs ?? 1000,
    });
    this.#warnings = new Warnings(clock, options.warn);
    this.#delivery = new Delivery({
      sink,
      buffer: this.#buffer,
      clock,
      random,
      onRefused: ({ report, why }) => this.#drop('refused', why, report.event),
      onFailure: (error) =>
        this.#warnings.say({
          text: () => this.#trouble(messageWithHint(error)),
          resolved: () => !this.#delivery.failing,
        }),
    });
    process.once('beforeExit', this.#beforeExit);
  }

  /** A job's name is any text of at most 1,024 characters, or an integer. */
  jobStart(jobId: JobName, details: StartDetails = {}): void {
    this.#tell(() => this.#writer.start(jobId, details));
  }

  /** `percentage`: 0 to 100 of the job. */
  jobProgress(jobId: JobName, percentage: number, details: ProgressDetails = {}): void {
    this.#tell(() => this.#writer.progress(jobId, percentage, details));
  }

  jobComplete(jobId: JobName, details: CompletionDetails = {}): void {
    this.#tell(() => this.#writer.complete(jobId, details));
  }

  /** `error`: a message, or the value that was thrown. */
  jobFailed(jobId: JobName, error: unknown, details: FailureDetails = {}): void {
    this.#tell(() => this.#writer.fail(jobId, error, details));
  }

  /** Sends everything buffered; resolves to whether all of it was delivered in time. Never rejects. */
  flush(withinMs: number = this.#options.closeWithinMs ?? 5000): Promise<boolean> {
    return this.#delivery.flush(withinMs);
  }

  /** Sends everything buffered within the time allowed, drops the rest, and ends. Never rejects. */
  close(withinMs: number = this.#options.closeWithinMs ?? 5000): Promise<void> {
    this.#closing ??= this.#close(withinMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #tell(write: () => Report): void {
    let report: Report;
    try {
      report = write();
    } catch (error) {
      return this.#drop('unusable', (error as Error).message, null);
    }
    try {
      if (this.#closing !== null) return this.#drop('closed', 'the reporter is closed', report.event);
      const { due_ms, dropped } = this.#buffer.add(report, this.#clock.monotonic(), this.#delivery.held);
      for (const { event } of dropped) this.#drop('full', 'the buffer is full', event);
      this.#delivery.wake(due_ms);
    } catch (error) {
      this.#drop('unusable', (error as Error).message, report.event);
    }
  }

  async #close(withinMs: number): Promise<void> {
    process.off('beforeExit', this.#beforeExit);
    await this.#delivery.flush(withinMs);
    for (const { event } of this.#delivery.close()) this.#drop('closed', 'it was not delivered in time', event);
    this.#warnings.close();
    await new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        resolve();
      };
      const cancel = this.#clock.after(CLOSE_TRANSPORT_WITHIN_MS, done, true);
      this.#sink.close().then(done, done);
    });
  }

  /** For a worker that exits without `close`. */
  readonly #beforeExit = (): void => void this.close();

  #drop(reason: DropReason, why: string, event: LogEvent | null): void {
    this.dropped[reason] += 1;
    const what = event === null ? why : `${event.event} of ${event.job_id}: ${why}`;
    this.#warnings.say({ text: () => this.#trouble(what) });
    try {
      this.#options.onDropped?.({ reason, why, event });
    } catch {
      // The callback's error is the caller's own and must not stop the reporter.
    }
  }

  #trouble(why: string): string {
    const dropped = Object.entries(this.dropped).filter(([, count]) => count > 0);
    const counts = [
      ...(this.#delivery.waiting > 0 ? [`${this.#delivery.waiting} reports waiting`] : []),
      ...dropped.map(([reason, count]) => `${count} dropped (${reason})`),
    ];
    return `${this.name}: ${why}${counts.length > 0 ? `; ${counts.join(', ')}` : ''}`;
  }
}

const CLOSE_TRANSPORT_WITHIN_MS = 1000;

function messageWithHint(error: unknown): string {
  const { message, hint } = error as SinkError;
  return hint === undefined ? message : `${message} (${hint})`;
}

export { SystemUrlError } from '../../../protocol/system-urls.ts';
export type { ReporterClock } from './clock.ts';
export { type Refusal, type Report, type Sink, SinkError } from './report.ts';
export type { CompletionDetails, FailureDetails, JobName, ProgressDetails, StartDetails } from './write-report.ts';
