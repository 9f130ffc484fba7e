/** The clock of a reporter; tests pass their own. */

export interface ReporterClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since some moment; never goes back. */
  monotonic(): number;
  /** Calls `run` once; the returned function cancels it. `keeps_alive`: keeps the process running until then. */
  after(delay_ms: number, run: () => void, keeps_alive?: boolean): () => void;
}

export const systemClock: ReporterClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delay_ms, run, keeps_alive = false) {
    const timer = setTimeout(run, Math.max(0, delay_ms));
    if (!keeps_alive) timer.unref?.();
    return () => clearTimeout(timer);
  },
};
