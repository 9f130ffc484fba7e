/** Reads the queue of waiting jobs from the indexes. */
import type { State } from './state.ts';

/** When the oldest waiting job entered the queue; null if none waits. */
export function oldestWaiting(state: State): number | null {
  let oldest: number | null = null;
  for (const places of Object.values(state.tables.waiting)) {
    const place = places.minKey();
    const job = place === undefined ? undefined : state.job(places.get(place)!);
    if (job && (oldest === null || job.queued_ms < oldest)) oldest = job.queued_ms;
  }
  return oldest;
}
