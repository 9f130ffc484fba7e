/** Many jobs, one good worker and one whose GPU is gone: every job is transcribed, and the broken worker is shown as such. */
import assert from 'node:assert/strict';
import { startPythonWorker } from '../processes/python-worker.ts';
import type { Cleaning } from '../processes/tmon.ts';
import { shelledEngine } from './engine.ts';
import { openScene } from './scene.ts';

export async function playBrokenWorker(t: Cleaning, { jobs: count }: { jobs: number }): Promise<void> {
  const scene = await openScene(t);
  const { api } = scene;
  await scene.worker('broken', await shelledEngine(t, 'ends_without_gpu'));
  const good = await startPythonWorker(t, scene.url);
  // Both wait when the first job comes.
  for await (const _ of api.feed.follow({ resource: 'workers' }))
    if ((await Array.fromAsync(api.workers.list())).length === 2) break;

  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await scene.submit());
  for await (const _ of api.feed.follow({ resource: 'alerts' })) {
    const alerts = await Array.fromAsync(api.system.alerts());
    if (alerts.some(({ rule, subject }) => rule === 'worker_degraded' && subject === 'broken')) break;
  }
  const { health, reason } = await api.workers.get('broken');
  assert.equal(health.status, 'DEGRADED');
  assert.match(`${reason} ${JSON.stringify(health)}`, /gpu_unavailable|no CUDA-capable device/);

  const jobs = [];
  for (const id of ids) jobs.push(await scene.transcribed(id));
  for (const { worker, retry_info } of jobs) {
    assert.notEqual(worker?.worker_id, 'broken');
    assert.equal(retry_info.attempt, 1);
  }
  good.kill('SIGTERM');
  assert.equal((await good.ended).code, 0);
  await scene.close();
}
