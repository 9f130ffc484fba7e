/**
 * Tells the monitor how far a job is: at once when the stage changes, else once a second at most, the newest figures only.
 *
 * Progress is soft: a report that can't be delivered is dropped, the next one has newer figures. The two answers that matter are a
 * refused lease and a conflict (the job is being cancelled), and both are handed on.
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
  /** The report under way. */
  #sending: Promise<void> | undefined;
  #closed = false;
  /** What was learnt about the recording, said with every report: any one of them may be lost. */
  #facts: Pick<Report, 'duration_seconds' | 'file_size_bytes'> = {};

  /** `onConflict`: the monitor has something to say about the job; its next heartbeat's answer tells. */
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

  /** Sends the newest figures before the job's end is told, and waits for that; but not for a monitor that is slow or away. */
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

  /** Nothing is sent after this. */
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
    // A new stage has come in meanwhile: at once. Else after the pause, if there is anything by then.
    const delay_ms = this.#newest !== undefined && this.#newest.stage !== this.#stageSent ? 0 : PAUSE_MS;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#send(), delay_ms);
  }
}
