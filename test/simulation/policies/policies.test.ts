/** A fixed set of histories of policies that act, and their rules broken on purpose. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { broken } from '../break-rule.ts';
import { runQueueHistories } from '../queue/histories.ts';
import { runPoliciesHistory } from './history.ts';
import { POLICY_RULES } from './rules.ts';

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

describe('a deliberately broken rule is detected:', { concurrency: workers }, () => {
  for (const { name, seed = 1 } of POLICY_RULES) {
    test(name, async () => {
      const { failed, histories } = await runQueueHistories({ histories: 60, seed, workers: 1, rule: name, thread });
      assert.ok(failed, `${histories} histories without ${name} went well`);
    });
  }
});

test('a rule whose line no longer exists is an error', () => {
  for (const rule of POLICY_RULES) {
    const source = readFileSync(new URL(`../../../${rule.file}`, import.meta.url), 'utf8');
    assert.notEqual(broken(rule, source), source);
  }
});
