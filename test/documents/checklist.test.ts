/** Every line of the two documents is proven by a test that names it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proofs } from './checklist.ts';

test('each of the 146 items of the documents is named by a test', () => {
  const found = proofs();
  assert.equal(found.size, 146);
  const missing = [...found].flatMap(([item, tests]) => (tests.length === 0 ? [item] : []));
  assert.deepEqual(missing, []);
});
