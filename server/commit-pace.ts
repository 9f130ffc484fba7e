/** How long commits take: the median of the last minute's. */
import type { Clock } from './clock.ts';

const WINDOW_MS = 60_000;
const COMMITS_MAX = 200;

export class CommitPace {
  readonly #clock: Clock;
  #commits: { at_ms: number; took_ms: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A commit that has just ended. */
  add(took_ms: number): void {
    this.#commits.push({ at_ms: this.#clock.monotonic(), took_ms });
    if (this.#commits.length > 2 * COMMITS_MAX) this.#commits = this.#commits.slice(-COMMITS_MAX);
  }

  /** null if there was no commit. */
  get median_seconds(): number | null {
    const since_ms = this.#clock.monotonic() - WINDOW_MS;
    const times = this.#commits.slice(-COMMITS_MAX).filter(({ at_ms }) => at_ms >= since_ms);
    if (times.length === 0) return null;
    const sorted = times.map(({ took_ms }) => took_ms).sort((a, b) => a - b);
    return sorted[Math.floor((sorted.length - 1) / 2)]! / 1000;
  }
}
