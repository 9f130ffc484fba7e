import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TurnedClock } from '../testing-clock.ts';
import { acceptLoss } from './accept-loss.ts';
import { inspectJournal } from './inspect.ts';
import { FORMAT_KEY, SEGMENTS, SNAPSHOTS, segmentKey, snapshotKey, snapshotPartKey } from './keys.ts';
import { FailingStore, flipped, Notes, newClock, openDesk } from './testing.ts';

const TRACES = { documents: ['views/health.json'], prefixes: ['archive/'] };

/** Ten segments, snapshots at 4 and 8, and traces of segment 10. */
async function written(): Promise<{ store: FailingStore; clock: TurnedClock }> {
  const clock = newClock();
  const store = new FailingStore(clock);
  const { journal, write } = await openDesk(store, clock, { snapshot_segments: 4 });
  for (let seq = 1; seq <= 10; seq++) await write(`note ${seq}`);
  await journal.stop();
  await store.put('views/health.json', Buffer.from('{"as_of_seq":10}'));
  await store.put('archive/jobs/job-1.json', Buffer.from('{}'));
  return { store, clock };
}

let ids = 0;

const accept = (store: FailingStore, clock: TurnedClock) =>
  acceptLoss({
    store,
    clock,
    traceKeys: TRACES,
    replica: new Notes(),
    actor: 'doctor',
    newId: () => `accepted-${++ids}`,
    eventOf: ({ after_seq, through_seq }) => JSON.stringify({ text: `lost ${after_seq} to ${through_seq}` }),
  });

const open = (store: FailingStore, clock: TurnedClock) => openDesk(store, clock, { traces: TRACES });

const halts = async (store: FailingStore) =>
  (await inspectJournal(store, TRACES))?.problems.some((problem) => problem.halts) ?? false;

/** Asserts that these notes are left, and that the next segment has an unused number. */
async function assertGoesOn(store: FailingStore, clock: TurnedClock, texts: string[]): Promise<void> {
  assert.equal(await halts(store), false);
  const used = (await store.keys(SEGMENTS)).length > 0 ? (await store.keys(SEGMENTS)).at(-1)! : '';
  const desk = await open(store, clock);
  assert.equal(desk.journal.status.problem, null);
  assert.deepEqual(desk.notes.texts, texts);
  await desk.write('after');
  assert.ok(segmentKey(desk.journal.head.seq) > used && desk.journal.head.seq > 10, `${desk.journal.head.seq}`);
  await desk.journal.stop();
}

const notes = (...seqs: number[]) => seqs.map((seq) => `note ${seq}`);

test('a complete journal has no loss to accept, and is not changed', async () => {
  const { store, clock } = await written();
  const before = await store.keys();
  const report = await accept(store, clock);
  assert.deepEqual([report.loss, report.format_written, report.inspection.problems], [null, false, []]);
  assert.deepEqual(await store.keys(), before);
});

test('a gap is skipped: the segments after it are kept, and the journal records the loss', async () => {
  const { store, clock } = await written();
  await store.delete(segmentKey(9));
  assert.equal((await open(store, clock)).journal.status.halted, true);
  const { loss } = await accept(store, clock);
  assert.deepEqual(loss, {
    after_seq: 8,
    through_seq: 11,
    missing: [`${segmentKey(9)} is missing`],
    at: '2026-01-05T08:00:00.000Z',
    actor: 'doctor',
  });
  await assertGoesOn(store, clock, [...notes(1, 2, 3, 4, 5, 6, 7, 8, 10), 'lost 8 to 11']);
});

test('a damaged segment is skipped like a missing one', async () => {
  const { store, clock } = await written();
  await store.damage(segmentKey(9), flipped);
  await accept(store, clock);
  await assertGoesOn(store, clock, [...notes(1, 2, 3, 4, 5, 6, 7, 8, 10), 'lost 8 to 11']);
});

test('numbers that only a trace proves are not reused', async () => {
  const { store, clock } = await written();
  for (const seq of [9, 10]) await store.delete(segmentKey(seq));
  await store.put('views/health.json', Buffer.from('{"as_of_seq":20}'));
  await accept(store, clock);
  await assertGoesOn(store, clock, [...notes(1, 2, 3, 4, 5, 6, 7, 8), 'lost 8 to 21']);
});

test('without a snapshot the journal consists of the segments that are left', async () => {
  const { store, clock } = await written();
  for (const key of await store.keys(SNAPSHOTS)) await store.delete(key);
  for (const seq of [1, 2, 5]) await store.delete(segmentKey(seq));
  await accept(store, clock);
  await assertGoesOn(store, clock, [...notes(3, 4, 6, 7, 8, 9, 10), 'lost 0 to 11']);
});

test('if only the archive is left, an empty journal starts after the last known number', async () => {
  const { store, clock } = await written();
  for (const key of await store.keys()) if (!key.startsWith('archive/')) await store.delete(key);
  const { format_written, loss } = await accept(store, clock);
  assert.deepEqual([format_written, loss?.through_seq], [true, 2]);
  const desk = await open(store, clock);
  assert.deepEqual([desk.journal.status.problem, desk.notes.texts], [null, ['lost 0 to 2']]);
});

test('a missing format is rewritten with the id in every object, without any other loss', async () => {
  const { store, clock } = await written();
  await store.delete(FORMAT_KEY);
  const { format_written, loss } = await accept(store, clock);
  assert.deepEqual([format_written, loss], [true, null]);
  const desk = await open(store, clock);
  assert.deepEqual([desk.journal.journal_id, desk.journal.status.problem], ['a-1', null]);
  assert.equal(await desk.write('next'), 'in 11');
});

test('no loss is accepted while a monitor writes', async () => {
  const { store, clock } = await written();
  const other = await openDesk(store, clock, { instance: 'b', tail_poll_ms: 200 });
  await store.delete(segmentKey(9));
  const list = store.list.bind(store);
  let written_once = false;
  store.list = async function* (prefix, options) {
    yield* list(prefix, options);
    if (prefix !== SEGMENTS || written_once) return;
    written_once = true;
    await other.write('meanwhile');
  };
  await assert.rejects(accept(store, clock), /a monitor has written to memory: meanwhile/);
  assert.deepEqual((await store.keys(SNAPSHOTS)).length, 4);
  other.journal.abandon();
});

test('a second run does nothing', async () => {
  const { store, clock } = await written();
  await store.delete(segmentKey(9));
  await accept(store, clock);
  const after = await store.keys();
  assert.equal((await accept(store, clock)).loss, null);
  assert.deepEqual(await store.keys(), after);
});

test('after an interruption at any change to the store, the next run completes it', async () => {
  for (let at = 1; ; at++) {
    for (const applied of [false, true]) {
      const { store, clock } = await written();
      await store.delete(segmentKey(9));
      await store.delete(FORMAT_KEY);
      let changes = 0;
      const end = new Error('ended');
      for (const name of ['putIfAbsent', 'put', 'delete'] as const) {
        const change = store[name].bind(store) as (key: string, bytes: Uint8Array) => Promise<never>;
        store[name] = async (key: string, bytes?: Uint8Array) => {
          changes += 1;
          if (changes > at || (changes === at && !applied)) throw end;
          const result = await change(key, bytes!);
          if (changes === at) throw end;
          return result;
        };
      }
      const ended = await accept(store, clock).then(
        () => false,
        () => true,
      );
      if (!ended) return assert.ok(at > 4, `${at} changes`);
      for (const name of ['putIfAbsent', 'put', 'delete'] as const) Reflect.deleteProperty(store, name);
      await accept(store, clock);
      assert.equal(await halts(store), false);
      const desk = await open(store, clock);
      assert.deepEqual(desk.notes.texts.slice(0, 9), notes(1, 2, 3, 4, 5, 6, 7, 8, 10));
      assert.match(desk.notes.texts.slice(9).join(), /^lost 8 to 1[12]$/);
    }
  }
});

describe('whatever is deleted or damaged', () => {
  /** Seeded random numbers, so that a case can be reproduced. */
  const random = (seed: number) => () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };

  for (let seed = 1; seed <= 60; seed++) {
    test(`a start halts where the inspection reports it, and continues once the loss is accepted (${seed})`, async () => {
      const { store, clock } = await written();
      const draw = random(seed);
      const keys = (await store.keys()).filter((key) => /^(journal|snapshots|meta\/(format|head))/.test(key));
      for (let n = Math.floor(draw() * 3); n >= 0; n--) {
        const [key] = keys.splice(Math.floor(draw() * keys.length), 1);
        if (draw() < 0.5) await store.delete(key!);
        else await store.damage(key!, flipped);
      }
      const inspected = await halts(store);
      const halted = (await open(store, clock)).journal.status.halted;
      assert.equal(halted, inspected);
      await accept(store, clock);
      const desk = await open(store, clock);
      assert.equal(desk.journal.status.problem, null);
      assert.match(await desk.write('after'), halted ? /in 1[0-9]/ : /in 11/);
    });
  }
});

test('an inspection reports damage that a start skips', async () => {
  const { store } = await written();
  await store.damage(snapshotPartKey(4, 1), flipped);
  await store.damage(segmentKey(2), flipped);
  const { problems = [], head_seq } = (await inspectJournal(store, TRACES)) ?? {};
  assert.equal(head_seq, 10);
  assert.deepEqual(
    problems.map(({ key, halts }) => [key, halts]),
    [
      [snapshotPartKey(4, 1), false],
      [segmentKey(2), false],
    ],
  );
});

test('an inspection reports how much follows a missing or damaged segment', async () => {
  const { store } = await written();
  await store.damage(segmentKey(2), flipped);
  await store.delete(segmentKey(9));
  const { problems = [] } = (await inspectJournal(store, TRACES)) ?? {};
  const follows = new Map(problems.map(({ key, reach }) => [key, reach]));
  assert.equal(follows.get(segmentKey(2)), '7 segments from 3 to 10 follow');
  assert.equal(follows.get(segmentKey(9)), 'segment 10 follows');
});

test('an inspection of a store without a journal finds none', async () => {
  assert.equal(await inspectJournal(new FailingStore(newClock()), TRACES), null);
  const { store } = await written();
  assert.equal((await inspectJournal(store, TRACES))?.newest?.seq, 8);
  assert.ok((await store.keys()).includes(snapshotKey(8)));
});
