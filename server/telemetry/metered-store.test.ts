/** A metered store behaves as the store that it measures, and counts each operation once, with its outcome. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '../objects/memory.ts';
import { StoreError } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { meteredStore } from './metered-store.ts';
import type { StoreRequest } from './meters.ts';

function opened() {
  const clock = new TurnedClock('2025-07-07T20:00:00Z');
  const memory = new MemoryStore(clock);
  const seen: StoreRequest[] = [];
  return { memory, seen, store: meteredStore(memory, { store: (request) => seen.push(request) }, clock) };
}

const bytes = (text: string) => new TextEncoder().encode(text);

test('each operation is counted with its outcome and its bytes', async () => {
  const { store, seen } = opened();
  assert.equal((await store.putIfAbsent('a/1', bytes('123'))).created, true);
  assert.equal((await store.putIfAbsent('a/1', bytes('4567'))).created, false);
  assert.equal((await store.get('a/1')).found, true);
  assert.equal((await store.get('a/2')).found, false);
  await store.put('a/3', bytes('12345'));
  const keys: string[] = [];
  for await (const { key } of store.list('a/')) keys.push(key);
  await store.delete('a/3');
  assert.deepEqual(keys, ['a/1', 'a/3']);
  assert.deepEqual(
    seen.map(({ operation, outcome, read_bytes, written_bytes }) => [operation, outcome, read_bytes, written_bytes]),
    [
      ['put_if_absent', 'ok', undefined, 3],
      ['put_if_absent', 'exists', undefined, 4],
      ['get', 'ok', 3, undefined],
      ['get', 'not_found', undefined, undefined],
      ['put', 'ok', undefined, 5],
      ['list', 'ok', undefined, undefined],
      ['delete', 'ok', undefined, undefined],
    ],
  );
});

test('a failure is counted by its kind and reaches the caller, also in the middle of a list', async () => {
  const { memory, store, seen } = opened();
  const refused = new StoreError('refused', 'store_full', 'the disk is full');
  const away = new StoreError('unavailable', 'store_timeout', 'no response');
  memory.put = async () => {
    throw refused;
  };
  memory.list = async function* () {
    yield { key: 'a', size_bytes: 1, last_modified_ms: 0 };
    throw away;
  };
  await assert.rejects(store.put('a', bytes('1')), refused);
  await assert.rejects(async () => {
    for await (const _ of store.list('')) {
      // Read to the failure.
    }
  }, away);
  assert.deepEqual(
    seen.map(({ operation, outcome }) => [operation, outcome]),
    [
      ['put', 'refused'],
      ['list', 'unavailable'],
    ],
  );
});

test('a reader that leaves a list early ends its measurement', async () => {
  const { store, seen } = opened();
  await store.putIfAbsent('a', bytes('1'));
  await store.putIfAbsent('b', bytes('1'));
  seen.length = 0;
  for await (const _ of store.list('')) break;
  assert.deepEqual(
    seen.map(({ operation, outcome }) => [operation, outcome]),
    [['list', 'ok']],
  );
});
