/** A clock that goes on only when a test says so, from one timer to the next. */
import type { Clock } from './clock.ts';

export class StepClock implements Clock {
  #now_ms: number;
  readonly #timers = new Set<{ at_ms: number; run: () => void }>();
  #onTimer: () => void = () => {};

  constructor(now_ms: number) {
    this.#now_ms = now_ms;
  }

  now(): number {
    return this.#now_ms;
  }

  monotonic(): number {
    return this.#now_ms;
  }

  after(delay_ms: number, run: () => void): () => void {
    const timer = { at_ms: this.#now_ms + delay_ms, run };
    this.#timers.add(timer);
    this.#onTimer();
    return () => this.#timers.delete(timer);
  }

  /** Without running anything. */
  leap(by_ms: number): void {
    this.#now_ms += by_ms;
  }

  /** Resolves once something waits for time. */
  async waiting(): Promise<void> {
    while (this.#timers.size === 0) {
      await new Promise<void>((resolve) => {
        this.#onTimer = resolve;
      });
    }
  }

  /** Waits until something waits for time, and goes on to the first that is due. Returns the time that passed. */
  async step(): Promise<number> {
    await this.waiting();
    const next = [...this.#timers].reduce((first, timer) => (timer.at_ms < first.at_ms ? timer : first));
    this.#timers.delete(next);
    const passed_ms = Math.max(0, next.at_ms - this.#now_ms);
    this.#now_ms += passed_ms;
    next.run();
    return passed_ms;
  }
}
