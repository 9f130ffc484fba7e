/** The simulation inside `npm test`: a fixed set of histories. The broken rules are in files beside it, which run at the same time. */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { extent } from '../thorough.ts';
import { FAULTS } from './faults.ts';
import { runHistories, type Totals } from './histories.ts';
import { runHistory } from './history.ts';

const workers = Math.min(4, availableParallelism());
/** Chosen once, at random. */
const SEED = 20_260_105;
const HISTORIES = extent(400, 40);

test(`${HISTORIES} histories of faults break no rule`, async (t) => {
  const totals = await runHistories({ histories: HISTORIES, seed: SEED, workers });
  assert.equal(totals.failed, null, explain(totals));
  assert.equal(totals.histories, HISTORIES);
  await t.test('and they contain the situations that the rules are for', () => {
    assert.ok(totals.deleted_segments > 200, `${totals.deleted_segments} segments were deleted`);
    assert.ok(totals.recreated_segments > 3, `${totals.recreated_segments} names were used again`);
    assert.ok(totals.snapshots > 200, `${totals.snapshots} snapshots were written`);
    assert.ok(totals.acknowledged > 2_000, `${totals.acknowledged} commands were acknowledged`);
    assert.deepEqual(Object.keys(totals.faults).sort(), [...FAULTS].sort());
  });
});

test('a seed replays to the byte', async () => {
  for (const seed of [SEED, SEED + 1, SEED + 2]) {
    const first = await runHistory(seed);
    assert.deepEqual(await runHistory(seed), first);
  }
  assert.notEqual((await runHistory(SEED)).trace, (await runHistory(SEED + 1)).trace);
});

function explain({ failed }: Totals): string {
  if (!failed) return '';
  return `history ${failed.seed}: ${failed.violation?.invariant}: ${failed.violation?.message}\n${failed.steps.join('\n')}`;
}
