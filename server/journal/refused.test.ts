import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../objects/store.ts';
import { JournalError } from './errors.ts';
import { SEGMENTS, segmentKey } from './keys.ts';
import { FailingStore, flipped, newClock, openDesk } from './testing.ts';

const kindOf = (error: unknown) => (error instanceof JournalError ? error.kind : String(error));

async function desk(options = {}) {
  const clock = newClock();
  const store = new FailingStore(clock);
  return { clock, store, ...(await openDesk(store, clock, options)) };
}

test('a store that refuses writes is reported with a hint, and nothing is acknowledged', async () => {
  const { store, notes, write, journal } = await desk();
  store.fate = (call) => (call === 'create' ? 'refused' : 'fine');
  await assert.rejects(write('a'), (error: JournalError) => {
    assert.equal(error.kind, 'refused');
    assert.match(error.message, /the store refused journal\/0{19}1\.ndjson: access denied/);
    assert.equal(error.hint, 'Ask its owner.');
    return true;
  });
  assert.deepEqual([notes.texts, journal.status.writable], [[], false]);
  await assert.rejects(write('b'), (error) => kindOf(error) === 'refused');
});

test('a probe notices a store that accepts writes again, and writes continue', async () => {
  const { clock, store, notes, write, journal, logged } = await desk();
  let refusing = true;
  store.fate = (call) => (refusing && call !== 'get' ? 'refused' : 'fine');
  await assert.rejects(write('a'));
  await clock.turn(10_000);
  assert.equal(journal.status.writable, false);
  refusing = false;
  await clock.turn(3_000);
  assert.equal(journal.status.writable, true);
  assert.equal(await write('b'), 'in 1');
  assert.deepEqual(notes.texts, ['b']);
  assert.deepEqual(logged.at(-1), 'info: the store accepts writes again');
  assert.ok(!(await store.keys()).some((key) => key.includes('probe')));
});

test('however many writes are refused, only one probe is pending', async () => {
  const { clock, store, write } = await desk();
  store.fate = (call) => (call === 'create' || call === 'put' ? 'refused' : 'fine');
  for (let minute = 0; minute < 5; minute++) {
    for (let i = 0; i < 10; i++) await write('x').catch(() => {});
    await clock.turn(60_000);
  }
  const probes = store.calls.filter((call) => call.startsWith('put meta/probe')).length;
  assert.ok(probes > 100 && probes <= 150, `${probes} probes in 300 s`);
});

test('reads that are refused after a lost put leave its outcome unknown until they succeed', async () => {
  const { clock, store, notes, write, journal } = await desk();
  let put = false;
  store.fate = (call) => {
    put ||= call === 'create';
    return put && call !== 'create' ? 'refused' : 'fine';
  };
  // Nothing is known of the segment before, so that the gap rule has to look around.
  await assert.rejects(write('a'), (error) => kindOf(error) === 'outcome_unknown');
  assert.equal(journal.status.seq, 0);
  store.fate = () => 'fine';
  // Also for an instance alone on its store: the segment may have been written.
  await clock.turn(3_000);
  assert.deepEqual([journal.status.seq, notes.texts], [1, ['a']]);
  assert.equal(await write('b'), 'in 2');
});

test('a damaged segment at the next number halts writes permanently; reads continue', async () => {
  const { store, notes, write, journal, logged } = await desk({ tail_poll_ms: 200 });
  await write('a');
  const other = await openDesk(store, newClock(), { instance: 'b', tail_poll_ms: 200 });
  await other.write('b');
  await store.damage(segmentKey(2), flipped);
  await assert.rejects(write('c'), (error) => kindOf(error) === 'corrupt');
  assert.equal(journal.status.halted, true);
  assert.match(journal.status.problem ?? '', /journal\/0{19}2\.ndjson is damaged/);
  assert.deepEqual(notes.texts, ['a']);
  assert.match(logged.at(-1) ?? '', /Writes have stopped; reads continue, marked stale/);
  await assert.rejects(write('d'), (error) => kindOf(error) === 'corrupt');
  assert.equal((await store.keys(SEGMENTS)).length, 2);
  journal.abandon();
  other.journal.abandon();
});

test('an unsafe store halts the journal before it acknowledges, with an unknown outcome', async () => {
  const { clock, store, notes, write, journal } = await desk();
  assert.equal(await write('a'), 'in 1');
  const put = store.putIfAbsent.bind(store);
  store.putIfAbsent = async (key, bytes) => {
    await put(key, bytes);
    throw new StoreError('refused', 'store_unsafe', 'it confirmed one key to two writers', { hint: 'move' });
  };
  await assert.rejects(write('b'), (error) => kindOf(error) === 'outcome_unknown');
  assert.deepEqual([notes.texts, journal.status.halted], [['a'], true]);
  assert.match(journal.status.problem ?? '', /it confirmed one key to two writers/);
  store.putIfAbsent = put;
  await clock.turn(60_000);
  await assert.rejects(write('c'), (error) => kindOf(error) === 'corrupt');
});

test('soft proposals are refused as well, while the store accepts no writes and after the journal has stopped', async () => {
  const { store, write, journal } = await desk();
  const soft = () =>
    new Promise<string>((resolve, reject) => journal.proposeSoft('key', { text: 'soft', resolve, reject }));
  store.fate = (call) => (call === 'create' || call === 'put' ? 'refused' : 'fine');
  await assert.rejects(write('a'));
  await assert.rejects(soft(), (error) => kindOf(error) === 'refused');
  await journal.stop();
  await assert.rejects(soft(), /this instance is closing/);
});
