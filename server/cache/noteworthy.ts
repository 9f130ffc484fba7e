/** Which jobs the cache has to write: after an event, at a start, and after the fold was replaced. */
import { CACHE_TTL_SECONDS } from '../../protocol/job-cache.ts';
import type { JournalEvent } from '../state-machine/events.ts';
import type { State } from '../state-machine/state/state.ts';

/** Jobs that a worker holds: they are always in the cache, whether they change or not. */
export function* heldJobs({ tables }: State): Generator<string> {
  yield* tables.jobs_by_state.PROCESSING.values();
  yield* tables.jobs_by_state.CANCELLING.values();
}

/** Whether the event changes the document of its job, its `entity`. */
export const changesJob = ({ type }: Pick<JournalEvent, 'type'>): boolean =>
  type.startsWith('Job') && type !== 'JobsArchived';

/**
 * Everything that the cache may have missed: held jobs, and changes within a document's lifetime. An older document has
 * expired.
 */
export function* recentJobs(state: State, now_ms: number): Generator<string> {
  yield* heldJobs(state);
  const since_ms = now_ms - CACHE_TTL_SECONDS * 1000;
  for (const [id, { updated_ms }] of state.tables.jobs.entries()) if (updated_ms >= since_ms) yield id;
}

/** Active jobs of a replaced fold that the new one has in another form, or no longer. */
export function* replacedJobs(before: State, after: State): Generator<string> {
  const { SUBMITTED, QUEUED, PROCESSING, CANCELLING } = before.tables.jobs_by_state;
  for (const ids of [SUBMITTED, QUEUED, PROCESSING, CANCELLING]) {
    for (const id of ids.values()) if (after.job(id)?.version !== before.job(id)?.version) yield id;
  }
}
