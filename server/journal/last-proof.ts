/** When the end of the journal was last known. */
import type { Clock } from '../clock.ts';

export type Moment = { monotonic_ms: number; wall_ms: number };

export class LastProof {
  readonly #clock: Clock;
  #known: Moment;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#known = this.now();
  }

  now(): Moment {
    return { monotonic_ms: this.#clock.monotonic(), wall_ms: this.#clock.now() };
  }

  /** The end as of `moment` is known. */
  proved(moment: Moment): void {
    this.#known = moment;
  }

  /** Time since then. By either clock: the monotonic one may stand still while the machine is suspended. */
  get age_ms(): number {
    const { monotonic_ms, wall_ms } = this.now();
    return Math.max(monotonic_ms - this.#known.monotonic_ms, wall_ms - this.#known.wall_ms);
  }
}
