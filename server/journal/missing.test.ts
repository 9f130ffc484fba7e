/** A missing object is never mistaken for one that never existed: the journal halts before it writes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TurnedClock } from '../testing-clock.ts';
import type { JournalError } from './errors.ts';
import { FORMAT_KEY, HEAD_KEY, SEGMENTS, SNAPSHOTS, segmentKey, snapshotKey } from './keys.ts';
import { type Desk, FailingStore, newClock, openDesk } from './testing.ts';

const TRACES = { documents: ['views/health.json'], prefixes: ['archive/'] };

/** A store with this many segments, and snapshots between them. */
async function written(segments: number, snapshot_segments = 1_000) {
  const clock = newClock();
  const store = new FailingStore(clock);
  const { journal, write } = await openDesk(store, clock, { snapshot_segments });
  for (let seq = 1; seq <= segments; seq++) await write(`note ${seq}`);
  await journal.stop();
  return { clock, store, journal_id: journal.journal_id };
}

const open = (store: FailingStore, clock: TurnedClock) => openDesk(store, clock, { traces: TRACES });

async function remove(store: FailingStore, prefix: string): Promise<void> {
  for (const key of await store.keys(prefix)) await store.delete(key);
}

/** Asserts that a start halts with this problem, and that neither it nor a proposal writes anything. */
async function assertHalted(store: FailingStore, clock: TurnedClock, problem: RegExp): Promise<Desk> {
  const before = await store.keys();
  const desk = await open(store, clock);
  assert.equal(desk.journal.status.halted, true);
  assert.match(desk.journal.status.problem ?? '', problem);
  await assert.rejects(desk.write('into the hole'), (error: JournalError) => error.kind === 'corrupt');
  await desk.journal.stop();
  assert.deepEqual(await store.keys(), before);
  return desk;
}

const keysOf = ({ journal }: Desk) => journal.status.problems.map(({ key }) => key);

describe('a missing segment', () => {
  test('in the middle is not mistaken for the tail: it is reported, with the segments after it', async () => {
    const { store, clock } = await written(9);
    await store.delete(segmentKey(4));
    const desk = await assertHalted(store, clock, /lost segments: journal\/0{19}4\.ndjson is missing/);
    assert.deepEqual(desk.notes.texts, ['note 1', 'note 2', 'note 3']);
    const reach = '5 segments from 5 to 9 follow, written 2026-01-05T08:00:00.000Z';
    assert.deepEqual(desk.journal.status.problems, [{ key: segmentKey(4), problem: 'is missing', reach }]);
  });

  test('is reported at any position', async () => {
    const { store, clock } = await written(9);
    for (const seq of [4, 6, 7]) await store.delete(segmentKey(seq));
    const desk = await assertHalted(
      store,
      clock,
      /0{19}6\.ndjson and the 1 segments after it, to .*7\.ndjson, are missing/,
    );
    assert.deepEqual(keysOf(desk), [segmentKey(4), segmentKey(6)]);
  });

  test('right after the newest snapshot is reported, too', async () => {
    const { store, clock } = await written(10, 4);
    await store.delete(segmentKey(9));
    const desk = await assertHalted(store, clock, /0{19}9\.ndjson is missing/);
    assert.equal(desk.notes.seq, 8);
  });

  test('without a snapshot after it is reported, even though it may have been truncated', async () => {
    const { store, clock } = await written(10, 4);
    for (const seq of [1, 2, 3]) await store.delete(segmentKey(seq));
    await remove(store, SNAPSHOTS);
    const desk = await assertHalted(store, clock, /0{19}1\.ndjson and the 2 segments after it/);
    assert.deepEqual(desk.notes.texts, []);
  });

  test('at the end is noticed by the head mark', async () => {
    const { store, clock } = await written(9);
    for (const seq of [7, 8, 9]) await store.delete(segmentKey(seq));
    const desk = await assertHalted(store, clock, /meta\/head\.json reflects segment 9/);
    assert.deepEqual([desk.notes.seq, keysOf(desk)], [6, [segmentKey(7)]]);
  });

  test('at the end is noticed by any later document', async () => {
    const { store, clock } = await written(9);
    await store.delete(segmentKey(9));
    await store.delete(HEAD_KEY);
    await store.put('views/health.json', Buffer.from('{"as_of_seq":9}'));
    await assertHalted(store, clock, /views\/health\.json reflects segment 9/);
  });

  test('is found by a start with one list request, only for segments after the snapshot', async () => {
    const { store, clock } = await written(10, 4);
    store.calls = [];
    await open(store, clock);
    assert.equal(store.calls.filter((call) => call === `list ${SEGMENTS}`).length, 1);
  });
});

describe('a journal that is gone altogether', () => {
  for (const trace of [HEAD_KEY, 'views/health.json', 'archive/jobs/job-1.json']) {
    test(`is noticed if ${trace} exists`, async () => {
      const { store, clock } = await written(9, 4);
      await store.put('views/health.json', Buffer.from('{"as_of_seq":9}'));
      await store.put('archive/jobs/job-1.json', Buffer.from('{}'));
      for (const key of await store.keys()) if (key !== trace && key !== FORMAT_KEY) await store.delete(key);
      await assertHalted(store, clock, new RegExp(`${trace.replaceAll('.', '\\.')} reflects segment`));
    });
  }
});

describe('the format of a store', () => {
  test('that is missing is not created beside a journal: the id comes from the existing objects', async () => {
    const { store, clock, journal_id } = await written(10, 4);
    await store.delete(FORMAT_KEY);
    const desk = await assertHalted(store, clock, /^meta\/format\.json is missing, and snapshots\/.* of journal a-1$/);
    assert.deepEqual([desk.notes.seq, desk.journal.journal_id, keysOf(desk)], [10, journal_id, [FORMAT_KEY]]);
  });

  test('that is missing is not created if anything proves that the store was used', async () => {
    const { store, clock } = await written(3);
    await store.put('archive/jobs/job-1.json', Buffer.from('{}'));
    for (const key of await store.keys()) if (!key.startsWith('archive/')) await store.delete(key);
    await assertHalted(store, clock, /meta\/format\.json is missing, and archive\/jobs\/job-1\.json exists/);
  });

  test('that disagrees with every other object is damaged, and the others are read', async () => {
    const { store, clock, journal_id } = await written(10, 4);
    const wrong = JSON.stringify({ format: 1, kind: 'transcription-monitor', journal_id: 'another' });
    await store.put(FORMAT_KEY, Buffer.from(wrong));
    const desk = await assertHalted(store, clock, /meta\/format\.json is damaged: it names journal another/);
    assert.deepEqual([desk.notes.seq, desk.journal.journal_id], [10, journal_id]);
    assert.ok(!desk.logged.some((line) => line.startsWith('warn')), desk.logged.join('\n'));
  });

  test('with any changed character is detected by its checksum', async () => {
    const { store, clock } = await written(3);
    await store.damage(FORMAT_KEY, (bytes) => Buffer.from(Buffer.from(bytes).toString().replace('a-1', 'a-2')));
    const desk = await assertHalted(store, clock, /meta\/format\.json is damaged: its checksum is wrong/);
    assert.equal(desk.notes.seq, 3);
  });

  test('without a checksum, from an older version, is accepted', async () => {
    const { store, clock, journal_id } = await written(3);
    await store.put(FORMAT_KEY, Buffer.from(JSON.stringify({ format: 1, kind: 'transcription-monitor', journal_id })));
    const desk = await open(store, clock);
    assert.equal(await desk.write('next'), 'in 4');
  });
});

describe('what is not missing', () => {
  test('a store that another instance creates during a start is not reported as a store without a format', async () => {
    const clock = newClock();
    const store = new FailingStore(clock);
    const get = store.get.bind(store);
    let created = false;
    store.get = async (key) => {
      const got = await get(key);
      if (key !== FORMAT_KEY || created) return got;
      created = true;
      const other = await openDesk(store, clock, { instance: 'b', tail_poll_ms: 200 });
      await other.write('first');
      other.journal.abandon();
      return got;
    };
    const desk = await open(store, clock);
    assert.deepEqual([desk.journal.status.halted, desk.notes.texts], [false, ['first']]);
  });

  test('a mark that is damaged or older than the head proves nothing', async () => {
    const { store, clock } = await written(3);
    await store.damage(HEAD_KEY, (bytes) => Buffer.from(Buffer.from(bytes).toString().replace('"seq":3', '"seq":9')));
    const desk = await open(store, clock);
    assert.equal(await desk.write('next'), 'in 4');
  });

  test('segments that another instance commits during a start are no loss', async () => {
    const clock = newClock();
    const store = new FailingStore(clock);
    const other = await openDesk(store, clock, { instance: 'b', tail_poll_ms: 200 });
    await other.write('first');
    const get = store.get.bind(store);
    let commits = 0;
    store.get = async (key) => {
      const got = await get(key);
      if (key.startsWith(SEGMENTS) && commits++ < 3) await other.write(`note ${commits}`);
      return got;
    };
    const desk = await open(store, clock);
    assert.equal(desk.journal.status.halted, false);
    other.journal.abandon();
  });

  test('segments truncated during a start are no loss: it continues from the newer snapshot', async () => {
    const { store, clock } = await written(10, 4);
    // Hours later: an age at which names may have been freed.
    await clock.turn(3_600_000);
    const newest = await openDesk(store, clock, { instance: 'b', tail_poll_ms: 200 });
    const list = store.list.bind(store);
    let listed = false;
    store.list = async function* (prefix, options) {
      yield* list(prefix, options);
      if (prefix !== SEGMENTS || listed) return;
      listed = true;
      await newest.journal.snapshot();
      for (const seq of [9, 10]) await store.delete(segmentKey(seq));
    };
    const desk = await open(store, clock);
    assert.deepEqual([desk.journal.status.halted, desk.notes.seq], [false, 10]);
    assert.ok((await store.keys(SNAPSHOTS)).includes(snapshotKey(10)));
    newest.journal.abandon();
  });
});
