/** Where a job's progress should be, at any time: the mark on its bar. */
import type { Job } from '../../../protocol/job.ts';

type Expectation = Pick<Job, 'expected_percentage' | 'expected_completion' | 'updated_at'>;

/**
 * The line from the percentage that was expected at `updated_at` to 100 % at the median of `expected_completion`. Null if
 * nothing is expected.
 */
export function expectedAt(job: Expectation, at_ms: number): number | null {
  const { expected_percentage, expected_completion, updated_at } = job;
  // Older monitors have no expected_completion.
  if (expected_percentage === null || !expected_completion) return expected_percentage;
  const from_ms = Date.parse(updated_at);
  const rest_ms = Date.parse(expected_completion.p50) - from_ms;
  if (rest_ms <= 0) return 100;
  const part = Math.max(0, at_ms - from_ms) / rest_ms;
  return Math.min(100, expected_percentage + (100 - expected_percentage) * part);
}
