/** Reads the queue of waiting jobs from the indexes. */
import type { JobRecord } from './records.ts';
import type { State } from './state.ts';

/** When the oldest waiting job entered the queue; null if none waits. */
export function oldestWaiting(state: State): number | null {
  const { high, normal, low } = state.tables.waiting;
  // Called for each segment.
  const oldest = Math.min(headQueued(state, high), headQueued(state, normal), headQueued(state, low));
  return oldest === Number.POSITIVE_INFINITY ? null : oldest;
}

function headQueued(state: State, places: State['tables']['waiting']['high']): number {
  const place = places.minKey();
  const job = place === undefined ? undefined : state.job(places.get(place)!);
  return job?.queued_ms ?? Number.POSITIVE_INFINITY;
}

/** The waiting job whose recording's URL expires first. */
export function firstExpiring(state: State): JobRecord | undefined {
  const { expiring } = state.tables;
  const first = expiring.minKey();
  return first === undefined ? undefined : state.job(expiring.get(first)!);
}
