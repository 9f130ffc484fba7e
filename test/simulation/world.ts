/**
 * Virtual time: one queue of events, run one after the other, each to its end before the next. Nothing waits for real
 * time.
 *
 * An event may belong to a process. A dead process' events are dropped; a paused one's are held back until it
 * continues, like the timers and responses of a machine that sleeps.
 */
import { createHash } from 'node:crypto';

export type Process = { readonly name: string; alive: boolean; paused_until_ms: number };

type Entry = { at_ms: number; order: number; process: Process | null; run: (() => void) | null };

export type Violation = { invariant: string; message: string; at_ms: number };

/** More events than any history needs: reaching it means an endless loop. */
const EVENTS_MAX = 400_000;
const DELAY_MIN_MS = 0.001;
const STEPS_KEPT = 60;

export class World {
  now_ms = Date.UTC(2026, 0, 5, 8);
  events = 0;
  violation: Violation | null = null;
  readonly #heap: Entry[] = [];
  readonly #hash = createHash('sha256');
  readonly #steps: string[] = [];
  #order = 0;

  /** Runs something once after `delay_ms`, optionally in a process. Returns a function that cancels it. */
  after(delay_ms: number, process: Process | null, run: () => void): () => void {
    // Times since 1970 are not precise enough to distinguish shorter delays from none.
    const at_ms = this.now_ms + (delay_ms > 0 ? Math.max(delay_ms, DELAY_MIN_MS) : 0);
    const entry: Entry = { at_ms, order: this.#order++, process, run };
    this.#push(entry);
    return () => {
      entry.run = null;
    };
  }

  /** Runs events until `done`, or until none is left, or a rule is broken. */
  async run(done: () => boolean): Promise<void> {
    await allPromisesSettled();
    while (!this.violation && !done()) {
      const entry = this.#pop();
      if (!entry) return;
      const { process, run } = entry;
      if (!run || process?.alive === false) continue;
      if (process && process.paused_until_ms > entry.at_ms) {
        entry.at_ms = process.paused_until_ms;
        this.#push(entry);
        continue;
      }
      this.now_ms = entry.at_ms;
      this.events += 1;
      if (this.events > EVENTS_MAX) return this.violate('I13', `no end after ${EVENTS_MAX} events`);
      run();
      await allPromisesSettled();
    }
  }

  /** Writes a step into the trace, which must be equal to the byte in two runs of a seed. */
  note(step: string): void {
    const line = `${(this.now_ms / 1000).toFixed(3)} ${step}`;
    this.#hash.update(line);
    this.#steps.push(line);
    if (this.#steps.length > 2 * STEPS_KEPT) this.#steps.splice(0, STEPS_KEPT);
  }

  /** A rule is broken. Only the first violation is kept. */
  violate(invariant: string, message: string): void {
    this.note(`VIOLATION ${invariant}: ${message}`);
    this.violation ??= { invariant, message, at_ms: this.now_ms };
  }

  get lastSteps(): string[] {
    return this.#steps.slice(-STEPS_KEPT);
  }

  traceHash(): string {
    return this.#hash.copy().digest('hex');
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || !last) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

const before = (a: Entry, b: Entry): boolean => a.at_ms < b.at_ms || (a.at_ms === b.at_ms && a.order < b.order);

/** A turn of the event loop begins only when no promise has anything left to do; nothing else here causes a wait. */
const allPromisesSettled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
