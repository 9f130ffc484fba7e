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
  let failing = 0;
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
      if (key === segmentKey(failing)) {
        failing = 0;
        throw new Error('later');
      }
      const bytes = objects.get(key);
      return bytes ? { found: true, bytes, last_modified_ms: 0, server_ms: 0 } : { found: false, server_ms: 0 };
    },
  });
  const recreate = (seq: number) => objects.set(segmentKey(seq), segment(seq, 'another', `recreated ${seq}`).bytes);
  const remove = (seq: number): Uint8Array => {
    const bytes = objects.get(segmentKey(seq))!;
    objects.delete(segmentKey(seq));
    return bytes;
  };
  const put = (seq: number, bytes: Uint8Array) => objects.set(segmentKey(seq), bytes);
  /** The next read of this segment fails. */
  const fail = (seq: number) => {
    failing = seq;
  };
  return { past, gets, recreate, remove, put, fail };
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

test('a read that failed, or found nothing, is not remembered', async () => {
  const { past, put, remove, fail } = log(3);
  const next = remove(2);
  assert.equal(await past.lines(1), null);
  put(2, next);
  assert.equal(lineOf(await past.lines(1)), 'true 1');

  const again = log(3);
  again.fail(2);
  await assert.rejects(again.past.lines(1), /later/);
  assert.equal(lineOf(await again.past.lines(1)), 'true 1');
  fail(3);
  await assert.rejects(past.lines(3), /later/);
  assert.equal(lineOf(await past.lines(3)), 'true 3');
});
