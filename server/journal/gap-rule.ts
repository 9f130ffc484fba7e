/**
 * The fence against truncated names. A segment's name may be used once only, but truncation frees it; an instance that
 * slept past the retention could create, or miss, a name that was used and deleted meanwhile.
 *
 * So an answer about segment n is trusted only while segment n-1 is too young for n to have been truncated: server time
 * minus LastModified(n-1) below retention minus a margin. Otherwise the snapshots tell: if the newest is at n or beyond,
 * the name was used. While the journal moves once per retention this costs no request.
 */
import type { ObjectStore } from '../objects/store.ts';
import { parseSnapshotKey, SNAPSHOTS } from './keys.ts';

const MARGIN_MS = 120_000;

/** Whether an answer about the segment after one last modified then can be trusted without looking further. */
export function isFresh(server_ms: number, last_modified_ms: number | null, retention_ms: number): boolean {
  return last_modified_ms !== null && server_ms - last_modified_ms < retention_ms - MARGIN_MS;
}

/** Sequence numbers of the snapshots there are, newest first. */
export async function listSnapshots(store: ObjectStore): Promise<number[]> {
  const seqs: number[] = [];
  for await (const { key } of store.list(SNAPSHOTS)) {
    const seq = parseSnapshotKey(key);
    if (seq !== null) seqs.push(seq);
  }
  return seqs.sort((a, b) => b - a);
}
