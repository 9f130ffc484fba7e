/** The series of workers stay bounded, however many workers there are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Monitor } from '../state-machine/testing.ts';
import type { Family } from './family.ts';
import { WORKERS_MAX, workerFamilies } from './worker-families.ts';

const valuesOf = (families: readonly Family[], name: string) =>
  families.find((family) => family.name === `transcription_monitor_${name}`)!.values;

test('a thousand workers of a thousand models have a hundred series, and sums over all', () => {
  const monitor = new Monitor();
  for (let n = 0; n < 1000; n++) {
    monitor.run({
      type: 'register_worker',
      worker_id: `worker-${n}`,
      registration: { capabilities: { model: `model-${n}`, device: 'cuda' } },
    });
  }
  const families = workerFamilies(monitor.state);
  assert.equal(valuesOf(families, 'worker_jobs').length, WORKERS_MAX);
  assert.deepEqual(valuesOf(families, 'worker_jobs')[99]?.labels, { worker: 'worker-99' });
  assert.equal(valuesOf(families, 'workers_not_shown')[0]?.value, 900);
  assert.deepEqual(valuesOf(families, 'workers'), [{ value: 1000, labels: { state: 'IDLE' } }]);
  const models = valuesOf(families, 'workers_by_model');
  assert.equal(models.length, 51);
  assert.deepEqual(models.at(-1), { value: 950, labels: { model: 'other', device: 'other' } });
  assert.ok(families.reduce((sum, { values }) => sum + values.length, 0) < 400);
});
