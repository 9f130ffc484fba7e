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
 * retried until accepted, each job's in order. Starts and ends are also in a spool on disk until then, from which the
 * next process of the worker sends what a killed one has left; a line of a log is written at once instead. Progress is sent at most once a second per job, and the last progress
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
import { endWithProcess } from './process-end.ts';
import type { Report, Sink, SinkError } from './report.ts';
import { Spool } from './spool.ts';
import { spoolFolder } from './spool-folder.ts';
import { spoolKey } from './spool-format.ts';
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
  /**
   * Folder for starts and ends that are not delivered yet; false: none. Default: TMON_SPOOL (`off`: none), otherwise in
   * the user's state folder. Not used for `log:`.
   */
  spool?: string | false;
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
 *     closed     it was not delivered in time and is not in a spool, or came after `close`
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
  readonly #spool: Spool | null;
  #closing: Promise<void> | null = null;
  readonly #forget: () => void;
  #ended = false;
  #unspooledSaid = false;

  /**
   * Throws, with a `hint`, if the URL names no supported system, the worker has no name or a package is missing: a
   * SystemUrlError or a SinkError. Whether the system can be reached is found out later and is not an error: reports
   * wait for it.
   */
  static fromUrl(url: string, options: ReporterOptions): Reporter {
    return new Reporter(openSink(url, options), options, url);
  }

  /** With a sink of your own. `place`: names its system in the spool; without a name there is no spool. */
  constructor(sink: Sink, options: ReporterOptions, place?: string) {
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
      onDelivered: (batch) => this.#spool?.settle(batch),
      onRefused: ({ report, why }) => this.#drop('refused', why, report.event),
      onFailure: (error) => {
        this.#spool?.touch();
        this.#warnings.say({
          text: () => this.#trouble(messageWithHint(error)),
          resolved: () => !this.#delivery.failing,
        });
      },
    });
    this.#spool = sink.direct || place === undefined ? null : this.#openSpool(place);
    this.#forget = endWithProcess({ close: () => this.close(), endNow: () => this.#endNow() });
    this.#sendWhatWasLeft();
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
      if (report.event.event !== 'JOB_PROGRESS') this.#spool?.keep(report);
      this.#add(report);
    } catch (error) {
      this.#drop('unusable', (error as Error).message, report.event);
    }
  }

  #add(report: Report): void {
    const { due_ms, dropped } = this.#buffer.add(report, this.#clock.monotonic(), this.#delivery.held);
    this.#spool?.settle(dropped);
    for (const { event } of dropped) this.#drop('full', 'the buffer is full', event);
    this.#delivery.wake(due_ms);
  }

  #openSpool(place: string): Spool | null {
    try {
      const folder = spoolFolder(this.#options.spool);
      if (folder === null) return null;
      return new Spool(folder, spoolKey(place, this.workerId), (error) => this.#unspooled(error));
    } catch (error) {
      this.#unspooled(error as Error);
      return null;
    }
  }

  #sendWhatWasLeft(): void {
    const left = this.#spool?.adopt() ?? [];
    if (left.length === 0) return;
    for (const report of left) this.#add(report);
    const text = () =>
      this.#trouble(`sends ${left.length} reports that an earlier process of ${this.workerId} had left`);
    this.#warnings.say({ text });
  }

  async #close(withinMs: number): Promise<void> {
    await this.#delivery.flush(withinMs);
    this.#end('it was not delivered in time');
    await new Promise<void>((resolve) => {
      const done = () => {
        cancel();
        resolve();
      };
      const cancel = this.#clock.after(CLOSE_TRANSPORT_WITHIN_MS, done, true);
      this.#sink.close().then(done, done);
    });
  }

  /** In the last moment of the process. */
  #endNow(): void {
    this.#closing ??= Promise.resolve();
    this.#delivery.sendNow();
    this.#end('the process ended before it was delivered');
  }

  /** What is not sent by now stays in the spool, or is dropped. */
  #end(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#forget();
    const left = this.#delivery.close();
    const lost = left.filter((report) => !this.#spool?.has(report));
    for (const { event } of lost) this.#count('closed', why, event);
    this.#spool?.release();
    if (left.length > 0) {
      const kept = left.length - lost.length;
      const rest =
        kept === 0 ? '' : `; the next process of ${this.workerId} sends ${kept} of them, from ${this.#spool?.folder}`;
      this.#warnings.say({ text: () => this.#trouble(`${left.length} reports were not sent${rest}`) });
    }
    this.#warnings.close();
  }

  #unspooled(error: Error): void {
    if (this.#unspooledSaid) return;
    this.#unspooledSaid = true;
    const text = () => this.#trouble(`reports that wait are lost if the process is killed: ${error.message}`);
    this.#warnings.say({ text });
  }

  #drop(reason: DropReason, why: string, event: LogEvent | null): void {
    const what = event === null ? why : `${event.event} of ${event.job_id}: ${why}`;
    this.#count(reason, why, event);
    this.#warnings.say({ text: () => this.#trouble(what) });
  }

  #count(reason: DropReason, why: string, event: LogEvent | null): void {
    this.dropped[reason] += 1;
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
