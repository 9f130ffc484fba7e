/**
 * Workers that wait for a job, first come first served: a segment that leaves claimable jobs wakes as many as there are
 * jobs for, so that a thousand idle workers don't all ask for the one job that came.
 */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import type { State } from '../state-machine/state.ts';

type Waiter = { wake: (found: boolean) => void };

export class ClaimLine {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  readonly #unsubscribe: () => void;
  #closed = false;

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.#unsubscribe = engine.subscribe(() => this.#wake());
  }

  /** The monitor stops: nobody is given a job any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves true when a job may be there for this one; false after `wait_ms`, when `signal` aborts, or when it closes. */
  wait(wait_ms: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        wake: (found) => {
          cancel();
          signal.removeEventListener('abort', gone);
          this.#waiters.delete(waiter);
          resolve(found);
        },
      };
      const cancel = this.#clock.after(wait_ms, () => waiter.wake(false));
      const gone = () => waiter.wake(false);
      if (signal.aborted || this.#closed) return waiter.wake(false);
      signal.addEventListener('abort', gone);
      this.#waiters.add(waiter);
    });
  }

  /** One that was woken has gone without a job: who waits behind it is asked. */
  pass(): void {
    this.#wake();
  }

  /** Sends every waiter away with nothing. */
  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    for (const waiter of [...this.#waiters]) waiter.wake(false);
  }

  #wake(): void {
    if (this.#waiters.size === 0) return;
    let left = claimableJobs(this.#engine.state);
    for (const waiter of this.#waiters) {
      if (left <= 0) return;
      left -= 1;
      waiter.wake(true);
    }
  }
}

export function claimableJobs(state: State): number {
  const { high, normal, low } = state.tables.waiting;
  return high.size + normal.size + low.size;
}
