/**
 * The clock of a monitor with a made history: turned while the history is made, then standing still, with timers that run in
 * real time. What is shown is then always as of the same moment, however long a test or a series of screenshots takes.
 */
import { type Clock, systemClock } from '../../server/clock.ts';
import { settled } from '../../server/testing-clock.ts';

type Timer = { at_ms: number; run: () => void; over: boolean };

export class StandingClock implements Clock {
  #now_ms: number;
  #timers: Timer[] = [];
  #standing = false;
  /** Since when time goes on by itself. */
  #went_ms: number | null = null;

  constructor(now_ms: number) {
    this.#now_ms = now_ms;
  }

  now(): number {
    return this.#now_ms + (this.#went_ms === null ? 0 : systemClock.monotonic() - this.#went_ms);
  }

  monotonic(): number {
    return this.now();
  }

  after(delay_ms: number, run: () => void): () => void {
    if (this.#standing) return systemClock.after(delay_ms, run);
    const timer: Timer = { at_ms: this.#now_ms + Math.max(0, delay_ms), run, over: false };
    if (delay_ms <= 0) setImmediate(() => this.#run(timer));
    else this.#timers.push(timer);
    return () => {
      timer.over = true;
    };
  }

  /** Goes on to this time, running what falls due on the way. */
  async turnTo(until_ms: number): Promise<void> {
    await settled();
    for (;;) {
      this.#timers = this.#timers.filter(({ over }) => !over);
      let next: Timer | undefined;
      for (const timer of this.#timers) {
        if (timer.at_ms <= until_ms && (next === undefined || timer.at_ms < next.at_ms)) next = timer;
      }
      if (next === undefined) break;
      this.#now_ms = Math.max(this.#now_ms, next.at_ms);
      this.#run(next);
      await settled();
    }
    this.#now_ms = until_ms;
  }

  /** From now on its time stands still, and timers run in real time. */
  stand(): void {
    this.#standing = true;
    for (const timer of this.#timers.filter(({ over }) => !over)) {
      systemClock.after(Math.min(timer.at_ms - this.#now_ms, 2 ** 31 - 1), () => this.#run(timer));
    }
    this.#timers = [];
  }

  /** Time goes on, as on a wall: what writes at a rate can end its work. */
  go(): void {
    this.#went_ms ??= systemClock.monotonic();
  }

  #run(timer: Timer): void {
    if (timer.over) return;
    timer.over = true;
    timer.run();
  }
}
