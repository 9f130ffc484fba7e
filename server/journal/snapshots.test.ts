import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../clock.ts';
import { JournalError } from './errors.ts';
import { snapshotKey, snapshotPartKey } from './keys.ts';
import { readManifest, readRows, writeSnapshot } from './snapshots.ts';
import { FailingStore, flipped, newClock } from './testing.ts';

const HEAD = { journal_id: 'j', seq: 9, segment_hash: 'f'.repeat(64), at_ms: 1 };
const rows = (count: number, text = 'row') => Array.from({ length: count }, (_, i) => `["${text}",${i}]`);

const corrupt = (why: RegExp) => (error: unknown) =>
  error instanceof JournalError && error.kind === 'corrupt' && why.test(error.message);

test('a snapshot gives back its rows', async () => {
  const store = new FailingStore(systemClock);
  await writeSnapshot(store, systemClock, HEAD, rows(450));
  assert.deepEqual([...(await readRows(store, await readManifest(store, 'j', 9)))], rows(450));
});

test('equal states give equal bytes, so whoever is second finds the same snapshot there', async () => {
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

test('the parts come first and the manifest last: without it there is no snapshot', async () => {
  const store = new FailingStore(newClock());
  await writeSnapshot(store, systemClock, HEAD, rows(3));
  assert.deepEqual(store.calls, [`create ${snapshotPartKey(9, 1)}`, `create ${snapshotKey(9)}`]);
});

test('another snapshot of the same segment is an alarm: two instances disagree', async () => {
  const store = new FailingStore(systemClock);
  await writeSnapshot(store, systemClock, HEAD, rows(3));
  const otherRows = writeSnapshot(store, systemClock, HEAD, rows(3, 'other'));
  await assert.rejects(
    otherRows,
    corrupt(/snapshots\/0{19}9\.json is there with another hash: two instances disagree/),
  );
  const otherSegment = writeSnapshot(store, systemClock, { ...HEAD, segment_hash: '0'.repeat(64) }, rows(3));
  await assert.rejects(otherSegment, corrupt(/two instances disagree/));
});

test('a snapshot that was there and is gone, or damaged, is no alarm', async () => {
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

test('damage anywhere in a part is found before a row is handed on, and the part is named', async () => {
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
  await assert.rejects(readManifest(store, 'j', 9), corrupt(/needs a reader of format 99; this one knows 1/));
  await put(null);
  await assert.rejects(readManifest(store, 'j', 9), corrupt(/damaged/));
  await store.put(snapshotKey(9), Buffer.from('{'));
  await assert.rejects(readManifest(store, 'j', 9), corrupt(/it is not JSON/));
});
