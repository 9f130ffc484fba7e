/** Many jobs, one good worker and one whose GPU is gone: every job is transcribed, and the broken worker is shown as such. */
import assert from 'node:assert/strict';
import { startPythonWorker } from '../processes/python-worker.ts';
import type { Cleaning } from '../processes/tmon.ts';
import { shelledEngine } from './engine.ts';
import { openScene } from './scene.ts';

/** `good_first`: both compete for the jobs from the start. Otherwise the good one comes when the broken one has failed enough. */
export type BrokenWorkerOptions = { jobs: number; good_first: boolean };

export async function playBrokenWorker(t: Cleaning, { jobs: count, good_first }: BrokenWorkerOptions): Promise<void> {
  const scene = await openScene(t);
  const { api } = scene;
  const startGood = async () => {
    const worker = await startPythonWorker(t, scene.url);
    for await (const _ of api.feed.follow({ resource: 'workers' }))
      if ((await Array.fromAsync(api.workers.list())).some(({ worker_id }) => worker_id !== 'broken')) break;
    return worker;
  };
  const early = good_first ? await startGood() : null;
  const broken = await scene.worker('broken', await shelledEngine(t, 'ends_without_gpu'));
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await scene.submit());
  if (!good_first) await broken.line(/claiming no jobs/);
  const good = early ?? (await startGood());

  for (const id of ids) {
    const { worker, retry_info } = await scene.transcribed(id);
    assert.notEqual(worker?.worker_id, 'broken');
    assert.equal(retry_info.attempt, 1);
  }
  const { health } = await api.workers.get('broken');
  assert.equal(health.status, 'DEGRADED');
  assert.match(JSON.stringify(health), /gpu_unavailable/);
  const alerts = await Array.fromAsync(api.system.alerts());
  assert.ok(alerts.some(({ rule, subject }) => rule === 'worker_degraded' && subject === 'broken'));
  good.kill('SIGTERM');
  assert.equal((await good.ended).code, 0);
  await scene.close();
}
