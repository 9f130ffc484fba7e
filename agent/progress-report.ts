/**
 * Reports a job's progress: at once if the stage changes, otherwise at most once a second, only the newest values.
 *
 * Progress is soft: a report that can't be delivered is dropped; the next has newer values. The two responses that
 * matter, a refused lease and a conflict (the job is being cancelled), are passed on.
 */
import type { ProgressReport as Report } from '../protocol/job.ts';
import { ConflictError, LeaseExpiredError, type TranscriptionAPI } from '../sdk/typescript/index.ts';
import type { HeldJob } from './held-job.ts';

export type ProgressFigures = Omit<Report, 'lease_token'> & { stage: string };

const PAUSE_MS = 1_000;
const TIMEOUT_MS = 10_000;
const FLUSH_MS = 2_000;

export class ProgressReports {
  readonly #api: TranscriptionAPI;
  readonly #held: HeldJob;
  readonly #onConflict: () => void;
  #newest: ProgressFigures | undefined;
  #stageSent: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The report being sent. */
  #sending: Promise<void> | undefined;
  #closed = false;
  /** Facts about the recording, sent with every report because any single one may be lost. */
  #facts: Pick<Report, 'duration_seconds' | 'file_size_bytes'> = {};

  /** `onConflict`: the job may have been cancelled; the next heartbeat's response has the command. */
  constructor(api: TranscriptionAPI, held: HeldJob, onConflict: () => void) {
    this.#api = api;
    this.#held = held;
    this.#onConflict = onConflict;
  }

  note(figures: ProgressFigures): void {
    const { duration_seconds, file_size_bytes } = figures;
    if (duration_seconds !== undefined) this.#facts = { duration_seconds, file_size_bytes };
    this.#newest = figures;
    if (figures.stage !== this.#stageSent) clearTimeout(this.#timer);
    else if (this.#timer !== undefined) return;
    void this.#send();
  }

  /** Sends the newest values before the job's end, and waits for it, but not for a slow or absent monitor. */
  async flush(): Promise<void> {
    let tooLong: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      tooLong = setTimeout(resolve, FLUSH_MS);
    });
    const sendAll = async () => {
      await this.#sending;
      clearTimeout(this.#timer);
      await this.#send();
    };
    await Promise.race([sendAll(), patience]);
    clearTimeout(tooLong);
  }

  /** Sends nothing more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #send(): Promise<void> {
    this.#timer = undefined;
    if (this.#sending || this.#closed || this.#newest === undefined) return;
    const figures = this.#newest;
    this.#newest = undefined;
    this.#stageSent = figures.stage;
    this.#sending = this.#deliver(figures);
    await this.#sending;
    this.#sending = undefined;
    if (!this.#closed) this.#schedule();
  }

  async #deliver(figures: ProgressFigures): Promise<void> {
    try {
      const report = { ...this.#facts, ...figures, lease_token: this.#held.leaseToken };
      await this.#api.jobs.reportProgress(this.#held.jobId, report, { retries: 0, timeoutMs: TIMEOUT_MS });
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof LeaseExpiredError) this.#held.stop('lease_lost');
      else if (error instanceof ConflictError) this.#onConflict();
    }
  }

  #schedule(): void {
    // At once if the stage has changed meanwhile. Otherwise after the pause, if there is anything to send.
    const delay_ms = this.#newest !== undefined && this.#newest.stage !== this.#stageSent ? 0 : PAUSE_MS;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#send(), delay_ms);
  }
}
