/** A fixed set of histories of tenants, and their rules broken on purpose. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runQueueHistories } from '../queue/histories.ts';
import { runTenantsHistory, TenantsHistory } from './history.ts';
import { TENANT_RULES } from './rules.ts';

const thread = new URL('./worker.ts', import.meta.url);

test('in 12 histories no tenant that waits below its limit is passed over for more than its share', () => {
  const counts: Record<string, number> = {};
  for (let seed = 1; seed <= 12; seed++) {
    const result = runTenantsHistory(seed);
    assert.equal(result.violation, null, `history ${seed}: ${result.steps.join('\n')}`);
    for (const [name, count] of Object.entries(result.counts)) counts[name] = (counts[name] ?? 0) + count;
  }
  for (const name of [
    'served a',
    'served b',
    'served default',
    'pause_tenant',
    'resume_tenant',
    'restart',
    'quota refused',
  ])
    assert.ok(counts[name]! > 0, `${name} happens`);
});

describe('a rule broken on purpose is detected in a history of its own:', () => {
  for (const { name, play } of TENANT_RULES) {
    test(name, async () => {
      const sound = new TenantsHistory();
      play(sound);
      assert.equal(sound.result(0).violation, null, 'with the rule it goes well');
      const { failed } = await runQueueHistories({ histories: 1, seed: 0, workers: 1, rule: name, thread });
      assert.ok(failed, 'without the rule it goes well, too');
    });
  }
});
