/** A fixed set of histories of notifications, and their rules broken on purpose. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { broken } from '../break-rule.ts';
import { runQueueHistories } from '../queue/histories.ts';
import { runNoticesHistory } from './history.ts';
import { NOTICE_RULES } from './rules.ts';

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

describe('a deliberately broken rule is detected:', { concurrency: workers }, () => {
  for (const { name, seed = 1 } of NOTICE_RULES) {
    test(name, async () => {
      const { failed, histories } = await runQueueHistories({ histories: 60, seed, workers: 1, rule: name, thread });
      assert.ok(failed, `${histories} histories without ${name} went well`);
    });
  }
});

test('a rule whose line no longer exists is an error', () => {
  for (const rule of NOTICE_RULES) {
    const source = readFileSync(new URL(`../../../${rule.file}`, import.meta.url), 'utf8');
    assert.notEqual(broken(rule, source), source);
  }
});
