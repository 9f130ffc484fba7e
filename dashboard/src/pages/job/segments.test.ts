/** Segments: heard, found, unsure. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { found, outline, parts, segmentAt, unsure } from './segments.ts';

const segment = (start_seconds: number, end_seconds: number, text = '', confidence: number | null = null) => ({
  id: 0,
  start_seconds,
  end_seconds,
  text,
  confidence,
});
const THREE = [segment(1, 2, 'Good morning'), segment(2, 4, 'good day'), segment(10, 12, 'Bye')];

test('the segment that is heard is the last that has begun', () => {
  assert.deepEqual(
    [0, 1, 1.9, 2, 7, 10, 99].map((seconds) => segmentAt(THREE, seconds)),
    [-1, 0, 0, 1, 1, 2, 2],
  );
  assert.equal(segmentAt([], 5), -1);
});

test('a search finds text in any case, and marks it where it stands', () => {
  assert.deepEqual(found(THREE, ' GOOD'), [0, 1]);
  assert.deepEqual(found(THREE, '  '), []);
  assert.deepEqual(
    parts('Good, good', 'good').map(({ text, searched }) => [text, searched]),
    [
      ['Good', true],
      [', ', false],
      ['good', true],
    ],
  );
  assert.deepEqual(parts('İstanbul', 'stan').length, 1);
});

test('a segment is unsure below a confidence of 0.6, and never without one', () => {
  assert.deepEqual(
    [0.59, 0.6, null].map((confidence) => unsure(segment(0, 1, '', confidence))),
    [true, false, false],
  );
});

test('the outline of a recording is high where somebody speaks', () => {
  assert.deepEqual(
    outline([segment(0, 5), segment(7.5, 10)], 20, 4).map((value) => Math.round(value * 100)),
    [100, 52, 4, 4],
  );
  assert.deepEqual(outline(THREE, 0, 2), [0, 0]);
});
