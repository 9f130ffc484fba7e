/** Delays between attempts that fail: exponential, up to a maximum. */

export type BackoffOptions = { base_ms: number; max_ms: number };

/**
 * `attempt` counts from 0, whose delay is `base_ms`; every further attempt doubles it. Multiply by a random fraction
 * for jitter.
 */
export function backoff(attempt: number, { base_ms, max_ms }: BackoffOptions): number {
  return Math.min(max_ms, base_ms * 2 ** Math.min(attempt, DOUBLINGS_MAX));
}

/** Keeps the power finite: 0 × Infinity is NaN. */
const DOUBLINGS_MAX = 30;
