import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE_MS } from '../../protocol/time.ts';
import { settled, type TurnedClock } from '../testing-clock.ts';
import type { JournalError } from './errors.ts';
import { SEGMENTS, segmentKey, snapshotPartKey } from './keys.ts';
import { type Desk, FailingStore, flipped, newClock, openDesk } from './testing.ts';

const SHARED = { tail_poll_ms: 200 };

async function pair(options = {}): Promise<{ clock: TurnedClock; store: FailingStore; a: Desk; b: Desk }> {
  const clock = newClock();
  const store = new FailingStore(clock);
  const a = await openDesk(store, clock, { ...SHARED, ...options, instance: 'a' });
  const b = await openDesk(store, clock, { ...SHARED, ...options, instance: 'b' });
  return { clock, store, a, b };
}

test('the second instance at a number replays the first one’s segment and decides again', async () => {
  const { a, b, store } = await pair();
  const outcomes = await Promise.all([a.write('from a'), b.write('from b')]);
  assert.deepEqual(outcomes.sort(), ['in 1', 'in 2']);
  await Promise.all([a.journal.catchUp(), b.journal.catchUp()]);
  assert.deepEqual(a.notes.texts, b.notes.texts);
  assert.equal(a.journal.head.hash, b.journal.head.hash);
  assert.deepEqual(await store.keys(SEGMENTS), [segmentKey(1), segmentKey(2)]);
});

test('concurrent writes of both are in the log once, in one order for both', async () => {
  const { a, b } = await pair();
  const names = Array.from({ length: 40 }, (_, i) => `${i}`);
  await Promise.all(
    names.map(async (name, i) => {
      for (let turn = 0; turn < i % 7; turn++) await settled();
      await (i % 2 === 0 ? a : b).write(name);
    }),
  );
  await Promise.all([a.journal.catchUp(), b.journal.catchUp()]);
  assert.deepEqual(a.notes.texts, b.notes.texts);
  assert.deepEqual([...a.notes.texts].sort(), [...names].sort());
});

test('refusals and proposals without effect are decided at the end of the log', async () => {
  const { a, b } = await pair();
  await a.write('first');
  assert.equal(b.notes.seq, 0);
  await assert.rejects(b.write('no'), /no/);
  assert.equal(b.notes.seq, 1);
  await a.write('second');
  assert.equal(await b.write('nothing'), 'in 2');
});

test('an instance polls for segments of others, less often while there are none', async () => {
  const { a, b, clock, store } = await pair();
  await a.write('first');
  await clock.turn(60_000);
  store.calls = [];
  await clock.turn(60_000);
  assert.ok(store.calls.length < 70, `${store.calls.length} requests a minute by two idle followers`);
  await a.write('news');
  await clock.turn(2_000);
  assert.deepEqual(b.notes.texts, ['first', 'news']);
});

test('a truncated name is not reused: its second creator recovers and acknowledges nothing', async () => {
  const clock = newClock();
  const store = new FailingStore(clock);
  // No timers of `b` run: it sleeps.
  const asleep = newClock();
  const a = await openDesk(store, clock, { ...SHARED, snapshot_segments: 2, instance: 'a' });
  await a.write('one');
  const b = await openDesk(store, asleep, { ...SHARED, instance: 'b' });
  assert.deepEqual(b.notes.texts, ['one']);
  for (const text of ['two', 'three', 'four', 'five', 'six']) await a.write(text);
  await clock.turn(11 * MINUTE_MS);
  assert.equal(await a.journal.truncate(), 4);
  assert.ok(!(await store.keys(SEGMENTS)).includes(segmentKey(2)));

  await assert.rejects(b.write('late'), (error: JournalError) => {
    assert.equal(error.kind, 'outcome_unknown');
    assert.match(error.message, /segment 2 was written and truncated while this instance was suspended/);
    return true;
  });
  assert.deepEqual(b.notes.texts, ['one', 'two', 'three', 'four', 'five', 'six']);
  assert.equal(await b.write('again'), 'in 7');
  await a.journal.catchUp();
  assert.deepEqual(a.notes.texts, b.notes.texts);
  a.journal.abandon();
  b.journal.abandon();
});

test('a segment whose response arrives after a suspend is ours if others continued it, even if the newest snapshot is damaged', async () => {
  const clock = newClock();
  const store = new FailingStore(clock);
  const asleep = newClock();
  const a = await openDesk(store, clock, { ...SHARED, instance: 'a' });
  await a.write('one');
  const responded = Promise.withResolvers<void>();
  // No timers of `b` run: it sleeps from the moment at which its put reaches the store.
  const late = new Proxy(store, {
    get(target, name) {
      if (name !== 'putIfAbsent') return Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name);
      return async (key: string, bytes: Uint8Array) => {
        const result = await target.putIfAbsent(key, bytes);
        if (key !== segmentKey(2)) return result;
        await responded.promise;
        return { ...result, server_ms: clock.now() };
      };
    },
  });
  const b = await openDesk(late, asleep, { ...SHARED, instance: 'b' });
  const written = b.write('two');
  await settled();
  await a.journal.catchUp();
  for (const text of ['three', 'four', 'five']) await a.write(text);
  await a.journal.snapshot();
  await clock.turn(11 * MINUTE_MS);
  await store.damage(snapshotPartKey(5, 1), flipped);
  responded.resolve();
  assert.equal(await written, 'in 2');
  await b.journal.catchUp();
  assert.deepEqual(b.notes.texts, ['one', 'two', 'three', 'four', 'five']);
  a.journal.abandon();
  b.journal.abandon();
});

test('a truncated segment is not mistaken for the end of the log', async () => {
  const clock = newClock();
  const store = new FailingStore(clock);
  const a = await openDesk(store, clock, { ...SHARED, snapshot_segments: 2, instance: 'a' });
  await a.write('one');
  const b = await openDesk(store, newClock(), { ...SHARED, instance: 'b' });
  for (const text of ['two', 'three', 'four', 'five']) await a.write(text);
  await clock.turn(11 * MINUTE_MS);
  await a.journal.truncate();
  await b.journal.catchUp();
  assert.deepEqual(b.notes.texts, ['one', 'two', 'three', 'four', 'five']);
  a.journal.abandon();
  b.journal.abandon();
});

test('a store that is silent while idle is reported until it responds again', async () => {
  const { a, clock, store } = await pair();
  await a.write('first');
  store.fate = () => 'unavailable';
  await clock.turn(15_000);
  assert.equal(a.journal.status.writable, false);
  assert.match(a.journal.status.problem ?? '', /the store does not respond/);
  await assert.rejects(a.write('second'), (error: JournalError) => error.kind === 'unavailable');
  store.fate = () => 'fine';
  await clock.turn(5_000);
  assert.deepEqual(a.journal.status, {
    seq: 1,
    writable: true,
    problem: null,
    problems: [],
    halted: false,
    clock_offset_ms: 0,
  });
  assert.equal(await a.write('third'), 'in 2');
});

test('proposals that arrive while reads get no response are rejected, and never written', async () => {
  const { a, clock, store } = await pair();
  store.fate = () => 'unavailable';
  await clock.turn(3_000);
  const kind = a.write('early').catch((error: JournalError) => error.kind);
  await clock.turn(12_000);
  assert.equal(await kind, 'unavailable');
  store.fate = () => 'fine';
  await clock.turn(5_000);
  await a.write('late');
  assert.deepEqual(a.notes.texts, ['late']);
});

test('a name that only a damaged snapshot proves is not reused either', async () => {
  const clock = newClock();
  const store = new FailingStore(clock);
  const a = await openDesk(store, clock, { ...SHARED, snapshot_segments: 2, instance: 'a' });
  await a.write('one');
  const b = await openDesk(store, newClock(), { ...SHARED, instance: 'b' });
  for (const text of ['two', 'three', 'four', 'five', 'six']) await a.write(text);
  await clock.turn(11 * MINUTE_MS);
  await a.journal.truncate();
  for (const seq of [4, 6]) await store.damage(snapshotPartKey(seq, 1), flipped);
  await assert.rejects(b.write('late'), (error: JournalError) => error.kind === 'corrupt');
  assert.deepEqual([b.notes.texts, b.journal.status.halted], [['one'], true]);
  a.journal.abandon();
  b.journal.abandon();
});
