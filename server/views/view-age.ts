/**
 * How long the views of a job that has left memory stay: `job_views_days` after the day on which it ended, by log time.
 */
import { DAY_MS } from '../../protocol/time.ts';

/** Views of jobs that ended before this are removed. `days` 0 keeps all. */
export function viewsKeptFrom(at_ms: number, days: number): number {
  return days === 0 ? Number.NEGATIVE_INFINITY : (Math.floor(at_ms / DAY_MS) - days) * DAY_MS;
}
