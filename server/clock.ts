/**
 * Time and chance, taken in from outside, so that a seed replays a run. The system's own are made once, in main.ts; the
 * simulator passes its own. Nothing else in server/ reads a clock or draws a number, but for adapters at the edge.
 */
import { uptime } from 'node:os';

export interface Clock {
  /** Wall time, milliseconds since 1970-01-01T00:00:00Z. May jump. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. */
  monotonic(): number;
  /** The same, counting time in which the machine was suspended, where the two differ. */
  boottime?(): number;
  /** Calls `run` once after `delay_ms`. The answer cancels it. */
  after(delay_ms: number, run: () => void): () => void;
}

export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
}

/** Waits `delay_ms`, or less when `signal` aborts; never rejects. */
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

/** For a message; null if it is no time. */
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
