import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '../objects/memory.ts';
import { isFresh, listSnapshots } from './gap-rule.ts';
import { snapshotKey, snapshotPartKey } from './keys.ts';
import { newClock } from './testing.ts';

const RETENTION_MS = 600_000;

test('a response is fresh while the previous segment is two minutes younger than the retention', () => {
  assert.equal(isFresh(479_999, 0, RETENTION_MS), true);
  assert.equal(isFresh(480_000, 0, RETENTION_MS), false);
  assert.equal(isFresh(10_000_000, 0, RETENTION_MS), false);
});

test('a response is never fresh if the previous segment is known only from a snapshot', () => {
  assert.equal(isFresh(0, null, RETENTION_MS), false);
});

test('snapshots are those with a manifest, newest first', async () => {
  const store = new MemoryStore(newClock());
  for (const seq of [5, 100, 20]) await store.put(snapshotKey(seq), Buffer.from('{}'));
  await store.put(snapshotPartKey(300, 1), Buffer.from('half-written'));
  await store.put('snapshots/readme.txt', Buffer.from('not ours'));
  assert.deepEqual(await listSnapshots(store), [100, 20, 5]);
  assert.deepEqual(await listSnapshots(store, 20), [100]);
  assert.deepEqual(await listSnapshots(store, 19), [100, 20]);
});
