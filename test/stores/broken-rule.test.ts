/**
 * [A1] A store that breaks the promise of put-if-absent now and then loses no write that three monitors acknowledged.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BreakingStore } from './breaking-store.ts';
import { tryBrokenRule } from './broken-rule.ts';

for (const once_in of [50, 500, 5_000]) {
  test(`once in ${once_in} puts: it is refused, or detected before a loss, or harmless`, async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const store = new BreakingStore(1 / once_in, seed);
      const { outcome, lost, acknowledged } = await tryBrokenRule(async () => store, { jobs: 30 });
      assert.equal(lost, 0, `seed ${seed}: ${outcome}`);
      if (outcome === 'not noticed') assert.equal(acknowledged, 90);
      if (once_in === 50) assert.equal(outcome, 'refused at the start');
    }
  });
}

test('once in 20 puts after the check: it is detected in use, before a loss', async () => {
  let noticed = 0;
  for (let seed = 1; seed <= 4; seed++) {
    const store = new BreakingStore(1 / 20, seed);
    store.behaves = (key) => key.startsWith('doctor/');
    const { outcome, lost } = await tryBrokenRule(async () => store, { jobs: 30 });
    assert.equal(lost, 0, `seed ${seed}: ${outcome}`);
    if (outcome === 'noticed in use') noticed += 1;
  }
  assert.equal(noticed, 4);
});
