import assert from 'node:assert/strict';
import { test } from 'node:test';
import { given, limitOf, NO_LIMITS, usedOf } from './limit-words.ts';

test('an empty field is no limit, zero is one, and gigabytes become bytes', () => {
  assert.deepEqual([limitOf('', 1), limitOf(0, 1), limitOf('1.5', 1e9), limitOf(2.25, 1)], [null, 0, 1.5e9, 2.25]);
  assert.deepEqual(given({ ...NO_LIMITS, jobs_per_day: 0 }), { jobs_per_day: 0 });
});

test('what was used is shown with its limit where there is one', () => {
  assert.deepEqual([usedOf(1200, null), usedOf(0, 1000)], ['1,200', '0 of 1,000']);
});
