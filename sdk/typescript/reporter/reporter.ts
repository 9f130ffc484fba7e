/**
 * Tells of a worker's jobs, wherever its URL says: log lines, status files, a table, a queue or a monitor. The worker's code
 * is the same for all of them.
 *
 *     const reporter = Reporter.fromUrl(process.env.TMON_REPORT ?? 'log:', { workerId: 'worker-1' });
 *     reporter.jobStart('job-1', { audioDuration: 4860 });
 *     reporter.jobProgress('job-1', 45, { stage: 'transcribing' });
 *     reporter.jobComplete('job-1', { segments: 150 });
 *     await reporter.close();
 *
 * It never throws into the worker and never keeps it waiting: what is told goes into a bounded buffer and from there to its
 * place in the background, again and again until it is taken, each job's reports in order. Of progress at most one report a
 * second and job is sent, and the last one before an end always. Where there is no room, progress is dropped first;
 * what is dropped is counted, and said on stderr at most once a minute.
 *
 * URLs: protocol/system-urls.ts. AWS settings come from the environment, as for every AWS tool.
 */

import { lenientWorkerId } from '../../../protocol/lenient-values.ts';
import type { LogEvent } from '../../../protocol/log-event.ts';
import { ReportBuffer } from './buffer.ts';
import { type ReporterClock, systemClock } from './clock.ts';
import { Delivery } from './delivery.ts';
import { openTransport } from './open-transport.ts';
import type { Report, Transport, TransportError } from './report.ts';
import { Warnings } from './warnings.ts';
import {
  type CompletionDetails,
  type FailureDetails,
  type ProgressDetails,
  ReportWriter,
  type StartDetails,
} from './write-report.ts';

export type ReporterOptions = {
  /** What no id may have (a host name's dots) becomes a hyphen. */
  workerId: string;
  /** A monitor's key. Default: the URL's (`https://:key@host`), else the environment's TMON_API_KEY. */
  apiKey?: string;
  /** Least time between two progress reports of one job. Default 1000. */
  progressIntervalMs?: number;
  /** Reports kept while they can't be sent. Default 10000. */
  bufferMax?: number;
  /** And their bytes, as JSON. Default 16 MiB. */
  bufferBytesMax?: number;
  /** How long `flush` and `close` try. Default 5000. */
  closeWithinMs?: number;
  /** Called for each report that is told nowhere. */
  onDropped?: (dropped: Dropped) => void;
  /** Instead of a line on stderr, at most once a minute. */
  warn?: (line: string) => void;
  /** Time and chance in [0, 1): for tests. */
  clock?: ReporterClock;
  random?: () => number;
};

/**
 *     full       there was no room
 *     refused    it will never be taken there
 *     unusable   it is no report: no id, no number
 *     closed     it was not told in time, or came after `close`
 */
export type DropReason = 'full' | 'refused' | 'unusable' | 'closed';

/** `event`: null where it came to none. */
export type Dropped = { reason: DropReason; why: string; event: LogEvent | null };

export class Reporter {
  /** Where it tells: the URL without what is secret in it. */
  readonly name: string;
  readonly workerId: string;
  /** How many reports were dropped so far. */
  readonly dropped: Record<DropReason, number> = { full: 0, refused: 0, unusable: 0, closed: 0 };
  readonly #options: ReporterOptions;
  readonly #clock: ReporterClock;
  readonly #transport: Transport;
  readonly #writer: ReportWriter;
  readonly #buffer: ReportBuffer;
  readonly #delivery: Delivery;
  readonly #warnings: Warnings;
  #closing: Promise<void> | null = null;

  /**
   * Throws at once, with a `hint`, where the URL names no system, the worker has no name or a package is missing: a SystemUrlError or a
   * TransportError. Whether the place is there shows later, and is no error: reports wait for it.
   */
  static fromUrl(url: string, options: ReporterOptions): Reporter {
    return new Reporter(openTransport(url, options), options);
  }

  /** On a transport of your own. */
  constructor(transport: Transport, options: ReporterOptions) {
    const workerId = lenientWorkerId(options.workerId);
    if (workerId === null) throw new TypeError(`workerId is ${JSON.stringify(options.workerId)}, not a name`);
    const { clock = systemClock, random = Math.random } = options;
    this.name = transport.name;
    this.workerId = workerId;
    this.#options = options;
    this.#clock = clock;
    this.#transport = transport;
    this.#writer = new ReportWriter(workerId, () => clock.now());
    this.#buffer = new ReportBuffer({
      reports_max: options.bufferMax ?? 10_000,
      bytes_max: options.bufferBytesMax ?? 16 * 1024 * 1024,
      progress_interval_ms: options.progressIntervalMs ?? 1000,
    });
    this.#warnings = new Warnings(clock, options.warn);
    this.#delivery = new Delivery({
      transport,
      buffer: this.#buffer,
      clock,
      random,
      onRefused: ({ report, why }) => this.#drop('refused', why, report.event),
      onFailure: (error) =>
        this.#warnings.say({ text: () => this.#trouble(wordsOf(error)), mended: () => !this.#delivery.failing }),
    });
    process.once('beforeExit', this.#beforeExit);
  }

  jobStart(jobId: string, details: StartDetails = {}): void {
    this.#tell(() => this.#writer.start(jobId, details));
  }

  /** `percentage`: 0 to 100 of the job. */
  jobProgress(jobId: string, percentage: number, details: ProgressDetails = {}): void {
    this.#tell(() => this.#writer.progress(jobId, percentage, details));
  }

  jobComplete(jobId: string, details: CompletionDetails = {}): void {
    this.#tell(() => this.#writer.complete(jobId, details));
  }

  /** `error`: in words, or what was thrown. */
  jobFailed(jobId: string, error: unknown, details: FailureDetails = {}): void {
    this.#tell(() => this.#writer.fail(jobId, error, details));
  }

  /** Sends all that waits; answers whether it was told within the time. Never rejects. */
  flush(withinMs: number = this.#options.closeWithinMs ?? 5000): Promise<boolean> {
    return this.#delivery.flush(withinMs);
  }

  /** Sends all that waits, as long as the time allows, drops the rest, and ends. Never rejects. */
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
      if (this.#closing !== null) return this.#drop('closed', 'the reporter was closed', report.event);
      const { due_ms, dropped } = this.#buffer.add(report, this.#clock.monotonic(), this.#delivery.held);
      for (const { event } of dropped) this.#drop('full', 'there was no room for it', event);
      this.#delivery.wake(due_ms);
    } catch (error) {
      this.#drop('unusable', (error as Error).message, report.event);
    }
  }

  async #close(withinMs: number): Promise<void> {
    process.off('beforeExit', this.#beforeExit);
    await this.#delivery.flush(withinMs);
    for (const { event } of this.#delivery.close()) this.#drop('closed', 'it was not told in time', event);
    this.#warnings.close();
    await new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        resolve();
      };
      const cancel = this.#clock.after(CLOSE_TRANSPORT_WITHIN_MS, done, true);
      this.#transport.close().then(done, done);
    });
  }

  /** A worker that comes to its end without `close`. */
  readonly #beforeExit = (): void => void this.close();

  #drop(reason: DropReason, why: string, event: LogEvent | null): void {
    this.dropped[reason] += 1;
    const what = event === null ? why : `${event.event} of ${event.job_id}: ${why}`;
    this.#warnings.say({ text: () => this.#trouble(what) });
    try {
      this.#options.onDropped?.({ reason, why, event });
    } catch {
      // Theirs, and no reason to stop.
    }
  }

  #trouble(why: string): string {
    const dropped = Object.entries(this.dropped).filter(([, count]) => count > 0);
    const counts = [
      ...(this.#delivery.waiting > 0 ? [`${this.#delivery.waiting} reports wait`] : []),
      ...dropped.map(([reason, count]) => `${count} dropped (${reason})`),
    ];
    return `${this.name}: ${why}${counts.length > 0 ? `; ${counts.join(', ')}` : ''}`;
  }
}

const CLOSE_TRANSPORT_WITHIN_MS = 1000;

function wordsOf(error: unknown): string {
  const { message, hint } = error as TransportError;
  return hint === undefined ? message : `${message} (${hint})`;
}

export { SystemUrlError } from '../../../protocol/system-urls.ts';
export type { ReporterClock } from './clock.ts';
export { type Refusal, type Report, type Transport, TransportError } from './report.ts';
export type { CompletionDetails, FailureDetails, ProgressDetails, StartDetails } from './write-report.ts';
