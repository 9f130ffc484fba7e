/**
 * Truncation: deletes a segment only if a snapshot at or after it has just been read back in full and is kept, and the
 * segment is older than the retention by the store's clock. Never deletes the newest snapshots, nor a segment after
 * `through_seq`, which is still needed.
 *
 * Of the older snapshots some stay, from which the segments that are left can be replayed (past-reader.ts).
 */
import type { Clock } from '../clock.ts';
import { sleep } from '../clock.ts';
import type { ObjectStore } from '../objects/store.ts';
import { listSnapshots } from './gap-rule.ts';
import {
  FORMAT_KEY,
  parseSegmentKey,
  parseSnapshotKey,
  parseSnapshotPartKey,
  SEGMENTS,
  SNAPSHOTS,
  snapshotKey,
} from './keys.ts';
import { readManifest, readRows } from './snapshots.ts';

/** Number of newest snapshots to keep: if one is damaged, another is left. */
const SNAPSHOTS_KEPT = 2;
/** Parts of the retention between two snapshots that are kept for a replay. */
const REPLAY_PARTS = 4;
const DELETES_AT_ONCE = 8;

export async function truncate(
  store: ObjectStore,
  journal_id: string,
  retention_ms: number,
  clock: Clock,
  through_seq = Number.POSITIVE_INFINITY,
): Promise<number> {
  const snapshots = await listSnapshots(store);
  // The oldest snapshot to keep: recovery must be possible from it, too.
  const covering = snapshots[Math.min(SNAPSHOTS_KEPT, snapshots.length) - 1];
  if (covering === undefined || snapshots.length < SNAPSHOTS_KEPT) return 0;
  for (const seq of snapshots.slice(0, SNAPSHOTS_KEPT))
    await readRows(store, await readManifest(store, journal_id, seq));
  const { server_ms } = await store.get(FORMAT_KEY);
  let deleted = 0;
  let first_left = Number.POSITIVE_INFINITY;
  let batch: string[] = [];
  const deleteBatch = async () => {
    await Promise.all(batch.map((key) => store.delete(key)));
    deleted += batch.length;
    batch = [];
    // Commits share the store's connections and go first.
    await sleep(clock, 0);
  };
  for await (const { key, last_modified_ms } of store.list(SEGMENTS)) {
    const seq = parseSegmentKey(key);
    if (seq === null) continue;
    const truncatable = seq <= covering && seq <= through_seq && server_ms - last_modified_ms > retention_ms;
    // The list is ordered: after the first segment that stays, all are younger or not covered.
    if (!truncatable) {
      first_left = seq;
      break;
    }
    batch.push(key);
    if (batch.length === DELETES_AT_ONCE) await deleteBatch();
  }
  await deleteBatch();
  await dropSnapshots(store, snapshots.slice(SNAPSHOTS_KEPT), { server_ms, retention_ms, first_left });
  return deleted;
}

/**
 * Deletes manifests before parts, so that a partially deleted snapshot does not count; parts without a manifest once
 * they are old.
 */
async function dropSnapshots(
  store: ObjectStore,
  seqs: number[],
  { server_ms, retention_ms, first_left }: { server_ms: number; retention_ms: number; first_left: number },
): Promise<void> {
  const spared = await replayable(store, seqs, { first_left, apart_ms: retention_ms / REPLAY_PARTS });
  for (const seq of seqs) if (!spared.has(seq)) await store.delete(snapshotKey(seq));
  const kept = new Set(await listSnapshots(store));
  const newest = Math.max(0, ...kept);
  for await (const { key, last_modified_ms } of store.list(SNAPSHOTS)) {
    const seq = parseSnapshotPartKey(key);
    if (seq !== null && !kept.has(seq) && seq < newest && server_ms - last_modified_ms > retention_ms)
      await store.delete(key);
  }
}

/**
 * Of these snapshots, those to replay from: from the oldest whose segments are all left, one for each `apart_ms`. Beginning
 * with the oldest, because what follows one that is kept is kept as well the next time.
 */
async function replayable(
  store: ObjectStore,
  seqs: readonly number[],
  { first_left, apart_ms }: { first_left: number; apart_ms: number },
): Promise<Set<number>> {
  const older = new Set(seqs.filter((seq) => seq >= first_left - 1));
  const spared = new Set<number>();
  if (older.size === 0) return spared;
  let last_ms = Number.NEGATIVE_INFINITY;
  for await (const { key, last_modified_ms } of store.list(SNAPSHOTS, { after: snapshotKey(first_left - 2) })) {
    const seq = parseSnapshotKey(key);
    if (seq === null || !older.has(seq) || last_modified_ms - last_ms < apart_ms) continue;
    spared.add(seq);
    last_ms = last_modified_ms;
  }
  return spared;
}
