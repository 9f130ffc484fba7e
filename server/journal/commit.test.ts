import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from '../testing-clock.ts';
import { JournalError } from './errors.ts';
import { SEGMENTS, segmentKey } from './keys.ts';
import { decodeSegment } from './segment.ts';
import { FailingStore, type Fate, newClock, openDesk } from './testing.ts';

/** The kind of the error, or the resolved value. */
const ending = (outcome: Promise<string>): Promise<string> =>
  outcome.then(
    (resolved) => resolved,
    (error: unknown) => (error instanceof JournalError ? error.kind : String(error)),
  );

async function desk(options = {}) {
  const clock = newClock();
  const store = new FailingStore(clock);
  const opened = await openDesk(store, clock, options);
  return { clock, store, ...opened };
}

/** Sets the fates of the next segment puts; later ones succeed. */
function fates(store: FailingStore, ...next: Fate[]): void {
  store.fate = (call, key) => (call === 'create' && key.startsWith(SEGMENTS) ? (next.shift() ?? 'fine') : 'fine');
}

test('all proposals that arrive while a segment is being written become the next segment', async () => {
  const { store, notes, write, journal } = await desk();
  const outcomes = [write('a'), write('b'), write('c')];
  assert.deepEqual(await Promise.all(outcomes), ['in 1', 'in 1', 'in 1']);
  const one = write('d');
  await settled();
  assert.deepEqual(await Promise.all([one, write('e'), write('f')]), ['in 2', 'in 3', 'in 3']);
  assert.deepEqual(notes.texts, ['a', 'b', 'c', 'd', 'e', 'f']);
  assert.deepEqual(await store.keys(SEGMENTS), [1, 2, 3].map(segmentKey));
  await journal.stop();
});

test('nothing is adopted or resolved before the put has returned', async () => {
  const { store, notes, write } = await desk();
  let outcome: (() => void) | undefined;
  const held = new Promise<void>((resolve) => {
    outcome = resolve;
  });
  const create = store.putIfAbsent.bind(store);
  store.putIfAbsent = async (key, bytes) => {
    const result = await create(key, bytes);
    await held;
    return result;
  };
  let resolved: string | null = null;
  void write('a').then((text) => {
    resolved = text;
  });
  await settled();
  assert.deepEqual(await store.keys(SEGMENTS), [segmentKey(1)]);
  assert.deepEqual(notes.texts, []);
  assert.equal(resolved, null);
  outcome!();
  await settled();
  assert.equal(resolved, 'in 1');
});

test('after a lost response the same bytes are sent again, and the segment is recognized as ours', async () => {
  const { clock, store, notes, write } = await desk();
  const sent: Buffer[] = [];
  const create = store.putIfAbsent.bind(store);
  store.putIfAbsent = (key, bytes) => {
    if (key === segmentKey(1)) sent.push(Buffer.from(bytes));
    return create(key, bytes);
  };
  fates(store, 'response_lost', 'unavailable');
  const outcome = write('a');
  await clock.turn(1_000);
  assert.equal(await outcome, 'in 1');
  assert.equal(sent.length, 3);
  assert.ok(sent.every((bytes) => bytes.equals(sent[0]!)));
  assert.deepEqual(notes.texts, ['a']);
  assert.deepEqual(notes.drafts, [['a']]);
});

test('if the store is silent for too long callers get outcome_unknown, and the segment is still written', async () => {
  const { clock, store, notes, write, journal } = await desk();
  let down = true;
  store.fate = (call) => (call === 'create' && down ? 'response_lost' : 'fine');
  const first = ending(write('a'));
  await settled();
  const behind = ending(write('b'));
  await clock.turn(9_000);
  assert.equal(journal.status.writable, true);
  await clock.turn(4_000);
  // The first may have been written, the pending one was not, and further ones are rejected.
  assert.equal(await first, 'outcome_unknown');
  assert.equal(await behind, 'unavailable');
  assert.equal(await ending(write('c')), 'unavailable');
  assert.match(journal.status.problem ?? '', /does not respond/);
  down = false;
  await clock.turn(5_000);
  assert.deepEqual(notes.texts, ['a']);
  assert.deepEqual(journal.status, {
    seq: 1,
    writable: true,
    problem: null,
    problems: [],
    halted: false,
    clock_offset_ms: 0,
  });
  assert.equal(await write('d'), 'in 2');
});

test('a refusal after a lost response proves nothing: retries continue until the outcome is known', async () => {
  const { clock, store, notes, write } = await desk();
  fates(store, 'response_lost', 'refused', 'refused');
  const outcome = write('a');
  await clock.turn(1_000);
  assert.equal(await outcome, 'in 1');
  assert.deepEqual(notes.texts, ['a']);
});

test('proposals that do not fit one segment fill the next, in order', async () => {
  const { store, write } = await desk();
  const large = (name: string) => name + 'x'.repeat(1_500_000);
  const outcomes = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => write(large(name))));
  assert.deepEqual(outcomes, ['in 1', 'in 1', 'in 2', 'in 2', 'in 3']);
  for (const key of await store.keys(SEGMENTS)) {
    const there = await store.get(key);
    assert.ok(there.found && there.bytes.length <= 4 * 1024 * 1024);
  }
});

test('a proposal that changes nothing makes no segment', async () => {
  const { store, write } = await desk();
  assert.equal(await write('nothing'), 'in 0');
  assert.equal(await ending(write('no')), 'Error: no');
  assert.deepEqual(await store.keys(SEGMENTS), []);
});

test('each segment has its author and the hash of the previous one', async () => {
  const { store, write, journal } = await desk();
  await write('a');
  await write('b');
  const [one, two] = await Promise.all(
    [1, 2].map(async (seq) => {
      const there = await store.get(segmentKey(seq));
      assert.ok(there.found);
      return decodeSegment(there.bytes, { journal_id: journal.journal_id, seq });
    }),
  );
  assert.equal(two!.header.prev, one!.hash);
  assert.equal(journal.head.hash, two!.hash);
  assert.deepEqual([one!.header.instance, one!.header.url], ['a', 'http://a']);
  assert.notEqual(one!.header.batch_id, two!.header.batch_id);
});

test('stopping commits pending proposals and rejects new ones', async () => {
  const { notes, write, journal } = await desk();
  const last = write('last');
  const stopped = journal.stop();
  assert.equal(await ending(write('too late')), 'stopped');
  await stopped;
  assert.equal(await last, 'in 1');
  assert.deepEqual(notes.texts, ['last']);
});

test('stopping does not wait forever for a silent store', async () => {
  const { clock, store, write, journal } = await desk();
  store.fate = () => 'unavailable';
  const outcome = ending(write('a'));
  const stopped = journal.stop();
  await clock.turn(15_000);
  await stopped;
  assert.equal(await outcome, 'outcome_unknown');
});

test('an unresponsive store is retried soon, then less and less often', async () => {
  const { clock, store, write } = await desk();
  store.fate = (call) => (call === 'create' ? 'unavailable' : 'fine');
  void ending(write('a'));
  const tries: number[] = [];
  for (const ms of [100, 1_000, 8_000]) {
    const before = store.calls.length;
    await clock.turn(ms);
    tries.push(store.calls.slice(before).filter((call) => call.startsWith('create')).length);
  }
  const [soon, soonAfter, later] = tries as [number, number, number];
  assert.ok(soon >= 3 && soonAfter >= 2 && later >= 7, `tried ${tries} times`);
  assert.ok(soon <= 5 && soonAfter <= 6 && later <= 10, `tried ${tries} times`);
});
