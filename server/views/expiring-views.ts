/**
 * Deletes the views, and the attempts' logs, of jobs that ended more than `job_views_days` ago and have left memory. Their records stay in the
 * archive, and the API still returns them.
 *
 * A job's dated view is deleted last, so the oldest dated view shows where to continue, also after a crash. The views
 * of a job with an unreadable record are kept: they are all that is left of it.
 */
import { FINISHED_STATES } from '../../protocol/job.ts';
import { HOUR_MS } from '../../protocol/time.ts';
import { eachAtOnce } from '../at-once.ts';
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import { ArchiveDamage } from './archive-objects.ts';
import { findArchivedJob } from './archived-records.ts';
import { attemptLogKeys } from './attempt-logs.ts';
import { type FinishedState, finishedPrefix, parseFinishedJobKey } from './keys.ts';
import { jobView } from './layout.ts';
import { viewsKeptFrom } from './view-age.ts';

const AT_ONCE = 4;
/** Jobs per turn. */
const BATCH_MAX = 500;

type Options = { store: ObjectStore; engine: Engine; days: number };

/** Returns the number of jobs whose views it deleted; 0: nothing is due. */
export async function expireViews(options: Options): Promise<number> {
  const { engine, days } = options;
  // Until it is repacked, a job in a single object is found by its views.
  if (days === 0 || engine.state.scalars.loose_jobs > 0) return 0;
  const until_hour = viewsKeptFrom(engine.state.at_ms, days) / HOUR_MS;
  let expired = 0;
  for (const state of FINISHED_STATES) {
    await eachAtOnce(due(options.store, state, until_hour), AT_ONCE, async ({ key, job_id }) => {
      if (await expire(options, key, job_id)) expired += 1;
    });
  }
  return expired;
}

/** Dated views from before this hour, oldest first. */
async function* due(
  store: ObjectStore,
  state: FinishedState,
  until_hour: number,
): AsyncGenerator<{ key: string; job_id: string }> {
  let count = 0;
  for await (const { key } of store.list(finishedPrefix(state))) {
    const end = parseFinishedJobKey(key);
    if (!end) continue;
    if (end.hour >= until_hour || count === BATCH_MAX) return;
    count += 1;
    yield { key, job_id: end.job_id };
  }
}

async function expire({ store, engine }: Options, key: string, job_id: string): Promise<boolean> {
  if (engine.state.job(job_id)) return false;
  try {
    const archived = await findArchivedJob({ engine, store }, job_id);
    if (engine.state.job(job_id)) return false;
    const logs = archived ? attemptLogKeys(job_id, archived.job.max_attempts) : [];
    for (const log of logs) await store.delete(log);
    for (const present of archived ? jobView(archived.job).present : [])
      if (present.key !== key) await store.delete(present.key);
  } catch (error) {
    if (error instanceof ArchiveDamage) return false;
    throw error;
  }
  await store.delete(key);
  return true;
}
