/** Deletes what the store has of an erased job beside the journal and the archive's packs. Safe to repeat. */
import { eachAtOnce } from '../at-once.ts';
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { ErasureRecord } from '../state-machine/state/erasures.ts';
import { transcriptKeys } from '../transcripts/keys.ts';
import { eraseUpload } from '../uploads/erasing.ts';
import { attemptLogKeys } from '../views/attempt-logs.ts';
import { erasedViewKeys } from '../views/erased-views.ts';
import { archivedJobKey, type Subject } from '../views/keys.ts';

export type DeletingOptions = {
  store: ObjectStore;
  engine: Engine;
  publisher: { flushOf(subjects: Iterable<Subject>): Promise<void> };
};

const AT_ONCE = 8;

/** Returns the ids of those of which nothing is left. Throws StoreError, and MonitorError if an upload is damaged. */
export async function deleteObjects(options: DeletingOptions, erasures: readonly ErasureRecord[]): Promise<string[]> {
  const { store, publisher } = options;
  // A view that is being written now would come after its deletion.
  await publisher.flushOf(
    erasures.flatMap(({ job_id, workers }): Subject[] => [
      { kind: 'job', id: job_id },
      ...workers.map((id) => ({ kind: 'worker' as const, id })),
    ]),
  );
  const gone: string[] = [];
  await eachAtOnce(erasures, AT_ONCE, async ({ job_id, upload_id, ...remains }) => {
    const views = [...erasedViewKeys(job_id, remains), ...attemptLogKeys(job_id)];
    const keys = [...transcriptKeys(job_id), ...views, archivedJobKey(job_id)];
    for (const key of keys) await store.delete(key);
    if (upload_id === null || (await eraseUpload(options, upload_id)) !== 'later') gone.push(job_id);
  });
  return gone;
}
