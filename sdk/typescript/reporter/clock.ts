/** Time for a reporter, taken in from outside so that tests turn it. */

export interface ReporterClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since some moment; never goes back. */
  monotonic(): number;
  /** Calls `run` once; the answer cancels it. `keeps_alive`: the process stays until then. */
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
