/** A fixed set of histories of a monitor whose queue is SQS, and rules of the queue broken on purpose. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { broken } from '../break-rule.ts';
import { runQueueHistories } from './histories.ts';
import { runQueueHistory } from './history.ts';
import { QUEUE_RULES } from './rules.ts';

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

describe('a deliberately broken rule is detected:', { concurrency: workers }, () => {
  for (const { name, seed = 1 } of QUEUE_RULES) {
    test(name, async () => {
      const { failed, histories } = await runQueueHistories({ histories: 500, seed, workers: 1, rule: name });
      assert.ok(failed, `${histories} histories without ${name} went well`);
    });
  }
});

test('a rule whose line no longer exists is an error', () => {
  for (const rule of QUEUE_RULES) {
    const source = readFileSync(new URL(`../../../${rule.file}`, import.meta.url), 'utf8');
    assert.notEqual(broken(rule, source), source);
  }
});
