/**
 * Time and randomness, passed in from outside so that a seed replays a run. main.ts passes the system's, the simulation
 * its own. Apart from adapters at the edge, nothing else in server/ reads a clock or draws a random number.
 */
import { uptime } from 'node:os';

export interface Clock {
  /** Wall time, milliseconds since 1970-01-01T00:00:00Z. May jump. */
  now(): number;
  /** Milliseconds since a fixed moment; never goes back. */
  monotonic(): number;
  /** Like `monotonic`, but includes time in which the machine was suspended. */
  boottime?(): number;
  /** Calls `run` once after `delay_ms`. Returns a function that cancels the call. */
  after(delay_ms: number, run: () => void): () => void;
}

export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
}

/** Resolves after `delay_ms`, or as soon as `signal` aborts; never rejects. */
export function sleep(clock: Clock, delay_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delay_ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** For messages; null if `at_ms` is beyond the calendar. */
export function isoTime(at_ms: number): string | null {
  const time = new Date(at_ms);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  boottime: () => uptime() * 1000,
  after(delay_ms, run) {
    const timer = setTimeout(run, delay_ms);
    return () => clearTimeout(timer);
  },
};
