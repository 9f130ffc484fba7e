import assert from 'node:assert/strict';
import { test } from 'node:test';
import { segmentKey } from './keys.ts';
import { PastSegments } from './past-segments.ts';
import { type EncodedSegment, encodeSegment, NO_HASH } from './segment.ts';

const journal_id = 'journal';

const segment = (seq: number, prev: string, line: string): EncodedSegment =>
  encodeSegment({ journal_id, seq, prev, batch_id: line, instance: 'a', url: '', at: 0 }, [JSON.stringify({ line })]);

/** A log of `count` segments, and a reader of it. */
function log(count: number) {
  const objects = new Map<string, Uint8Array>();
  const gets: number[] = [];
  let hash = NO_HASH;
  for (let seq = 1; seq <= count; seq++) {
    const encoded = segment(seq, hash, `true ${seq}`);
    objects.set(segmentKey(seq), encoded.bytes);
    hash = encoded.hash;
  }
  const head = { seq: count, hash };
  const past = new PastSegments({
    journal_id,
    head: () => head,
    async get(key) {
      gets.push(Number(key.replace(/\D/g, '')));
      const bytes = objects.get(key);
      return bytes ? { found: true, bytes, last_modified_ms: 0, server_ms: 0 } : { found: false, server_ms: 0 };
    },
  });
  const recreate = (seq: number) => objects.set(segmentKey(seq), segment(seq, 'another', `recreated ${seq}`).bytes);
  return { past, gets, recreate, remove: (seq: number) => objects.delete(segmentKey(seq)) };
}

const lineOf = (lines: readonly string[] | null) => lines && JSON.parse(lines[0]!).line;

test('every segment up to the head is read', async () => {
  const { past } = log(4);
  for (const seq of [1, 2, 3, 4]) assert.equal(lineOf(await past.lines(seq)), `true ${seq}`);
  assert.equal(await past.lines(5), null);
});

test('a segment that was recreated after its truncation was never part of the log', async () => {
  const { past, recreate, remove } = log(4);
  for (const seq of [1, 2]) remove(seq);
  recreate(1);
  assert.equal(await past.lines(1), null, 'nothing follows it');
  recreate(2);
  assert.equal(await past.lines(2), null, 'the next one follows another');
  assert.equal(lineOf(await past.lines(3)), 'true 3');
  recreate(4);
  assert.equal(await past.lines(4), null, 'the head is another');
});

test('a recreated segment is recognised also if the one that was truncated had been read before', async () => {
  const { past, recreate } = log(3);
  for (const seq of [1, 2, 3]) await past.lines(seq);
  recreate(1);
  assert.equal(await past.lines(1), null);
});

test('segments that are read together are got once each', async () => {
  const { past, gets } = log(20);
  await Promise.all(Array.from({ length: 20 }, (_, i) => past.lines(i + 1)));
  assert.deepEqual(
    gets,
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
});

test('a failed read is not remembered', async () => {
  const { past, remove } = log(3);
  remove(2);
  assert.equal(await past.lines(1), null);
  const failing = log(2);
  const broken = new PastSegments({
    journal_id,
    head: () => ({ seq: 2, hash: '' }),
    get: () => Promise.reject(new Error('later')),
  });
  await assert.rejects(broken.lines(1), /later/);
  assert.equal(lineOf(await failing.past.lines(1)), 'true 1');
});
