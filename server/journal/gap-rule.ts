/**
 * Protects against reuse of truncated names. The name of a segment must be used only once, but truncation frees it: an
 * instance that was suspended beyond the retention could create, or miss, a name that was used and deleted meanwhile.
 *
 * So a response about segment n is trusted only while segment n-1 is too young for n to have been truncated: server
 * time minus LastModified(n-1) below retention minus a margin. Otherwise the snapshots decide: if the newest is at n or
 * beyond, the name was used. This costs no request as long as the journal is written at least once per retention.
 */
import type { ObjectStore } from '../objects/store.ts';
import { parseSnapshotKey, SNAPSHOTS, snapshotKey } from './keys.ts';

const MARGIN_MS = 120_000;

/**
 * Whether a response about the segment after one with this LastModified can be trusted without checking the snapshots.
 */
export function isFresh(server_ms: number, last_modified_ms: number | null, retention_ms: number): boolean {
  return last_modified_ms !== null && server_ms - last_modified_ms < retention_ms - MARGIN_MS;
}

/** Sequence numbers of the snapshots after this segment, newest first. */
export async function listSnapshots(store: ObjectStore, after = 0): Promise<number[]> {
  const seqs: number[] = [];
  for await (const { key } of store.list(SNAPSHOTS, { after: snapshotKey(after) })) {
    const seq = parseSnapshotKey(key);
    if (seq !== null) seqs.push(seq);
  }
  return seqs.sort((a, b) => b - a);
}
