/** What waits in the queue, read from the state's indexes. */
import type { State } from './state.ts';

/** When the first of the jobs at the heads of the queue entered it; null when none waits. */
export function oldestWaiting(state: State): number | null {
  let oldest: number | null = null;
  for (const places of Object.values(state.tables.waiting)) {
    const place = places.minKey();
    const job = place === undefined ? undefined : state.job(places.get(place)!);
    if (job && (oldest === null || job.queued_ms < oldest)) oldest = job.queued_ms;
  }
  return oldest;
}
