import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MINUTE_MS } from '../../protocol/time.ts';
import { JournalError } from './errors.ts';
import { FORMAT_KEY, SEGMENTS, SNAPSHOTS, segmentKey, snapshotKey, snapshotPartKey } from './keys.ts';
import { encodeSegment, NO_HASH } from './segment.ts';
import { FailingStore, flipped, newClock, openDesk } from './testing.ts';

/** A store with this many segments of one note each, and snapshots at this interval. */
async function written(segments: number, snapshot_segments = 1e9) {
  const clock = newClock();
  const store = new FailingStore(clock);
  const { journal, write } = await openDesk(store, clock, { snapshot_segments });
  for (let seq = 1; seq <= segments; seq++) await write(`note ${seq}`);
  // The last snapshot is written beside the commits.
  await journal.stop();
  const texts = Array.from({ length: segments }, (_, i) => `note ${i + 1}`);
  return { clock, store, texts, journal };
}

describe('recovery', () => {
  test('finds every segment again', async () => {
    const { clock, store, texts, journal } = await written(5);
    const again = await openDesk(store, clock);
    assert.deepEqual(again.notes.texts, texts);
    assert.deepEqual(again.journal.head, { ...journal.head });
    assert.equal(again.journal.journal_id, journal.journal_id);
    assert.equal(await again.write('next'), 'in 6');
  });

  test('reads up to 64 segments concurrently, and applies them in order', async () => {
    const { clock, store, texts } = await written(300);
    store.reading_most = 0;
    const again = await openDesk(store, clock);
    assert.deepEqual(again.notes.texts, texts);
    assert.equal(store.reading_most, 64);
  });

  test('starts from the newest snapshot, and reads no segment before it', async () => {
    const { clock, store, texts } = await written(10, 4);
    store.calls = [];
    const again = await openDesk(store, clock);
    assert.deepEqual(again.notes.texts, texts);
    const read = store.calls.filter((call) => call.startsWith(`get ${SEGMENTS}`));
    assert.ok(!read.includes(`get ${segmentKey(8)}`) && read.includes(`get ${segmentKey(9)}`), read.join(', '));
  });

  test('after a pause longer than the retention lists the snapshots no more often than usual', async () => {
    const { clock, store, texts } = await written(300);
    store.calls = [];
    await openDesk(store, clock);
    const lists = () => store.calls.filter((call) => call.startsWith('list')).length;
    const usual = lists();
    await clock.turn(3 * 24 * 60 * MINUTE_MS);
    store.calls = [];
    const again = await openDesk(store, clock);
    assert.deepEqual(again.notes.texts, texts);
    assert.ok(lists() <= usual && usual <= 4, `${lists()} lists, ${usual} without the rest`);
  });

  test('starts over if a name that it read had been used and truncated', async () => {
    const { clock, store, texts } = await written(10, 4);
    await clock.turn(60 * MINUTE_MS);
    const other = await openDesk(store, clock, { instance: 'b', tail_poll_ms: 200 });
    const get = store.get.bind(store);
    store.get = async (key) => {
      if (key === segmentKey(9)) {
        store.get = get;
        // While it starts, another writes a snapshot of all, truncates, and a third puts its late segment into the
        // hole.
        await other.journal.snapshot();
        await store.delete(segmentKey(9));
        const { journal_id } = other.journal;
        const header = { journal_id, seq: 9, prev: NO_HASH, batch_id: 'c-1', instance: 'c', url: '', at: 0 };
        await store.put(key, encodeSegment(header, ['{"text":"late"}']).bytes);
      }
      return get(key);
    };
    const again = await openDesk(store, clock);
    assert.deepEqual([again.notes.texts, again.journal.status.halted], [texts, false]);
    other.journal.abandon();
  });

  test('retries while the store does not respond', async () => {
    const { clock, store, texts } = await written(3);
    let failing = 20;
    store.fate = (call, key) => (call === 'get' && key !== FORMAT_KEY && failing-- > 0 ? 'unavailable' : 'fine');
    const opening = openDesk(store, clock);
    await clock.turn(MINUTE_MS);
    assert.deepEqual((await opening).notes.texts, texts);
  });

  test('skips a damaged snapshot, reports it, and continues from the previous one', async () => {
    const { clock, store, texts } = await written(10, 4);
    await store.damage(snapshotPartKey(8, 1), flipped);
    const again = await openDesk(store, clock);
    assert.deepEqual(again.notes.texts, texts);
    assert.match(again.logged[0] ?? '', /warn: snapshots\/0{19}8\/00001\.ndjson is damaged.*trying the next older/);
    assert.equal(again.journal.status.writable, true);
  });

  for (const [what, from, to] of [
    ['its log time', '"at_ms":1', '"at_ms":9'],
    ['the hash of its segment', '"segment_hash":"', '"segment_hash":"0'],
    ['the key of a part', '/00001.ndjson', '/0000 .ndjson'],
  ] as const) {
    test(`skips a manifest in which ${what} is damaged: the next older snapshot is used`, async () => {
      const { clock, store, texts, journal } = await written(10, 4);
      await store.damage(snapshotKey(8), (bytes) => Buffer.from(Buffer.from(bytes).toString().replace(from, to)));
      const again = await openDesk(store, clock);
      assert.deepEqual([again.notes.texts, again.journal.head.at_ms], [texts, journal.head.at_ms]);
      assert.match(again.logged[0] ?? '', /warn: snapshots\/0{19}8\.json is damaged.*trying the next older/);
      assert.equal(again.journal.status.writable, true);
    });
  }

  test('without an intact snapshot starts at the first segment', async () => {
    const { clock, store, texts } = await written(10, 4);
    await store.damage(snapshotKey(8), flipped);
    await store.damage(snapshotKey(4), () => Buffer.from('{'));
    const again = await openDesk(store, clock);
    assert.deepEqual(again.notes.texts, texts);
    assert.equal(again.logged.length, 2);
  });

  test('halts if a damaged snapshot was the only way past truncated segments', async () => {
    const { clock, store } = await written(10, 4);
    for (const seq of [1, 2, 3, 4, 5]) await store.delete(segmentKey(seq));
    for (const seq of [4, 8]) await store.damage(snapshotPartKey(seq, 1), flipped);
    const again = await openDesk(store, clock);
    assert.equal(again.journal.status.halted, true);
    assert.match(again.journal.status.problem ?? '', /snapshots\/0{19}8\.json is damaged, and journal\/0{19}1\.ndjson/);
    await assert.rejects(again.write('x'), (error: JournalError) => error.kind === 'corrupt');
    assert.equal((await store.keys(SEGMENTS)).length, 5);
  });

  test('halts at a damaged segment: the state before it is served, nothing after it is applied', async () => {
    const { clock, store, texts } = await written(6);
    await store.damage(segmentKey(4), flipped);
    const again = await openDesk(store, clock);
    assert.deepEqual(again.notes.texts, texts.slice(0, 3));
    assert.match(again.journal.status.problem ?? '', /journal\/0{19}4\.ndjson is damaged/);
    assert.deepEqual(again.journal.status.halted, true);
  });

  test('halts if a segment does not follow the previous one', async () => {
    const { clock, store, journal } = await written(3);
    const header = { journal_id: journal.journal_id, seq: 2, batch_id: 'x', instance: 'x', url: '', at: 0 };
    const stray = encodeSegment({ ...header, prev: NO_HASH }, ['{"text":"stray"}']);
    await store.damage(segmentKey(2), () => stray.bytes);
    const again = await openDesk(store, clock);
    assert.deepEqual(again.notes.texts, ['note 1']);
    assert.match(again.journal.status.problem ?? '', /journal\/0{19}2\.ndjson does not follow .* the chain is broken/);
    assert.equal(again.journal.status.halted, true);
  });

  test('a reader whose snapshot is replaced during the read uses the newer one', async () => {
    const { clock, store, texts } = await written(10, 4);
    for (const seq of [1, 2, 3, 4, 5, 6, 7, 8]) await store.delete(segmentKey(seq));
    const list = store.list.bind(store);
    let lists = 0;
    // The first listings are older than truncation: they show snapshot 4 as the newest, and then its parts are gone.
    store.list = async function* (prefix: string, options) {
      if (prefix === SNAPSHOTS && ++lists <= 2) {
        for await (const object of list(prefix)) if (!object.key.includes('0008')) yield object;
        if (lists < 2) return;
        await store.delete(snapshotKey(4));
        await store.delete(snapshotPartKey(4, 1));
      } else yield* list(prefix, options);
    };
    const again = await openDesk(store, clock);
    assert.deepEqual(again.notes.texts, texts);
    assert.deepEqual(again.logged, []);
  });
});

describe('the format of the store', () => {
  test('is written once, before anything else, and names the journal for all instances', async () => {
    const store = new FailingStore(newClock());
    const [a, b] = await Promise.all([
      openDesk(store, newClock(), { instance: 'a' }),
      openDesk(store, newClock(), { instance: 'b' }),
    ]);
    assert.equal(a.journal.journal_id, b.journal.journal_id);
    assert.equal(
      store.calls.find((call) => call.startsWith('create')),
      `create ${FORMAT_KEY}`,
    );
  });

  const refused: [string, string, RegExp][] = [
    ['damaged', '{"format":', /meta\/format\.json is damaged: it is not a JSON object/],
    ['of another program', '{"kind":"something-else"}', /is not a transcription-monitor's/],
    ['nothing', 'null', /meta\/format\.json is damaged: it is not a JSON object/],
    [
      'newer',
      '{"kind":"transcription-monitor","journal_id":"j","format":2}',
      /has format 2; this version supports up to 1/,
    ],
  ];
  for (const [what, text, why] of refused) {
    test(`that is ${what} is refused`, async () => {
      const store = new FailingStore(newClock());
      await store.put(FORMAT_KEY, Buffer.from(text));
      await assert.rejects(openDesk(store, newClock()), (error) => {
        return error instanceof JournalError && error.kind === 'corrupt' && why.test(error.message);
      });
    });
  }
});
