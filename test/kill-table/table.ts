/** What happens when something that takes part is killed or stopped, for any program that is a worker; the kinds are in scene.ts and python-worker.ts. */
import assert from 'node:assert/strict';
import { isOurs } from '../processes/left-processes.ts';
import type { Cleaning } from '../processes/tmon.ts';
import type { Act, ShelledEngine } from './engine.ts';
import { openSceneOf, type Scene, type WorkerKind } from './scene.ts';

/** An engine that a job holds up. */
type Held = Pick<ShelledEngine, 'held' | 'release'>;
export type Play = <E extends Held>(t: Cleaning, kind: WorkerKind<E>) => Promise<void>;

export const KILL_TABLE: [name: string, play: Play][] = [];

function row(name: string, play: Play): void {
  KILL_TABLE.push([name, play]);
}

row('kill -9 of the worker ends its engine, and another worker transcribes after the lease', async (t, kind) => {
  const scene = await openSceneOf(t, kind);
  const id = await scene.submit();
  const engine = await kind.engine(t, 'sleep');
  const worker = await scene.worker('killed', engine);
  const pid = await engine.held();
  worker.kill('SIGKILL');
  await worker.ended;
  await scene.worker('other', await kind.engine(t, 'nothing'));
  const job = await scene.transcribed(id);
  assert.deepEqual([job.worker?.worker_id, job.retry_info.attempt], ['other', 2]);
  assert.match(JSON.stringify(job.state_history), /lease_expired/);
  assert.equal(isOurs(pid), false);
  await scene.close();
});

row('kill -9 of the engine fails the attempt at once, and the next one transcribes', async (t, kind) => {
  const scene = await openSceneOf(t, kind);
  const id = await scene.submit();
  const engine = await kind.engine(t, 'sleep', { times: 1 });
  await scene.worker('worker', engine);
  process.kill(await engine.held(), 'SIGKILL');
  const job = await scene.transcribed(id);
  assert.equal(job.retry_info.attempt, 2);
  assert.match(JSON.stringify(job.state_history), /engine_crashed/);
  await scene.close();
});

row('kill -9 of the monitor delays the transcript until it is back, and nothing else', async (t, kind) => {
  const scene = await openSceneOf(t, kind);
  const id = await scene.submit();
  const engine = await kind.engine(t, 'wait');
  const worker = await scene.worker('worker', engine);
  await engine.held();
  await scene.kill();
  await engine.release();
  await worker.line(/the monitor is away/);
  await scene.restart();
  const job = await scene.transcribed(id);
  assert.deepEqual([job.worker?.worker_id, job.retry_info.attempt], ['worker', 1]);
  await scene.close();
});

row('a worker that is stopped loses its job to another, and writes nothing once it goes on', async (t, kind) => {
  const scene = await openSceneOf(t, kind, { lease_ms: 3_000 });
  const id = await scene.submit();
  const engine = await kind.engine(t, 'wait');
  const stopped = await scene.worker('stopped', engine);
  const pid = await engine.held();
  stopped.kill('SIGSTOP');
  await scene.worker('other', await kind.engine(t, 'nothing'));
  const job = await scene.transcribed(id);
  assert.deepEqual([job.worker?.worker_id, job.retry_info.attempt], ['other', 2]);
  stopped.kill('SIGCONT');
  await stopped.line(/\blost\b/);
  assert.equal(isOurs(pid), false);
  assert.deepEqual(await scene.api.jobs.get(id), job);
  await scene.close();
});

row('SIGTERM lets the worker finish its job, and leaves the next one', async (t, kind) => {
  const scene = await openSceneOf(t, kind);
  const first = await scene.submit();
  const engine = await kind.engine(t, 'wait');
  const worker = await scene.worker('worker', engine);
  await engine.held();
  const second = await scene.submit();
  worker.kill('SIGTERM');
  await worker.line(/finishing the current jobs/);
  await engine.release();
  assert.equal((await worker.ended).code, 0);
  const job = await scene.transcribed(first);
  assert.deepEqual([job.worker?.worker_id, job.retry_info.attempt], ['worker', 1]);
  assert.equal((await scene.api.jobs.get(second)).state, 'QUEUED');
  await scene.close();
});

row('SIGTERM twice kills the engine and hands the job back, without an attempt', async (t, kind) => {
  const { scene, id } = await handBack(t, kind);
  await scene.worker('other', await kind.engine(t, 'nothing'));
  const job = await scene.transcribed(id);
  assert.deepEqual([job.worker?.worker_id, job.retry_info.attempt], ['other', 1]);
  await scene.close();
});

/** SIGTERM twice: the job is back in the queue. */
export async function handBack<E extends Held>(
  t: Cleaning,
  kind: WorkerKind<E>,
): Promise<{ scene: Scene<E>; id: string }> {
  const scene = await openSceneOf(t, kind);
  const id = await scene.submit();
  const engine = await kind.engine(t, 'sleep');
  const worker = await scene.worker('worker', engine);
  const pid = await engine.held();
  worker.kill('SIGTERM');
  await worker.line(/finishing the current jobs/);
  worker.kill('SIGTERM');
  assert.equal((await worker.ended).code, 0);
  assert.equal(isOurs(pid), false);
  const { state, retry_info } = await scene.api.jobs.get(id);
  assert.deepEqual([state, retry_info.attempt], ['QUEUED', 1]);
  return { scene, id };
}

/** Ways to hang. */
export const HANGS = [
  ['is stopped', 'stop'],
  ['spins', 'spin'],
  ['sleeps', 'sleep'],
] as const satisfies readonly (readonly [how: string, first: Act])[];

/** An engine that hangs is killed within its limit, and another worker transcribes. */
export async function playHang<E extends Held>(t: Cleaning, kind: WorkerKind<E>, first: Act): Promise<void> {
  const scene = await openSceneOf(t, kind);
  const id = await scene.submit();
  const engine = await kind.engine(t, first);
  await scene.worker('hung', engine, ['--stall-timeout', '2s']);
  const pid = await engine.held();
  await scene.worker('other', await kind.engine(t, 'nothing'));
  const job = await scene.transcribed(id);
  assert.deepEqual([job.worker?.worker_id, job.retry_info.attempt], ['other', 1]);
  assert.match(JSON.stringify(job.state_history), /engine_stalled/);
  assert.equal(isOurs(pid), false);
  await scene.close();
}
