/** A fixed set of histories of a monitor whose queue is SQS, and rules of the queue broken on purpose. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SIMULATIONS, testBrokenRules } from '../broken-rules.ts';
import { runQueueHistories } from './histories.ts';
import { runQueueHistory } from './history.ts';

const SEED = 20_260_301;
const workers = 2;

test('in 30 histories of faults no job is held twice, every job ends, and no message stays', async () => {
  const { failed, histories, counts } = await runQueueHistories({ histories: 30, seed: SEED, workers });
  assert.equal(failed?.violation, undefined, `history ${failed?.seed}: ${failed?.violation?.message}`);
  assert.equal(histories, 30);
  for (const fault of ['kill', 'pause', 'outage', 'lost_response', 'delivered_twice', 'foreign']) {
    assert.ok(counts[fault]! > 0, `${fault} happens`);
  }
});

test('a seed replays', async () => {
  const { trace } = await runQueueHistory(SEED);
  assert.equal((await runQueueHistory(SEED)).trace, trace);
});

testBrokenRules(SIMULATIONS.queue);
