/**
 * The clocks that stamp segments. A machine whose clock jumps must not drag log time, and with it every lease, along.
 *
 * On a store that others write to, the store's own clock is the reference: see SharedLogClock. On a store whose clock is
 * this machine's own there is nothing to hold it against but time that passes: see SteadyLogClock.
 */
import type { Clock } from '../clock.ts';

export interface LogClock {
  /** The store said that this is the time. */
  observe(server_ms: number): void;
  /** The journal ends at this log time: what follows comes after it. */
  startAt(head_ms: number): void;
  now(): number;
  /** How far log time is ahead of this machine's wall clock on purpose. */
  readonly offset_ms: number;
}

/** Two clocks further apart than this do not show the same time. */
const TOLERANCE_MS = 2_000;
/** Two readings of two clocks of one machine differ by less. */
const JITTER_MS = 100;

/** This machine's clock, held within two seconds of the store's own. */
export class SharedLogClock implements LogClock {
  readonly offset_ms = 0;
  readonly #clock: Clock;
  #server_ms: number | null = null;
  #observed_ms = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  observe(server_ms: number): void {
    this.#server_ms = server_ms;
    this.#observed_ms = this.#clock.monotonic();
  }

  startAt(): void {}

  now(): number {
    const here_ms = Math.floor(this.#clock.now());
    if (this.#server_ms === null) return here_ms;
    const there_ms = Math.floor(this.#server_ms + (this.#clock.monotonic() - this.#observed_ms));
    return Math.min(Math.max(here_ms, there_ms - TOLERANCE_MS), there_ms + TOLERANCE_MS);
  }
}

/**
 * The wall clock as long as it runs; a step of it, in either direction, is not followed, and log time goes on at the pace
 * of time that passes. Time in which the machine was suspended does pass. A start with a clock that is behind the journal
 * continues from the journal's last time at the same pace.
 */
export class SteadyLogClock implements LogClock {
  readonly #clock: Clock;
  readonly #notice: (message: string) => void;
  #wall_ms: number;
  #monotonic_ms: number;
  /** Of all suspends so far. */
  #suspended_ms: number;
  #offset_ms = 0;

  constructor(clock: Clock, notice: (message: string) => void) {
    this.#clock = clock;
    this.#notice = notice;
    this.#wall_ms = clock.now();
    this.#monotonic_ms = clock.monotonic();
    this.#suspended_ms = this.#suspended();
  }

  get offset_ms(): number {
    return Math.round(this.#offset_ms);
  }

  observe(): void {}

  startAt(head_ms: number): void {
    const behind_ms = head_ms - this.now();
    if (behind_ms <= TOLERANCE_MS) return;
    this.#offset_ms += behind_ms;
    this.#notice(
      `this machine's clock is ${seconds(behind_ms)} behind the journal; log time continues from the journal's`,
    );
  }

  now(): number {
    this.#look();
    return Math.floor(this.#wall_ms + this.#offset_ms);
  }

  /** Compares what the wall clock says has passed since the last look with what has. */
  #look(): void {
    const wall_ms = this.#clock.now();
    const monotonic_ms = this.#clock.monotonic();
    const apart_ms = wall_ms - this.#wall_ms - (monotonic_ms - this.#monotonic_ms);
    this.#wall_ms = wall_ms;
    this.#monotonic_ms = monotonic_ms;
    if (Math.abs(apart_ms) <= JITTER_MS) return;
    const suspended_ms = this.#suspended();
    const step_ms = apart_ms - Math.max(0, suspended_ms - this.#suspended_ms);
    this.#suspended_ms = suspended_ms;
    if (Math.abs(step_ms) <= TOLERANCE_MS) return;
    const offset_ms = this.#offset_ms - step_ms;
    // A clock that was set back to what it had been is right again.
    this.#offset_ms = Math.abs(offset_ms) <= JITTER_MS ? 0 : offset_ms;
    const now = this.#offset_ms === 0 ? 'log time is the same again' : 'log time continues without the step';
    this.#notice(`this machine's clock was set ${step_ms > 0 ? 'forward' : 'back'} by ${seconds(step_ms)}; ${now}`);
  }

  #suspended(): number {
    const boottime_ms = this.#clock.boottime?.();
    return boottime_ms === undefined ? 0 : boottime_ms - this.#clock.monotonic();
  }
}

const seconds = (duration_ms: number): string => `${Math.abs(Math.round(duration_ms / 1000))} s`;
