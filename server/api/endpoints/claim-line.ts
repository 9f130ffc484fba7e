/**
 * The workers that want a job, first come first served. A claim is tried only while there are more claimable jobs than claims
 * under way, so that a thousand idle workers don't all ask for the one job that came.
 *
 *     in line → trying → answered with jobs
 *        ▲         │
 *        └─ none ──┘      back to the place it had
 *     in line → answered with nothing: told to stop, gone, or the monitor closes
 *     in line → last try → answered, whatever it finds: its time is over
 *
 * The line is looked at whenever its inputs change: a claim arrives, a claim under way ends, a segment is applied. All three happen
 * within one turn of the event loop, so no worker waits beside a job that nobody is about to take.
 */
import type { Clock } from '../../clock.ts';
import type { Engine } from '../../engine.ts';
import { SortedMap } from '../../sorted-map.ts';
import type { Outcome } from '../../state-machine/decide/commands.ts';
import type { State } from '../../state-machine/state/state.ts';

export type ClaimRequest = {
  worker_id: string;
  /** How long to wait for a job; 0 tries once. */
  wait_ms: number;
  /** Aborts when nobody waits for the answer any more. */
  signal: AbortSignal;
  /** Tries to take jobs. Called again if it takes none. */
  claim: () => Promise<Pick<Outcome, 'refs'>>;
};

type Waiter = Pick<ClaimRequest, 'worker_id' | 'claim'> & {
  place: number;
  /** Its time is over: the try under way is its last. */
  last: boolean;
  answer: (refs: Outcome['refs']) => void;
  fail: (error: unknown) => void;
};

/** A worker that one of these events is about gets no more jobs. */
const STOPPING: ReadonlySet<string> = new Set(['WorkerDraining', 'WorkerRestarting', 'WorkerTerminated']);

export class ClaimLine {
  readonly #engine: Pick<Engine, 'state' | 'subscribe'>;
  readonly #clock: Clock;
  /** Place → a waiter that isn't trying. */
  readonly #line = new SortedMap<number, Waiter>();
  readonly #trying = new Set<Waiter>();
  readonly #unsubscribe: () => void;
  #places = 0;
  #closed = false;

  constructor(engine: Pick<Engine, 'state' | 'subscribe'>, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.#unsubscribe = engine.subscribe((segment) => {
      if (this.#line.size + this.#trying.size === 0) return;
      if (segment === null) this.#dismiss(({ worker_id }) => isStopping(engine.state, worker_id));
      else {
        const stopped = new Set(segment.events.flatMap(({ type, entity }) => (STOPPING.has(type) ? [entity] : [])));
        if (stopped.size > 0) this.#dismiss(({ worker_id }) => stopped.has(worker_id));
      }
      this.#offer();
    });
  }

  /** Resolves with what was handed out; with nothing after `wait_ms`, or once the worker is to get no jobs. Rejects as `claim` does. */
  next({ worker_id, wait_ms, signal, claim }: ClaimRequest): Promise<Outcome['refs']> {
    return new Promise((resolve, reject) => {
      if (this.#closed || signal.aborted || isStopping(this.#engine.state, worker_id)) return resolve([]);
      const settle =
        <T>(settled: (value: T) => void) =>
        (value: T) => {
          cancel();
          signal.removeEventListener('abort', gone);
          settled(value);
        };
      const waiter: Waiter = {
        worker_id,
        claim,
        place: ++this.#places,
        last: wait_ms <= 0,
        answer: settle(resolve),
        fail: settle(reject),
      };
      const gone = () => this.#dismiss((one) => one === waiter);
      signal.addEventListener('abort', gone);
      const cancel = waiter.last ? () => {} : this.#clock.after(wait_ms, () => this.#lastTry(waiter));
      if (waiter.last) void this.#try(waiter);
      else {
        this.#line.set(waiter.place, waiter);
        this.#offer();
      }
    });
  }

  /** The monitor stops: everybody is answered, and nobody is given a job any more. */
  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.#dismiss(() => true);
  }

  #offer(): void {
    const free = claimableJobs(this.#engine.state) - this.#trying.size;
    if (free <= 0 || this.#line.size === 0) return;
    for (const waiter of first(free, this.#line.clone().values())) void this.#try(waiter);
  }

  async #try(waiter: Waiter): Promise<void> {
    this.#line.delete(waiter.place);
    this.#trying.add(waiter);
    try {
      const { refs } = await waiter.claim();
      if (refs.length > 0 || waiter.last) waiter.answer(refs);
      else this.#line.set(waiter.place, waiter);
    } catch (error) {
      waiter.fail(error);
    }
    this.#trying.delete(waiter);
    this.#offer();
  }

  #lastTry(waiter: Waiter): void {
    waiter.last = true;
    if (!this.#trying.has(waiter)) void this.#try(waiter);
  }

  /** One that is trying is answered with what it finds: that may have been handed out. */
  #dismiss(leaves: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#trying) if (leaves(waiter)) waiter.last = true;
    for (const waiter of this.#line.clone().values()) {
      if (!leaves(waiter)) continue;
      this.#line.delete(waiter.place);
      waiter.answer([]);
    }
  }
}

function* first<T>(count: number, values: Iterable<T>): Generator<T> {
  let left = count;
  for (const value of values) {
    if (left-- <= 0) return;
    yield value;
  }
}

function claimableJobs(state: State): number {
  const { high, normal, low } = state.tables.waiting;
  return high.size + normal.size + low.size;
}

/** A worker that is to stop is given nothing, at once; its heartbeat says why. One that is gone hears it from its claim. */
function isStopping(state: State, worker_id: string): boolean {
  const worker = state.worker(worker_id);
  return worker?.state === 'DRAINING' || worker?.state === 'RESTARTING';
}
