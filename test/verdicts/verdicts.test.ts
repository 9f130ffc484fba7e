import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from './fleet.ts';
import { Totals } from './totals.ts';

test('[B110] in simulated fleets the verdicts are right, and no job of a healthy worker is taken from it', () => {
  const totals = new Totals();
  const examples: string[] = [];
  for (let seed = 1; seed <= 12; seed++) {
    const score = simulate({ seed });
    totals.add(score);
    examples.push(...score.examples.map((one) => `${one.seed} ${one.job_id}: ${one.what}`));
  }
  assert.ok(totals.attempts > 1_000);
  // The bounds for many fleets are those of `npm run verdicts`; a few fleets leave room for chance.
  assert.ok(examples.length <= 12, examples.join('\n'));
  assert.equal(totals.healthy_requeued, 0);
});
