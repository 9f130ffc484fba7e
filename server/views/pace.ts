/** A rate per second, or a multiple of it, evenly and in order; after a pause it allows a small burst. */
import type { Clock } from '../clock.ts';

const BURST_MS = 20;

export class Pace {
  readonly #clock: Clock;
  readonly #gap_ms: number;
  readonly #waiting = new Set<() => void>();
  /** When the next one is due. */
  #next_ms = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, per_second: number) {
    this.#clock = clock;
    this.#gap_ms = 1000 / Math.max(1, per_second);
  }

  /** Resolves when it is the caller's turn; undefined: it is now. `times`: a multiple of the pace for what follows. */
  take(times = 1): Promise<void> | undefined {
    const now_ms = this.#clock.monotonic();
    const due_ms = Math.max(this.#next_ms, now_ms - BURST_MS);
    this.#next_ms = due_ms + this.#gap_ms / times;
    if (due_ms <= now_ms) return undefined;
    return new Promise((resolve) => {
      const go = () => {
        cancel();
        this.#waiting.delete(go);
        resolve();
      };
      const cancel = this.#clock.after(due_ms - now_ms, go);
      this.#waiting.add(go);
    });
  }

  /** Releases all that wait now. */
  hurry(): void {
    for (const go of this.#waiting) go();
  }
}
