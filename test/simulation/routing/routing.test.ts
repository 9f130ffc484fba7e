/** A fixed set of histories of routing, and its rules broken on purpose. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runQueueHistories } from '../queue/histories.ts';
import { RoutingHistory, runRoutingHistory } from './history.ts';
import { ROUTING_RULES } from './rules.ts';

const thread = new URL('./worker.ts', import.meta.url);

test('in 40 histories each claim gets the first jobs that the worker can do, and no job that nobody can do is silent', () => {
  const counts: Record<string, number> = {};
  for (let seed = 1; seed <= 40; seed++) {
    const result = runRoutingHistory(seed);
    assert.equal(result.violation?.message, undefined, `history ${seed}: ${result.steps.join('\n')}`);
    for (const [name, count] of Object.entries(result.counts)) counts[name] = (counts[name] ?? 0) + count;
  }
  for (const name of ['got', 'got none of those that wait', 'a waiting job is blocked', 'restart'])
    assert.ok(counts[name]! > 0, `${name} happens`);
});

describe('a rule broken on purpose is detected in a history of its own:', () => {
  for (const { name, play } of ROUTING_RULES) {
    test(name, async () => {
      const sound = new RoutingHistory();
      play(sound);
      assert.equal(sound.result(0).violation, null, 'with the rule it goes well');
      const { failed } = await runQueueHistories({ histories: 1, seed: 0, workers: 1, rule: name, thread });
      assert.ok(failed, 'without the rule it goes well, too');
    });
  }
});
