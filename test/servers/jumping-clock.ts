/** A clock that runs like the real one and can be advanced: timers due by then fire at once, in order. */
import type { Clock } from '../../server/clock.ts';

const STEP_MS = 1_000;

type Timer = { due_ms: number; run: () => void; timeout: NodeJS.Timeout };

export class JumpingClock implements Clock {
  readonly #timers = new Set<Timer>();
  #ahead_ms = 0;

  now(): number {
    return Date.now() + this.#ahead_ms;
  }

  monotonic(): number {
    return performance.now() + this.#ahead_ms;
  }

  after(delay_ms: number, run: () => void): () => void {
    const timer: Timer = { due_ms: this.monotonic() + delay_ms, run, timeout: setTimeout(() => {}, 0) };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => this.#drop(timer);
  }

  jump(forward_ms: number): void {
    this.#ahead_ms += forward_ms;
    for (const timer of [...this.#timers].sort((a, b) => a.due_ms - b.due_ms)) this.#arm(timer);
  }

  /** Advances as if the time passed, but faster: in steps of a second, with a turn for each woken task. */
  async pass(forward_ms: number): Promise<void> {
    for (let left_ms = forward_ms; left_ms > 0; left_ms -= STEP_MS) {
      this.jump(Math.min(left_ms, STEP_MS));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  #arm(timer: Timer): void {
    clearTimeout(timer.timeout);
    timer.timeout = setTimeout(
      () => {
        this.#drop(timer);
        timer.run();
      },
      Math.max(0, timer.due_ms - this.monotonic()),
    );
  }

  #drop(timer: Timer): void {
    clearTimeout(timer.timeout);
    this.#timers.delete(timer);
  }
}
