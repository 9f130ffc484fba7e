/** Delays double from attempt to attempt, up to a maximum. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoff } from './backoff.ts';

test('the delay doubles with each attempt, up to the maximum', () => {
  const delays = [0, 1, 2, 3, 4].map((attempt) => backoff(attempt, { base_ms: 20, max_ms: 200 }));
  assert.deepEqual(delays, [20, 40, 80, 160, 200]);
});

test('after any number of attempts the delay is a number within the maximum', () => {
  for (const attempt of [100, 5_000, Number.MAX_SAFE_INTEGER]) {
    assert.equal(backoff(attempt, { base_ms: 20, max_ms: 2_000 }), 2_000);
    assert.equal(backoff(attempt, { base_ms: 0, max_ms: 2_000 }), 0);
  }
});
