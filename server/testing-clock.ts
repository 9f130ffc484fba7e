/** A clock that stands still until a test turns it, for tests of what happens in time. */
import type { Clock } from './clock.ts';

export class TurnedClock implements Clock {
  #now_ms: number;
  #timers: { at_ms: number; run: () => void }[] = [];

  constructor(now: string) {
    this.#now_ms = Date.parse(now);
  }

  now(): number {
    return this.#now_ms;
  }

  monotonic(): number {
    return this.#now_ms;
  }

  after(delay_ms: number, run: () => void): () => void {
    const timer = { at_ms: this.#now_ms + Math.max(0, delay_ms), run };
    // A pause of no length is no waiting: it needs nobody to turn the clock.
    if (delay_ms <= 0) setImmediate(() => timer.run());
    else this.#timers.push(timer);
    return () => {
      timer.run = () => {};
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** As if the machine slept: what fell due meanwhile runs at the next turn, once. */
  leap(by_ms: number): void {
    this.#now_ms += by_ms;
  }

  /** Goes on by this much, running what falls due on the way, each to its end. */
  async turn(by_ms: number): Promise<void> {
    const until_ms = this.#now_ms + by_ms;
    await settled();
    for (;;) {
      const next = this.#timers.reduce<{ at_ms: number; run: () => void } | undefined>(
        (soonest, timer) => (timer.at_ms <= until_ms && (!soonest || timer.at_ms < soonest.at_ms) ? timer : soonest),
        undefined,
      );
      if (!next) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#now_ms = Math.max(this.#now_ms, next.at_ms);
      next.run();
      await settled();
    }
    this.#now_ms = until_ms;
  }
}

/** A turn of the event loop begins only when no promise has anything left to do. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
