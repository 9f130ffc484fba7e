/** One row of the kill table for `tmon-worker`; python-main.ts has all. */
import { test } from 'node:test';
import { PYTHON_WORKER } from './python-worker.ts';
import { handBack } from './table.ts';

test('tmon-worker, SIGTERM twice: its engine is killed and the job is back, without an attempt', {
  timeout: 230_000,
}, async (t) => {
  const { scene } = await handBack(t, PYTHON_WORKER);
  await scene.close();
});
