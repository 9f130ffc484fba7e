/** A fixed set of histories of notifications, and their rules broken on purpose. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SIMULATIONS, testBrokenRules } from '../broken-rules.ts';
import { runQueueHistories } from '../queue/histories.ts';
import { runNoticesHistory } from './history.ts';

const SEED = 20_260_401;
const workers = 2;
const thread = new URL('./worker.ts', import.meta.url);

test('in 12 histories of faults every notification arrives, none has two ids, and no message is sent twice', async () => {
  const { failed, histories, counts } = await runQueueHistories({ histories: 12, seed: SEED, workers, thread });
  assert.equal(failed?.violation, undefined, `history ${failed?.seed}: ${failed?.violation?.message}`);
  assert.equal(histories, 12);
  for (const fault of ['kill', 'pause', 'fails', 'takes', 'hangs', 'received_again', 'messages', 'replay']) {
    assert.ok(counts[fault]! > 0, `${fault} happens`);
  }
});

test('a seed replays', async () => {
  const { trace } = await runNoticesHistory(SEED);
  assert.equal((await runNoticesHistory(SEED)).trace, trace);
});

testBrokenRules(SIMULATIONS.notices);
