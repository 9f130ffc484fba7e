/** A fixed set of histories of policies that act, and their rules broken on purpose. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SIMULATIONS, testBrokenRules } from '../broken-rules.ts';
import { runQueueHistories } from '../queue/histories.ts';
import { runPoliciesHistory } from './history.ts';

const SEED = 20_261_127;
const workers = 2;
const thread = new URL('./worker.ts', import.meta.url);

test('in 20 histories policies act once, within their limits, never while paused, and on no healthy job', async () => {
  const { failed, histories, counts } = await runQueueHistories({ histories: 20, seed: SEED, workers, thread });
  assert.equal(failed?.violation, undefined, `history ${failed?.seed}: ${failed?.violation?.message}`);
  assert.equal(histories, 20);
  const seen = ['acted', 'dry_run', 'limited', 'paused', 'refused', 'restart', 'cut'];
  const actions = ['requeue', 'kill_engine', 'restart_worker', 'replace_worker', 'launch_worker'];
  for (const name of [...seen, ...actions.map((action) => `acted ${action}`)])
    assert.ok(counts[name]! > 0, `${name} happens`);
});

test('a seed replays', () => {
  assert.equal(runPoliciesHistory(SEED).trace, runPoliciesHistory(SEED).trace);
});

testBrokenRules(SIMULATIONS.policies);
