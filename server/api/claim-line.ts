/**
 * Workers that wait for a job, first come first served: a segment that leaves claimable jobs wakes as many as there are
 * jobs for, so that a thousand idle workers don't all ask for the one job that came.
 */
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import type { State } from '../state-machine/state.ts';

type Waiter = { wake: (found: boolean) => void };

export class ClaimLine {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  readonly #unsubscribe: () => void;

  constructor(engine: Engine, clock: Clock) {
    this.#clock = clock;
    this.#unsubscribe = engine.subscribe(() => {
      if (this.#waiters.size > 0) this.#wake(claimableJobs(engine.state));
    });
  }

  /** Resolves true when a job may be there for this one, false after `wait_ms` or when `signal` aborts. */
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
      if (signal.aborted) return waiter.wake(false);
      signal.addEventListener('abort', gone);
      this.#waiters.add(waiter);
    });
  }

  /** Sends every waiter away with nothing: the monitor stops. */
  close(): void {
    this.#unsubscribe();
    for (const waiter of [...this.#waiters]) waiter.wake(false);
  }

  #wake(jobs: number): void {
    let left = jobs;
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
