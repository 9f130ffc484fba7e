import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../clock.ts';
import { JournalError } from './errors.ts';
import { segmentKey, snapshotKey, snapshotPartKey } from './keys.ts';
import { encodeSegment } from './segment.ts';
import { readManifest, readRows, writeSnapshot } from './snapshots.ts';
import { FailingStore, flipped, newClock } from './testing.ts';

const HEAD = { journal_id: 'j', seq: 9, segment_hash: 'f'.repeat(64), at_ms: 1 };
const rows = (count: number, text = 'row') => Array.from({ length: count }, (_, i) => `["${text}",${i}]`);

const corrupt = (why: RegExp) => (error: unknown) =>
  error instanceof JournalError && error.kind === 'corrupt' && why.test(error.message);

test('a snapshot reads back as its rows', async () => {
  const store = new FailingStore(systemClock);
  await writeSnapshot(store, systemClock, HEAD, rows(450));
  assert.deepEqual([...(await readRows(store, await readManifest(store, 'j', 9)))], rows(450));
});

test('equal states give equal bytes, so a second instance finds the same snapshot', async () => {
  const stores = [new FailingStore(systemClock), new FailingStore(systemClock)];
  const written = await Promise.all(stores.map((store) => writeSnapshot(store, systemClock, HEAD, rows(300))));
  assert.deepEqual(written[0], written[1]);
  for (const key of await stores[0]!.keys()) {
    const [one, other] = await Promise.all(stores.map((store) => store.get(key)));
    assert.ok(one!.found && other!.found);
    assert.deepEqual(one!.bytes, other!.bytes);
  }
  assert.deepEqual(await writeSnapshot(stores[0]!, systemClock, HEAD, rows(300)), written[0]);
});

test('parts are written first and the manifest last: without it there is no snapshot', async () => {
  const store = new FailingStore(newClock());
  await writeSnapshot(store, systemClock, HEAD, rows(3));
  assert.deepEqual(store.calls, [`create ${snapshotPartKey(9, 1)}`, `create ${snapshotKey(9)}`]);
});

test('another snapshot of the same segment is an error: two instances disagree', async () => {
  const store = new FailingStore(systemClock);
  await writeSnapshot(store, systemClock, HEAD, rows(3));
  const otherRows = writeSnapshot(store, systemClock, HEAD, rows(3, 'other'));
  await assert.rejects(otherRows, corrupt(/snapshots\/0{19}9\.json exists with another hash: two instances disagree/));
  const otherSegment = writeSnapshot(store, systemClock, { ...HEAD, segment_hash: '0'.repeat(64) }, rows(3));
  await assert.rejects(otherSegment, corrupt(/two instances disagree/));
});

test('an existing snapshot that is then missing or damaged is no disagreement', async () => {
  const store = new FailingStore(systemClock);
  await writeSnapshot(store, systemClock, HEAD, rows(3));
  const get = store.get.bind(store);
  store.get = async (key) => {
    await store.delete(key);
    return get(key);
  };
  await writeSnapshot(store, systemClock, HEAD, rows(3));
  store.get = get;
  await store.put(snapshotKey(9), Buffer.from('{'));
  await assert.rejects(writeSnapshot(store, systemClock, HEAD, rows(3)), (error) => {
    return error instanceof JournalError && error.kind === 'unavailable' && /is not JSON/.test(error.message);
  });
});

test('a large state is written in parts, with a pause every 200 rows', async () => {
  const store = new FailingStore(systemClock);
  let pauses = 0;
  const clock = {
    ...systemClock,
    after(_: number, run: () => void) {
      pauses += 1;
      return systemClock.after(0, run);
    },
  };
  const large = rows(1_000, 'x'.repeat(10_000));
  const { parts } = await writeSnapshot(store, clock, HEAD, large);
  assert.equal(pauses, 5);
  assert.equal(parts.length, 3);
  assert.ok(parts.every(({ bytes }) => bytes < 5 * 1024 * 1024));
  assert.deepEqual([...(await readRows(store, await readManifest(store, 'j', 9)))], large);
});

test('damage anywhere in a part is found before the first row, and the part is reported', async () => {
  const store = new FailingStore(systemClock);
  const manifest = await writeSnapshot(store, systemClock, HEAD, rows(3));
  await store.damage(snapshotPartKey(9, 1), flipped);
  await assert.rejects(readRows(store, manifest), corrupt(/snapshots\/0{19}9\/00001\.ndjson is damaged: its checksum/));
  await store.delete(snapshotPartKey(9, 1));
  await assert.rejects(readRows(store, manifest), corrupt(/00001\.ndjson is missing/));
});

test('a manifest that is missing, damaged, of another journal or of a newer format is refused', async () => {
  const store = new FailingStore(systemClock);
  await assert.rejects(readManifest(store, 'j', 9), corrupt(/snapshots\/0{19}9\.json is missing/));
  const put = (value: unknown) => store.put(snapshotKey(9), Buffer.from(JSON.stringify(value)));
  const manifest = { ...HEAD, format: 1, parts: [], sha256: '' };
  await put({ ...manifest, journal_id: 'other' });
  await assert.rejects(readManifest(store, 'j', 9), corrupt(/not a manifest of snapshot 9/));
  await put({ ...manifest, format: 99 });
  await assert.rejects(readManifest(store, 'j', 9), corrupt(/requires format 99; this version supports up to 1/));
  await put(null);
  await assert.rejects(readManifest(store, 'j', 9), corrupt(/damaged/));
  await store.put(snapshotKey(9), Buffer.from('{'));
  await assert.rejects(readManifest(store, 'j', 9), corrupt(/it is not JSON/));
});

describe('a manifest with a checksum', () => {
  test('in which any one bit is changed is refused', async () => {
    const store = new FailingStore(systemClock);
    await writeSnapshot(store, systemClock, HEAD, rows(3));
    const intact = await store.get(snapshotKey(9));
    assert.ok(intact.found);
    // The newline at the end says nothing.
    for (let bit = 0; bit < (intact.bytes.length - 1) * 8; bit++) {
      const bytes = new Uint8Array(intact.bytes);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      await store.put(snapshotKey(9), bytes);
      await assert.rejects(readManifest(store, 'j', 9), corrupt(/snapshots\/0{19}9\.json /), `bit ${bit}`);
    }
  });
});

describe('a manifest that was written before manifests had a checksum', () => {
  const HASH = 'a'.repeat(64);

  /** Segments 9 and 10, and the manifest of a snapshot between them. */
  async function old(change: Record<string, unknown> = {}) {
    const store = new FailingStore(systemClock);
    const segment = { journal_id: 'j', batch_id: 'b', instance: 'i', url: '', at: 1_000 };
    const own = encodeSegment({ ...segment, seq: 9, prev: HASH }, []);
    const next = encodeSegment({ ...segment, seq: 10, prev: own.hash, at: 2_000 }, []);
    const parts = [{ key: snapshotPartKey(9, 1), sha256: HASH, bytes: 4 }];
    const manifest = { format: 1, journal_id: 'j', seq: 9, segment_hash: own.hash, at_ms: 1_000, parts, sha256: HASH };
    await store.put(segmentKey(9), own.bytes);
    await store.put(segmentKey(10), next.bytes);
    await store.put(snapshotKey(9), Buffer.from(JSON.stringify({ ...manifest, ...change })));
    return { store, hash: own.hash };
  }

  test('is accepted if it fits the segments beside it', async () => {
    const { store } = await old();
    assert.equal((await readManifest(store, 'j', 9)).at_ms, 1_000);
    await store.delete(segmentKey(9));
    await store.delete(segmentKey(10));
    assert.equal((await readManifest(store, 'j', 9)).at_ms, 1_000);
  });

  const part = { key: snapshotPartKey(9, 1), sha256: HASH, bytes: 4 };
  const wrong: [string, Record<string, unknown>][] = [
    ['a time that is not that of its segment', { at_ms: 9_000 }],
    ['an invalid time', { at_ms: 'soon' }],
    ['another hash of its segment', { segment_hash: HASH }],
    ['an invalid hash', { segment_hash: 'a' }],
    ['a part whose key is no key', { parts: [{ ...part, key: `snapshots/${'0'.repeat(19)}9/000\u0000.ndjson` }] }],
    ['a part of another snapshot', { parts: [{ ...part, key: snapshotPartKey(8, 1) }] }],
    ['an invalid part', { parts: [null] }],
    ['no format', { format: undefined }],
  ];
  for (const [what, change] of wrong) {
    test(`is refused with ${what}`, async () => {
      const { store } = await old(change);
      await assert.rejects(readManifest(store, 'j', 9), corrupt(/snapshots\/0{19}9\.json /));
    });
  }

  test('is compared with the next segment if its own is missing', async () => {
    const { store } = await old({ at_ms: 9_000 });
    await store.delete(segmentKey(9));
    await assert.rejects(readManifest(store, 'j', 9), corrupt(/does not fit the segments beside it/));
  });
});
