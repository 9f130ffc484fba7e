import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extent } from '../thorough.ts';
import { simulateActing } from './acting.ts';
import { simulate } from './fleet.ts';
import { Totals } from './totals.ts';

test('[B110] in simulated fleets the verdicts are right, and no job of a healthy worker is taken from it', () => {
  const totals = new Totals();
  const examples: string[] = [];
  for (let seed = 1; seed <= extent(12, 5); seed++) {
    const score = simulate({ seed });
    totals.add(score);
    examples.push(...score.examples.map((one) => `${one.seed} ${one.job_id}: ${one.what}`));
  }
  assert.ok(totals.attempts > extent(1_000, 400));
  // The bounds for many fleets are those of `npm run verdicts`; a few fleets leave room for chance.
  assert.ok(examples.length <= 12, examples.join('\n'));
  assert.equal(totals.healthy_requeued, 0);
});

test('[B110] with every policy on, what is dead, hung or slow is acted on, and no healthy job is touched', () => {
  const acted: Record<string, number> = {};
  for (let seed = 1; seed <= extent(8, 4); seed++) {
    const score = simulateActing(seed);
    const touched = score.examples.filter(({ what }) => what.startsWith('healthy'));
    assert.deepEqual(touched, []);
    assert.equal(score.healthy_acted, 0);
    for (const [verdict, count] of Object.entries(score.acted_on)) acted[verdict] = (acted[verdict] ?? 0) + count;
  }
  for (const verdict of ['dead', 'hung']) assert.ok(acted[verdict]! > 0, JSON.stringify(acted));
});
