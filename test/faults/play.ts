/** Plays faults beside a healthy worker with a real recogniser, which goes on transcribing until all are found. */
import assert from 'node:assert/strict';
import { shelledEngine } from '../kill-table/engine.ts';
import { speech } from '../kill-table/speech.ts';
import { type Cleaning, startTmon, temporaryDirectory } from '../processes/tmon.ts';
import type { Fault } from './faults.ts';
import { openFaultScene } from './scene.ts';

/** Calls `found` with what was found of each. */
export async function playFaults(
  t: Cleaning,
  faults: readonly Fault[],
  found: (fault: Fault, text: string | undefined) => void = () => {},
): Promise<void> {
  const scene = await openFaultScene(t);
  const { api, url } = scene;
  // A job goes to the worker that was started for it, while no other one waits for jobs.
  const begun: Promise<void>[] = [];
  for (const fault of faults) {
    const before = scene.starts;
    const played = fault.run(t, scene).then((text) => found(fault, text));
    begun.push(played);
    await Promise.race([scene.started(before), played]);
  }
  const healthy: string[] = [];
  const choice = (await shelledEngine(t, 'nothing')).choice;
  const args = ['worker', '--server', url, '--id', 'healthy', '--engine', choice];
  const worker = startTmon(t, args, { environment: { TMON_WORK_DIR: temporaryDirectory(t) } });
  let over = false;
  const all = Promise.all(begun).finally(() => {
    over = true;
  });
  all.catch(() => {});
  do {
    const { audio_url } = await api.uploads.create({ name: 'speech.wav', body: speech() });
    const { id } = await api.jobs.submit({ audio_url });
    healthy.push(id);
    const { state, worker: by } = await scene.done(id);
    assert.deepEqual([state, by?.worker_id], ['COMPLETED', 'healthy']);
  } while (!over);
  await all;
  const wrong = scene.said.filter(({ job_id }) => healthy.includes(job_id));
  assert.deepEqual(wrong, [], 'verdicts on healthy jobs');
  worker.kill('SIGTERM');
  await worker.ended;
  await scene.close();
}
