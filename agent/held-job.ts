/**
 * A job that this worker holds: its lease, and the switch that ends the work on it early.
 *
 *     working ──► settling ──► gone      the result is being sent; from here on only the monitor's response decides how it ended
 *        │
 *        └─ stop(why) ──► the engine's process group is killed, then by `why`:
 *               cancelled     the job was cancelled: confirm
 *               hung          the monitor finds that the engine hangs: fail the job, for another worker
 *               restarting    the worker restarts: release the job for another attempt
 *               reclaimed     the machine is being taken away: the same, unless the transcript exists already
 *               lease_lost    it is no longer this worker's: write nothing
 *               leaving       the worker stops now: its exit releases all jobs at once
 */
import type { Claimed } from '../protocol/job.ts';

export type StopReason = 'cancelled' | 'hung' | 'restarting' | 'reclaimed' | 'lease_lost' | 'leaving';

/** The reason for which the engine's promise rejects after a stop. */
export class Stopped extends Error {
  readonly why: StopReason;

  constructor(why: StopReason, details: string = why) {
    super(`stopped: ${details}`);
    this.name = 'Stopped';
    this.why = why;
  }
}

export class HeldJob {
  readonly claimed: Claimed['jobs'][number];
  readonly #stop = new AbortController();
  #settling = false;
  #delivering = false;
  /** Returns the time left of its work, in seconds, by its own pace; null if unknown. */
  secondsLeft: () => number | null = () => null;

  constructor(claimed: Claimed['jobs'][number]) {
    this.claimed = claimed;
  }

  get jobId(): string {
    return this.claimed.job.job_id;
  }

  get leaseToken(): string {
    return this.claimed.lease.token;
  }

  /** Aborts with a Stopped. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get stopped(): Stopped | undefined {
    return this.#stop.signal.reason as Stopped | undefined;
  }

  stop(why: StopReason, details?: string): void {
    // A lease missing because its job has just been completed is not lost.
    if (this.#settling && why !== 'leaving') return;
    if (this.#delivering && why === 'reclaimed') return;
    this.#stop.abort(new Stopped(why, details));
  }

  /** The transcript exists, and to store it takes no longer than to hand the job back. */
  deliver(): void {
    this.#delivering = true;
  }

  /** The result is known and is being sent. Throws Stopped if a stop came first. */
  settle(): void {
    this.signal.throwIfAborted();
    this.#settling = true;
  }
}
