/**
 * The position to go on from after a restart: behind the newest, so that lines right after a restart are read together with those
 * before them. What a line means may depend on these: times without a date, a start in the same second as the end before it.
 */

/** Readings of a log: chunks of a long one, or the few lines since the last look. */
const READINGS = 4;
/** Nothing that is written so much later depends on them. */
const BEHIND_MS = 60_000;

export class LaggingPosition {
  /** Oldest first, each with the time since which it is the newest. */
  readonly #recent: { position: string | null; at_ms: number }[] = [];

  add(position: string | null, now_ms: number): void {
    if (position !== this.#recent.at(-1)?.position || this.#recent.length === 0) {
      this.#recent.push({ position, at_ms: now_ms });
    }
  }

  at(now_ms: number): string | null {
    const { length } = this.#recent;
    const first = this.#recent.findLastIndex(
      ({ at_ms }, index) => index <= length - 1 - READINGS || now_ms - at_ms >= BEHIND_MS,
    );
    this.#recent.splice(0, Math.max(0, first));
    return this.#recent[0]?.position ?? null;
  }
}
