/**
 * The clocks for log time. A jump of the machine's clock must not move log time, and with it every lease.
 *
 * On a store that other instances write to, the reference is the store's clock: see SharedLogClock. On a store whose
 * clock is this machine's, the only reference is elapsed time: see SteadyLogClock.
 */
import type { Clock } from '../clock.ts';

export interface LogClock {
  /** Call with the store's time from a response. */
  observe(server_ms: number): void;
  /** Call with the log time at the end of the journal, which the next log times must follow. */
  startAt(head_ms: number): void;
  now(): number;
  /** How far log time is intentionally ahead of this machine's wall clock. */
  readonly offset_ms: number;
}

/** Greatest difference at which two clocks count as equal. */
const TOLERANCE_MS = 2_000;
const DAY_MS = 86_400_000;
/** Greatest difference between readings of two clocks of one machine. */
const JITTER_MS = 100;

/** This machine's clock, kept within two seconds of the store's. */
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
 * Follows the wall clock, except its steps in either direction, of more than two seconds alone or together: after one,
 * log time continues with elapsed time, including time in which the machine was suspended. If the clock is behind the
 * journal on a start, log time continues from the journal's last time.
 */
export class SteadyLogClock implements LogClock {
  readonly #clock: Clock;
  readonly #warn: (message: string) => void;
  #wall_ms: number;
  #monotonic_ms: number;
  /** Total time suspended so far. */
  #suspended_ms: number;
  #offset_ms = 0;
  /** Sum of the small steps that were followed; two seconds of it are forgotten in a day. */
  #followed_ms = 0;
  #followed_at_ms: number;

  constructor(clock: Clock, warn: (message: string) => void) {
    this.#clock = clock;
    this.#warn = warn;
    this.#wall_ms = clock.now();
    this.#monotonic_ms = clock.monotonic();
    this.#suspended_ms = this.#suspended();
    this.#followed_at_ms = this.#monotonic_ms;
  }

  get offset_ms(): number {
    return Math.round(this.#offset_ms);
  }

  observe(): void {}

  startAt(head_ms: number): void {
    const behind_ms = head_ms - this.now();
    if (behind_ms <= TOLERANCE_MS) return;
    this.#offset_ms += behind_ms;
    this.#warn(
      `this machine's clock is ${seconds(behind_ms)} behind the journal; log time continues from the journal's`,
    );
  }

  now(): number {
    this.#detectStep();
    return Math.floor(this.#wall_ms + this.#offset_ms);
  }

  /** Compares the wall clock's progress since the last call with elapsed time. */
  #detectStep(): void {
    const wall_ms = this.#clock.now();
    const monotonic_ms = this.#clock.monotonic();
    const apart_ms = wall_ms - this.#wall_ms - (monotonic_ms - this.#monotonic_ms);
    this.#wall_ms = wall_ms;
    this.#monotonic_ms = monotonic_ms;
    if (Math.abs(apart_ms) <= JITTER_MS) return;
    const suspended_ms = this.#suspended();
    const step_ms = apart_ms - Math.max(0, suspended_ms - this.#suspended_ms);
    this.#suspended_ms = suspended_ms;
    if (this.#isFollowed(step_ms)) return;
    const offset_ms = this.#offset_ms - step_ms;
    // The step was undone.
    this.#offset_ms = Math.abs(offset_ms) <= JITTER_MS ? 0 : offset_ms;
    const now = this.#offset_ms === 0 ? 'log time matches it again' : 'log time continues without the step';
    this.#warn(`this machine's clock was set ${step_ms > 0 ? 'forward' : 'back'} by ${seconds(step_ms)}; ${now}`);
  }

  /** Small steps are corrections of a clock that drifts. Many of them within a day are not. */
  #isFollowed(step_ms: number): boolean {
    if (Math.abs(step_ms) > TOLERANCE_MS) return false;
    const forgotten_ms = ((this.#monotonic_ms - this.#followed_at_ms) / DAY_MS) * TOLERANCE_MS;
    const before_ms = Math.sign(this.#followed_ms) * Math.max(0, Math.abs(this.#followed_ms) - forgotten_ms);
    const followed_ms = before_ms + step_ms;
    if (Math.abs(followed_ms) > TOLERANCE_MS) return false;
    this.#followed_ms = followed_ms;
    this.#followed_at_ms = this.#monotonic_ms;
    return true;
  }

  #suspended(): number {
    const boottime_ms = this.#clock.boottime?.();
    return boottime_ms === undefined ? 0 : boottime_ms - this.#clock.monotonic();
  }
}

const seconds = (duration_ms: number): string => `${Math.abs(Math.round(duration_ms / 1000))} s`;
