/**
 * Workers that returned: each left a final state under a day that its record does not contain. While the publisher
 * runs, it sees the return; after a crash it has to search. Once that end has left memory it is final, and in the
 * archive.
 */
import type { ObjectStore } from '../objects/store.ts';
import type { State } from '../state-machine/state/state.ts';
import { damageOf } from './archive-objects.ts';
import { readArchivedWorkerEnd } from './archived-records.ts';
import type { Change } from './changes.ts';
import { parseTerminatedWorkerKey, TERMINATED_WORKERS } from './keys.ts';
import { endKey } from './terminated-workers.ts';

/** One list, if there are any of these workers. */
export async function* endsLeftBehind(
  store: ObjectStore,
  state: State,
  worker_ids: ReadonlySet<string>,
): AsyncGenerator<Change> {
  if (worker_ids.size === 0) return;
  for await (const { key } of store.list(TERMINATED_WORKERS)) {
    const end = parseTerminatedWorkerKey(key);
    const worker = end && worker_ids.has(end.worker_id) ? state.worker(end.worker_id) : undefined;
    if (!end || !worker || endKey(worker) === key) continue;
    const archived = await readArchivedWorkerEnd(store, end.worker_id, end.terminated_ms).catch(damageOf);
    // If the record is damaged, its view is all that is left.
    if (archived && (!('ordinal' in archived) || archived.ordinal !== worker.ordinal)) continue;
    yield { kind: 'worker', id: end.worker_id, urgency: 'transition', moved: true, gone: [key] };
  }
}
