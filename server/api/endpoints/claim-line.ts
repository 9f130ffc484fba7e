/**
 * Workers that wait for a job, first come first served: a segment that leaves claimable jobs wakes as many as there are
 * jobs for, so that a thousand idle workers don't all ask for the one job that came.
 */
import type { Clock } from '../../clock.ts';
import type { Engine } from '../../engine.ts';
import type { State } from '../../state-machine/state/state.ts';

type Waiter = { worker_id: string; wake: (found: boolean) => void };

/** A worker of which one of these is told gets no more jobs, and should hear why. */
const STOPPING: ReadonlySet<string> = new Set(['WorkerDraining', 'WorkerRestarting', 'WorkerTerminated']);

export class ClaimLine {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  readonly #unsubscribe: () => void;
  #closed = false;

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.#unsubscribe = engine.subscribe((segment) => {
      if (this.#waiters.size === 0) return;
      for (const { type, entity } of segment?.events ?? []) if (STOPPING.has(type)) this.#sendAway(entity);
      this.#wake();
    });
  }

  /** The monitor stops: nobody is given a job any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** True: a job may be there for this one. False: after `wait_ms`, when `signal` aborts, when the worker is to stop, or all is. */
  wait(worker_id: string, wait_ms: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        worker_id,
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

  #sendAway(worker_id: string): void {
    for (const waiter of [...this.#waiters]) if (waiter.worker_id === worker_id) waiter.wake(false);
  }

  #wake(): void {
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
