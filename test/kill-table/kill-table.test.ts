/**
 * Everything that takes part is killed or stopped, with a real engine: each time the job ends with its transcript, nothing is lost, and no
 * process is left.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isOurs } from '../processes/left-processes.ts';
import { extent } from '../thorough.ts';
import { shelledEngine } from './engine.ts';
import { openScene } from './scene.ts';

const WITHIN = { timeout: 230_000 };
const MEMORY_BYTES_MAX = 512 * 1024 * 1024;

test('kill -9 of the worker ends its engine, and another worker transcribes after the lease', WITHIN, async (t) => {
  const scene = await openScene(t);
  const id = await scene.submit();
  const engine = await shelledEngine(t, 'sleep');
  const worker = await scene.worker('killed', engine);
  const pid = await engine.held();
  worker.kill('SIGKILL');
  await worker.ended;
  await scene.worker('other', await shelledEngine(t, 'nothing'));
  const job = await scene.transcribed(id);
  assert.deepEqual([job.worker?.worker_id, job.retry_info.attempt], ['other', 2]);
  assert.match(JSON.stringify(job.state_history), /lease_expired/);
  assert.equal(isOurs(pid), false);
  await scene.close();
});

test('kill -9 of the engine fails the attempt at once, and the next one transcribes', WITHIN, async (t) => {
  const scene = await openScene(t);
  const id = await scene.submit();
  const engine = await shelledEngine(t, 'sleep', { times: 1 });
  await scene.worker('worker', engine);
  process.kill(await engine.held(), 'SIGKILL');
  const job = await scene.transcribed(id);
  assert.equal(job.retry_info.attempt, 2);
  assert.match(JSON.stringify(job.state_history), /engine_crashed/);
  await scene.close();
});

test('kill -9 of the monitor delays the transcript until it is back, and nothing else', WITHIN, async (t) => {
  const scene = await openScene(t);
  const id = await scene.submit();
  const engine = await shelledEngine(t, 'wait');
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

test('a worker that is stopped loses its job to another, and writes nothing once it goes on', WITHIN, async (t) => {
  const scene = await openScene(t, { lease_ms: 3_000 });
  const id = await scene.submit();
  const engine = await shelledEngine(t, 'wait');
  const stopped = await scene.worker('stopped', engine);
  const pid = await engine.held();
  stopped.kill('SIGSTOP');
  await scene.worker('other', await shelledEngine(t, 'nothing'));
  const job = await scene.transcribed(id);
  assert.deepEqual([job.worker?.worker_id, job.retry_info.attempt], ['other', 2]);
  stopped.kill('SIGCONT');
  await stopped.line(/\blost\b/);
  assert.equal(isOurs(pid), false);
  assert.deepEqual(await scene.api.jobs.get(id), job);
  await scene.close();
});

test('SIGTERM lets the worker finish its job, and leaves the next one', WITHIN, async (t) => {
  const scene = await openScene(t);
  const first = await scene.submit();
  const engine = await shelledEngine(t, 'wait');
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

test('SIGTERM twice kills the engine and hands the job back, without an attempt', WITHIN, async (t) => {
  const scene = await openScene(t);
  const id = await scene.submit();
  const engine = await shelledEngine(t, 'sleep');
  const worker = await scene.worker('worker', engine);
  const pid = await engine.held();
  worker.kill('SIGTERM');
  await worker.line(/finishing the current jobs/);
  worker.kill('SIGTERM');
  assert.equal((await worker.ended).code, 0);
  assert.equal(isOurs(pid), false);
  const { state, retry_info } = await scene.api.jobs.get(id);
  assert.deepEqual([state, retry_info.attempt], ['QUEUED', 1]);
  await scene.worker('other', await shelledEngine(t, 'nothing'));
  const job = await scene.transcribed(id);
  assert.deepEqual([job.worker?.worker_id, job.retry_info.attempt], ['other', 1]);
  await scene.close();
});

const FLOODS = [
  ['in one line', 'writes_a_line'],
  ['in lines', 'writes_lines'],
] as const;
for (const [how, first] of FLOODS.slice(0, extent(2, 1))) {
  test(`100 MB on standard error ${how} are read, and not kept`, WITHIN, async (t) => {
    const scene = await openScene(t);
    const id = await scene.submit();
    const worker = await scene.worker('worker', await shelledEngine(t, first));
    const job = await scene.transcribed(id);
    assert.equal(job.retry_info.attempt, 1);
    assert.ok(peakMemory(worker.pid!) < MEMORY_BYTES_MAX);
    await scene.close();
  });
}

/** 0 where there is no /proc. */
function peakMemory(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
