import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE_MS } from '../../protocol/time.ts';
import { settled, type TurnedClock } from '../testing-clock.ts';
import { JournalError } from './errors.ts';
import { FORMAT_KEY, SEGMENTS, SNAPSHOTS, segmentKey, snapshotKey, snapshotPartKey } from './keys.ts';
import { writeSnapshot } from './snapshots.ts';
import { FailingStore, flipped, newClock } from './testing.ts';
import { truncate } from './truncation.ts';

const RETENTION_MS = 600_000;

/** Ten segments, one per minute, and snapshots at these. */
async function journal(snapshots: number[]): Promise<{ store: FailingStore; clock: TurnedClock }> {
  const clock = newClock();
  const store = new FailingStore(clock);
  await store.put(FORMAT_KEY, Buffer.from('{}'));
  for (let seq = 1; seq <= 10; seq++) {
    await store.put(segmentKey(seq), Buffer.from(`segment ${seq}`));
    if (snapshots.includes(seq)) {
      await writeSnapshot(store, clock, { journal_id: 'j', seq, segment_hash: '', at_ms: seq }, [`${seq}`]);
    }
    await clock.turn(MINUTE_MS);
  }
  return { store, clock };
}

async function truncated({ store, clock }: { store: FailingStore; clock: TurnedClock }): Promise<number> {
  return truncate(store, 'j', RETENTION_MS, clock);
}

const segments = async (store: FailingStore) => (await store.keys(SEGMENTS)).map((key) => Number(key.slice(8, 28)));

test('segments older than the retention and covered by the older of two snapshots are deleted', async () => {
  const there = await journal([4, 8]);
  await there.clock.turn(5 * MINUTE_MS);
  // Segment n is now 16 - n minutes old; 10 of them are kept.
  assert.equal(await truncated(there), 4);
  assert.deepEqual(await segments(there.store), [5, 6, 7, 8, 9, 10]);
});

test('segments younger than the retention stay, even if covered', async () => {
  const there = await journal([9, 10]);
  await there.clock.turn(2 * MINUTE_MS);
  assert.equal(await truncated(there), 2);
  assert.deepEqual(await segments(there.store), [3, 4, 5, 6, 7, 8, 9, 10]);
});

test('segments that no snapshot covers stay, however old', async () => {
  const there = await journal([2, 3]);
  await there.clock.turn(24 * 60 * MINUTE_MS);
  assert.equal(await truncated(there), 2);
  assert.deepEqual(await segments(there.store), [3, 4, 5, 6, 7, 8, 9, 10]);
});

test('nothing is deleted with fewer than two snapshots', async () => {
  for (const snapshots of [[], [8]]) {
    const there = await journal(snapshots);
    await there.clock.turn(24 * 60 * MINUTE_MS);
    assert.equal(await truncated(there), 0);
  }
});

test('nothing is deleted if a snapshot cannot be read back', async () => {
  const there = await journal([4, 8]);
  await there.clock.turn(24 * 60 * MINUTE_MS);
  await there.store.damage(snapshotPartKey(8, 1), flipped);
  await assert.rejects(truncated(there), (error) => error instanceof JournalError && error.kind === 'corrupt');
  assert.equal((await segments(there.store)).length, 10);
});

test('of the older snapshots one stays for each quarter of the retention, if all segments after it are left', async () => {
  const there = await journal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  await there.clock.turn(2 * MINUTE_MS);
  const kept = async () =>
    (await there.store.keys(SNAPSHOTS)).flatMap((key) => (key.endsWith('.json') ? [Number(key.slice(10, 30))] : []));
  assert.equal(await truncated(there), 2);
  assert.deepEqual(await segments(there.store), [3, 4, 5, 6, 7, 8, 9, 10]);
  // A quarter of the retention is two and a half minutes.
  assert.deepEqual(await kept(), [2, 5, 8, 9, 10]);
  await there.clock.turn(2 * MINUTE_MS);
  assert.equal(await truncated(there), 2);
  assert.deepEqual(await segments(there.store), [5, 6, 7, 8, 9, 10]);
  assert.deepEqual(await kept(), [5, 8, 9, 10]);
});

test('the newest two snapshots are kept, older ones are deleted with their parts', async () => {
  const there = await journal([2, 4, 6, 8]);
  await there.clock.turn(24 * 60 * MINUTE_MS);
  await truncated(there);
  assert.deepEqual(await there.store.keys(SNAPSHOTS), [
    snapshotKey(6),
    snapshotPartKey(6, 1),
    snapshotKey(8),
    snapshotPartKey(8, 1),
  ]);
});

test('parts without a manifest are deleted once they are old, since a manifest may follow recent ones', async () => {
  const there = await journal([6, 8]);
  await there.store.put(snapshotPartKey(7, 1), Buffer.from('half a snapshot'));
  await truncated(there);
  assert.ok((await there.store.keys(SNAPSHOTS)).includes(snapshotPartKey(7, 1)));
  await there.clock.turn(RETENTION_MS + 1);
  await truncated(there);
  assert.ok(!(await there.store.keys(SNAPSHOTS)).includes(snapshotPartKey(7, 1)));
});

test('the list of segments ends at the first one that stays', async () => {
  const there = await journal([2, 3]);
  await there.clock.turn(24 * 60 * MINUTE_MS);
  const list = there.store.list.bind(there.store);
  let listed = 0;
  there.store.list = async function* (prefix, options) {
    for await (const object of list(prefix, options)) {
      if (prefix === SEGMENTS) listed += 1;
      yield object;
    }
  };
  assert.equal(await truncated(there), 2);
  assert.equal(listed, 3);
  listed = 0;
  assert.equal(await truncated(there), 0);
  assert.equal(listed, 1);
});

test('segments are deleted a few at a time, oldest first', async () => {
  const clock = newClock();
  const store = new FailingStore(clock);
  await store.put(FORMAT_KEY, Buffer.from('{}'));
  for (let seq = 1; seq <= 40; seq++) {
    await store.put(segmentKey(seq), Buffer.from(`segment ${seq}`));
    if (seq > 38) await writeSnapshot(store, clock, { journal_id: 'j', seq, segment_hash: '', at_ms: seq }, [`${seq}`]);
  }
  await clock.turn(24 * 60 * MINUTE_MS);
  const remove = store.delete.bind(store);
  let deleting = 0;
  let most = 0;
  store.delete = async (key) => {
    deleting += 1;
    most = Math.max(most, deleting);
    await settled();
    await remove(key);
    deleting -= 1;
  };
  assert.equal(await truncate(store, 'j', RETENTION_MS, clock), 39);
  assert.deepEqual([most, await segments(store)], [8, [40]]);
});
