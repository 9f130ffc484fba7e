/**
 * Snapshots: the fold as of a segment, so that recovery need not start at the first segment. Parts are written first,
 * the manifest, which is the commit point, last. All with put-if-absent: equal folds give equal bytes, so an existing
 * manifest with another hash means that two instances disagree, which is always an error.
 */
import { createHash, hash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { sleep } from '../clock.ts';
import type { ObjectStore } from '../objects/store.ts';
import { readSealed, sealFields } from '../sealed-json.ts';
import { corruptObject, JournalError } from './errors.ts';
import { segmentKey, snapshotKey, snapshotPartKey } from './keys.ts';
import { decodeSegment, FORMAT, type Segment } from './segment.ts';

export type SnapshotManifest = {
  format: number;
  journal_id: string;
  seq: number;
  /** Hash of segment `seq`: `prev` of the next segment. */
  segment_hash: string;
  /** Log time at `seq`. */
  at_ms: number;
  parts: { key: string; sha256: string; bytes: number }[];
  /** SHA-256 of all rows: the hash of the state. */
  sha256: string;
  /** The loss before this snapshot that the owner accepted: see accept-loss.ts. */
  accepted_loss?: AcceptedLoss;
};

/** Of the segments `after_seq + 1` to `through_seq` some do not exist, and never will. */
export type AcceptedLoss = { after_seq: number; through_seq: number; missing: string[]; at: string; actor: string };

const PART_BYTES = 4 * 1024 * 1024;
/** Rows between two pauses: serializing 100,000 jobs at once would block every request for a third of a second. */
const ROWS_PER_TURN = 200;

export async function writeSnapshot(
  store: ObjectStore,
  clock: Clock,
  head: Pick<SnapshotManifest, 'journal_id' | 'seq' | 'segment_hash' | 'at_ms' | 'accepted_loss'>,
  rows: Iterable<string>,
): Promise<SnapshotManifest> {
  const parts: SnapshotManifest['parts'] = [];
  const whole = createHash('sha256');
  let part = createHash('sha256');
  let chunks: Buffer[] = [];
  let pending: string[] = [];
  let size = 0;
  // In small steps: encoding and hashing a whole part at once would block the event loop.
  const take = () => {
    if (pending.length === 0) return;
    const bytes = Buffer.from(`${pending.join('\n')}\n`);
    whole.update(bytes);
    part.update(bytes);
    chunks.push(bytes);
    pending = [];
  };
  const flush = async () => {
    take();
    if (chunks.length === 0) return;
    const bytes = Buffer.concat(chunks);
    const key = snapshotPartKey(head.seq, parts.length + 1);
    parts.push({ key, sha256: part.digest('hex'), bytes: bytes.length });
    part = createHash('sha256');
    chunks = [];
    size = 0;
    await store.putIfAbsent(key, bytes);
  };
  let turn = 0;
  for (const row of rows) {
    pending.push(row);
    size += row.length + 1;
    if (size >= PART_BYTES) await flush();
    turn += 1;
    if (turn % ROWS_PER_TURN > 0) continue;
    take();
    await sleep(clock, 0);
  }
  await flush();
  const manifest: SnapshotManifest = { format: FORMAT, ...head, parts, sha256: whole.digest('hex') };
  const { created } = await store.putIfAbsent(snapshotKey(head.seq), sealFields(manifest, 'manifest_sha256'));
  if (!created) await assertAgrees(store, manifest);
  return manifest;
}

/**
 * Throws JournalError('corrupt') if the existing snapshot is of another state. A missing or damaged one proves nothing.
 */
async function assertAgrees(store: ObjectStore, manifest: SnapshotManifest): Promise<void> {
  const { journal_id, seq, sha256, segment_hash } = manifest;
  const got = await store.get(snapshotKey(seq));
  if (!got.found) return;
  let there: SnapshotManifest;
  try {
    there = parseManifest(got.bytes, journal_id, seq).manifest;
  } catch (cause) {
    throw new JournalError('unavailable', `the existing snapshot can't be read: ${String(cause)}`, { cause });
  }
  if (there.sha256 === sha256 && there.segment_hash === segment_hash) return;
  throw new JournalError('corrupt', `${snapshotKey(seq)} exists with another hash: two instances disagree`, {
    hint: `This instance: ${sha256}. In the store: ${there.sha256}. Stop the instance that differs, and keep both for a report.`,
  });
}

/** Throws JournalError('corrupt') if the manifest is missing, damaged or of another journal. */
export async function readManifest(store: ObjectStore, journal_id: string, seq: number): Promise<SnapshotManifest> {
  const got = await store.get(snapshotKey(seq));
  if (!got.found) throw corruptObject(snapshotKey(seq), 'is missing');
  const { manifest, sealed } = parseManifest(got.bytes, journal_id, seq);
  if (!sealed) await assertFitsSegments(store, manifest);
  return manifest;
}

/** `sealed`: the manifest has a checksum; those of version 0.1.0 have none. */
function parseManifest(
  bytes: Uint8Array,
  journal_id: string,
  seq: number,
): { manifest: SnapshotManifest; sealed: boolean } {
  const key = snapshotKey(seq);
  const read = readSealed(bytes, 'manifest_sha256');
  if (!read) throw corruptObject(key, 'is damaged: it is not JSON');
  const { value, seal } = read;
  if (seal === 'broken') throw corruptObject(key, 'is damaged: its checksum is wrong');
  if (value.seq !== seq || value.journal_id !== journal_id || !Array.isArray(value.parts)) {
    throw corruptObject(key, `is damaged: it is not a manifest of snapshot ${seq}`);
  }
  if (!Number.isSafeInteger(value.format) || (value.format as number) > FORMAT) {
    throw corruptObject(key, `requires format ${value.format}; this version supports up to ${FORMAT}`);
  }
  const manifest = value as SnapshotManifest;
  const sealed = seal === 'intact';
  if (!sealed) assertWellFormed(manifest);
  return { manifest, sealed };
}

const HASH = /^[0-9a-f]{64}$/;
const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** For a manifest without a checksum: checks the shape of every field. */
function assertWellFormed(manifest: SnapshotManifest): void {
  const { seq, segment_hash, at_ms, sha256, parts } = manifest;
  const partsFit = parts.every(
    (part, i) => part?.key === snapshotPartKey(seq, i + 1) && HASH.test(part.sha256) && isSize(part.bytes),
  );
  // An additional field may be a checksum with a damaged name.
  const fieldsFit = Object.keys(manifest).length === 7;
  if (fieldsFit && HASH.test(segment_hash) && HASH.test(sha256) && isSize(at_ms) && partsFit) return;
  throw corruptObject(snapshotKey(seq), 'is damaged: a field is invalid');
}

/** For a manifest without a checksum: compares it with its own segment and the next one. */
async function assertFitsSegments(store: ObjectStore, manifest: SnapshotManifest): Promise<void> {
  const { journal_id, seq, segment_hash, at_ms } = manifest;
  const [own, next] = await Promise.all([seq, seq + 1].map((n) => readSegment(store, journal_id, n)));
  const fits =
    (!own || (own.hash === segment_hash && own.header.at === at_ms)) &&
    (!next || (next.header.prev === segment_hash && next.header.at >= at_ms));
  if (!fits) throw corruptObject(snapshotKey(seq), 'is damaged: it does not fit the segments beside it');
}

/** Null if the segment is missing or damaged. */
async function readSegment(store: ObjectStore, journal_id: string, seq: number): Promise<Segment | null> {
  const got = await store.get(segmentKey(seq));
  if (!got.found) return null;
  try {
    return decodeSegment(got.bytes, { journal_id, seq });
  } catch {
    return null;
  }
}

/** The rows of a snapshot. Every part is verified before the first row. Throws JournalError('corrupt'). */
export async function readRows(store: ObjectStore, manifest: SnapshotManifest): Promise<Iterable<string>> {
  const parts = await Promise.all(
    manifest.parts.map(async ({ key, sha256 }) => {
      const got = await store.get(key);
      if (!got.found) throw corruptObject(key, 'is missing');
      if (hash('sha256', got.bytes, 'hex') !== sha256) {
        throw corruptObject(key, 'is damaged: its checksum is wrong');
      }
      return got.bytes;
    }),
  );
  return rowsOf(parts);
}

/** Lazy: 100,000 jobs as strings at once would take another 80 MB. */
function* rowsOf(parts: Uint8Array[]): Generator<string> {
  for (const { buffer, byteOffset, byteLength } of parts) {
    yield* Buffer.from(buffer, byteOffset, byteLength).toString().trimEnd().split('\n');
  }
}
