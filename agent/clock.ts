/** Time, passed in from outside where a test must turn it. */
export interface Clock {
  /** Wall time, milliseconds since 1970-01-01T00:00:00Z. May jump. */
  now(): number;
  /** Milliseconds since a fixed moment; never goes back. */
  monotonic(): number;
  /** Calls `run` once after `delay_ms`. Returns a function that cancels the call. */
  after(delay_ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delay_ms, run) {
    const timer = setTimeout(run, delay_ms);
    return () => clearTimeout(timer);
  },
};
