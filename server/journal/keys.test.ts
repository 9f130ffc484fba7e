import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertKey } from '../objects/store.ts';
import {
  parseSegmentKey,
  parseSnapshotKey,
  parseSnapshotPartKey,
  SEGMENTS,
  SNAPSHOTS,
  segmentKey,
  snapshotKey,
  snapshotPartKey,
} from './keys.ts';

/** Numbers of every length, their neighbors, and the largest. */
const SEQS = [...new Set(Array.from({ length: 16 }, (_, i) => [10 ** i - 1, 10 ** i, 10 ** i + 1]).flat())].concat(
  Number.MAX_SAFE_INTEGER,
);

test('every key parses to its number, and only with its own parser', () => {
  for (const seq of SEQS) {
    assert.equal(parseSegmentKey(segmentKey(seq)), seq);
    assert.equal(parseSnapshotKey(snapshotKey(seq)), seq);
    assert.equal(parseSnapshotPartKey(snapshotPartKey(seq, 3)), seq);
    assert.equal(parseSnapshotKey(segmentKey(seq)), null);
    assert.equal(parseSnapshotKey(snapshotPartKey(seq, 1)), null);
    assert.equal(parseSnapshotPartKey(snapshotKey(seq)), null);
    assert.equal(parseSegmentKey(snapshotKey(seq)), null);
  }
});

test('every key is valid for a store and has the prefix for its list', () => {
  for (const seq of SEQS) {
    for (const key of [segmentKey(seq), snapshotKey(seq), snapshotPartKey(seq, 99_999)]) assertKey(key);
    assert.ok(segmentKey(seq).startsWith(SEGMENTS));
    assert.ok(snapshotKey(seq).startsWith(SNAPSHOTS) && snapshotPartKey(seq, 1).startsWith(SNAPSHOTS));
  }
});

test('byte order is numeric order', () => {
  const ascending = [...SEQS].sort((a, b) => a - b);
  for (const make of [segmentKey, snapshotKey]) {
    const keys = ascending.map(make);
    assert.deepEqual([...keys].sort(), keys);
  }
});

test('other keys are not parsed as keys of the journal', () => {
  const others = [
    '',
    'journal/',
    'journal/7.ndjson',
    'journal/00000000000000000007.json',
    'journal/00000000000000000007.ndjson.bak',
    'x/journal/00000000000000000007.ndjson',
    'journal/0000000000000000000x.ndjson',
    'journal/99999999999999999999.ndjson',
    'snapshots/00000000000000000007',
    'snapshots/00000000000000000007/1.ndjson',
  ];
  for (const key of others) {
    assert.equal(parseSegmentKey(key), null, key);
    assert.equal(parseSnapshotKey(key), null, key);
    assert.equal(parseSnapshotPartKey(key), null, key);
  }
});
