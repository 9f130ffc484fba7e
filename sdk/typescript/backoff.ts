/** The delay before a retry: full jitter over a doubling cap, so that clients that failed together do not retry together. */
export type Backoff = { baseMs: number; capMs: number };

/** Milliseconds. `failures`: how often it failed before this time. `random`: draws a number in [0, 1). */
export function backoffMs({ baseMs, capMs }: Backoff, failures: number, random: () => number = Math.random): number {
  return random() * Math.min(capMs, baseMs * 2 ** failures);
}
