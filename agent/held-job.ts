/**
 * A job that this worker holds: its lease, and the one switch that ends the work on it early.
 *
 *     working ──► settling ──► gone      the result is being told; from here the monitor's answer to it alone says how it ended
 *        │
 *        └─ stop(why) ──► the engine's process group is killed, then by `why`:
 *               cancelled     the monitor was asked to cancel it: confirm
 *               restarting    the worker restarts: hand it back for another attempt
 *               lease_lost    it is another worker's by now: write nothing
 *               leaving       the worker stops now: leaving hands all its jobs back at once
 */
import type { Claimed } from '../protocol/job.ts';

export type StopReason = 'cancelled' | 'restarting' | 'lease_lost' | 'leaving';

/** What the engine's promise rejects with after a stop. */
export class Stopped extends Error {
  readonly why: StopReason;

  constructor(why: StopReason) {
    super(`stopped: ${why}`);
    this.name = 'Stopped';
    this.why = why;
  }
}

export class HeldJob {
  readonly claimed: Claimed['jobs'][number];
  readonly #stop = new AbortController();
  #settling = false;

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

  stop(why: StopReason): void {
    // A lease that is missing because its job has just been completed is not lost.
    if (this.#settling && why !== 'leaving') return;
    this.#stop.abort(new Stopped(why));
  }

  /** The end is known and is being told. Throws Stopped when a stop came first. */
  settle(): void {
    this.signal.throwIfAborted();
    this.#settling = true;
  }
}
