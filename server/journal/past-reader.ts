/**
 * Reads the journal's past, for a replay: a fold to begin with, and the segments after it. How far back it goes follows
 * from what truncation has left: a replay can begin with the first segment, or with a snapshot whose segments all exist.
 */
import type { ObjectStore } from '../objects/store.ts';
import { listSegments } from './completeness.ts';
import { corruptObject } from './errors.ts';
import { listSnapshots } from './gap-rule.ts';
import { segmentKey } from './keys.ts';
import type { ReplayedSegment } from './replica.ts';
import { decodeSegment, NO_HASH } from './segment.ts';
import { readManifest, readRows, type SnapshotManifest } from './snapshots.ts';

export type Past = {
  /** Rows of the fold to begin with; null for the empty fold before the first segment. */
  rows: readonly string[] | null;
  /** Log time from which on the replay is complete; 0 if it begins with the first segment. */
  from_ms: number;
  /** The segments after the base, up to the last that was listed. Throws JournalError if one is missing or damaged. */
  segments(): AsyncGenerator<ReplayedSegment>;
};

/** From the latest base before `since_ms`, or else the earliest that there is; null if there is none. */
export async function openPast(store: ObjectStore, journal_id: string, since_ms: number): Promise<Past | null> {
  const listed = await listSegments(store, 0);
  const snapshots = await listSnapshots(store);
  const last = listed.at(-1) ?? snapshots[0] ?? 0;
  // Before a gap, which is a loss that was accepted, nothing can be replayed.
  let at = listed.length - 1;
  while (at > 0 && listed[at - 1] === listed[at]! - 1) at -= 1;
  const first = listed[at] ?? last + 1;
  let base: SnapshotManifest | null = null;
  for (const seq of snapshots) {
    if (seq < first - 1 || seq > last) continue;
    base = await readManifest(store, journal_id, seq);
    if (base.at_ms <= since_ms) break;
  }
  // The whole journal is better than a snapshot that is too late.
  if (first === 1 && (base === null || base.at_ms > since_ms)) base = null;
  else if (base === null) return null;
  const { seq: base_seq, segment_hash, at_ms } = base ?? { seq: 0, segment_hash: NO_HASH, at_ms: 0 };
  return {
    rows: base && [...(await readRows(store, base))],
    from_ms: at_ms,
    segments: () => replayed(store, { journal_id, after: base_seq, hash: segment_hash, at_ms, last }),
  };
}

type Span = { journal_id: string; after: number; hash: string; at_ms: number; last: number };

async function* replayed(store: ObjectStore, span: Span): AsyncGenerator<ReplayedSegment> {
  let { hash, at_ms } = span;
  const read = (seq: number) => store.get(segmentKey(seq));
  let ahead: ReturnType<typeof read>[] = [];
  for (let seq = span.after + 1; seq <= span.last; seq++) {
    if (ahead.length === 0) {
      const count = Math.min(READ_AHEAD, span.last - seq + 1);
      ahead = Array.from({ length: count }, (_, index) => read(seq + index));
      for (const reading of ahead) reading.catch(() => undefined);
    }
    const got = await ahead.shift()!;
    if (!got.found) throw corruptObject(segmentKey(seq), 'is missing; it may have been truncated meanwhile');
    const { header, lines, hash: own } = decodeSegment(got.bytes, { journal_id: span.journal_id, seq });
    if (header.prev !== hash) throw corruptObject(segmentKey(seq), 'does not continue the one before it');
    hash = own;
    at_ms = Math.max(at_ms, header.at);
    yield { seq, at_ms, lines };
  }
}

const READ_AHEAD = 16;
