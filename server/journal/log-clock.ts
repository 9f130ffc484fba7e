/**
 * The clock that stamps segments: this machine's, held within two seconds of the store's own. A machine whose clock jumps
 * cannot drag log time, and with it every lease of every instance, along.
 */
import type { Clock } from '../clock.ts';

const TOLERANCE_MS = 2_000;

export class LogClock {
  readonly #clock: Clock;
  #server_ms: number | null = null;
  #observed_ms = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The store said that this is the time. */
  observe(server_ms: number): void {
    this.#server_ms = server_ms;
    this.#observed_ms = this.#clock.monotonic();
  }

  now(): number {
    const here_ms = Math.floor(this.#clock.now());
    if (this.#server_ms === null) return here_ms;
    const there_ms = Math.floor(this.#server_ms + (this.#clock.monotonic() - this.#observed_ms));
    return Math.min(Math.max(here_ms, there_ms - TOLERANCE_MS), there_ms + TOLERANCE_MS);
  }
}
