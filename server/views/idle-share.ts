/** The share of time that this thread's event loop is idle, which deferrable work may use. */
import { performance } from 'node:perf_hooks';
import type { Clock } from '../clock.ts';

const SAMPLE_MS = 250;

/**
 * Returns a function that returns the idle share of about the last quarter of a second, from 0 (saturated) to 1; 0 if
 * it was not called for longer, so that old idle time, or a suspend of the process, does not count as idle now.
 */
export function idleShare(clock: Clock): () => number {
  let sample = performance.eventLoopUtilization();
  let sampled_ms = clock.monotonic();
  let idle = 0;
  return () => {
    const now_ms = clock.monotonic();
    const elapsed_ms = now_ms - sampled_ms;
    if (elapsed_ms >= SAMPLE_MS) {
      const current = performance.eventLoopUtilization();
      idle = elapsed_ms > 2 * SAMPLE_MS ? 0 : 1 - performance.eventLoopUtilization(current, sample).utilization;
      sample = current;
      sampled_ms = now_ms;
    }
    return idle;
  };
}
