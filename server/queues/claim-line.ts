/**
 * The line of waiting claims, first come first served. A claim is tried only while there are more claimable jobs than
 * claims being tried, so that a single new job does not trigger a thousand waiting claims, and only for a worker that
 * would get one of them: not one that is suspended, or has failed them.
 *
 *     in line → trying → resolved with jobs
 *        ▲         │
 *        └─ none ──┘      back to its place
 *     in line → resolved with no jobs: the worker is stopping, the caller is gone, or the monitor closes
 *     in line → last try → resolved with the result: its wait is over
 *
 * The line is processed whenever its inputs change: a claim arrives, a try ends, a segment is applied. Each does so
 * within one turn of the event loop, so no worker waits while a job for it is claimable and not being claimed. What time
 * alone changes (a suspended worker may have a job on trial) takes effect with the next of these, at the latest when the
 * wait is over.
 */
import type { Clock } from '../clock.ts';
import { SortedMap } from '../sorted-map.ts';
import type { Outcome } from '../state-machine/decide/commands.ts';
import { claimableJobs, isStopping, stoppedIn, wouldGet } from './claims.ts';
import type { ClaimRequest as AnyClaimRequest } from './job-queue.ts';
import type { QueueEngine } from './queue-engine.ts';

/** The number of jobs of a claim is up to `claim`. */
export type ClaimRequest = Omit<AnyClaimRequest, 'max_jobs'>;

type ClaimEngine = Pick<QueueEngine, 'state' | 'subscribe' | 'policy' | 'journal'>;

type Waiter = Pick<ClaimRequest, 'worker_id' | 'claim'> & {
  place: number;
  /** Its wait is over: the current try is the last. */
  last: boolean;
  resolve: (refs: Outcome['refs']) => void;
  reject: (error: unknown) => void;
};

export class ClaimLine {
  readonly #engine: ClaimEngine;
  readonly #clock: Clock;
  /** Place → a waiter that is not being tried. */
  readonly #line = new SortedMap<number, Waiter>();
  readonly #trying = new Set<Waiter>();
  readonly #unsubscribe: () => void;
  #places = 0;
  #closed = false;

  constructor(engine: ClaimEngine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.#unsubscribe = engine.subscribe((segment) => {
      if (this.#line.size + this.#trying.size === 0) return;
      const stopped = stoppedIn(engine.state, segment);
      if (stopped) this.#dismiss(({ worker_id }) => stopped(worker_id));
      this.#offer();
    });
  }

  /**
   * Resolves with the claimed jobs, or with none after `wait_ms` or once the worker is stopping. Rejects if `claim`
   * does.
   */
  next({ worker_id, wait_ms, signal, claim }: ClaimRequest): Promise<Outcome['refs']> {
    return new Promise((resolve, reject) => {
      if (this.#closed || signal?.aborted || isStopping(this.#engine.state, worker_id)) return resolve([]);
      const settle =
        <T>(settled: (value: T) => void) =>
        (value: T) => {
          cancel();
          signal?.removeEventListener('abort', onAbort);
          settled(value);
        };
      const waiter: Waiter = {
        worker_id,
        claim,
        place: ++this.#places,
        last: wait_ms <= 0,
        resolve: settle(resolve),
        reject: settle(reject),
      };
      const onAbort = () => this.#dismiss((other) => other === waiter);
      signal?.addEventListener('abort', onAbort);
      const cancel = waiter.last ? () => {} : this.#clock.after(wait_ms, () => this.#lastTry(waiter));
      if (waiter.last) void this.#try(waiter);
      else {
        this.#line.set(waiter.place, waiter);
        this.#offer();
      }
    });
  }

  /** Resolves every waiting claim; no jobs are handed out any more. */
  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.#dismiss(() => true);
  }

  #offer(): void {
    const free = claimableJobs(this.#engine.state) - this.#trying.size;
    if (free <= 0 || this.#line.size === 0) return;
    let left = free;
    for (const waiter of this.#line.clone().values()) {
      if (left === 0) return;
      if (!wouldGet(this.#engine, waiter.worker_id)) continue;
      left -= 1;
      void this.#try(waiter);
    }
  }

  async #try(waiter: Waiter): Promise<void> {
    this.#line.delete(waiter.place);
    this.#trying.add(waiter);
    try {
      const { refs } = await waiter.claim();
      if (refs.length > 0 || waiter.last) waiter.resolve(refs);
      else this.#line.set(waiter.place, waiter);
    } catch (error) {
      waiter.reject(error);
    }
    this.#trying.delete(waiter);
    this.#offer();
  }

  #lastTry(waiter: Waiter): void {
    waiter.last = true;
    if (!this.#trying.has(waiter)) void this.#try(waiter);
  }

  /** A claim being tried resolves with its result, because the jobs may already have been handed out. */
  #dismiss(leaves: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#trying) if (leaves(waiter)) waiter.last = true;
    for (const waiter of this.#line.clone().values()) {
      if (!leaves(waiter)) continue;
      this.#line.delete(waiter.place);
      waiter.resolve([]);
    }
  }
}
