/** Claims over HTTP: which worker gets which job, waiting, and clients that disconnect. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import type { Claimed } from '../../../protocol/job.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { claim, complete, register, submit } from '../../../test/servers/steps.ts';

/** A separate monitor for each test that counts waiting jobs. */
const fresh = (t: Parameters<typeof openMonitor>[0]) => openMonitor(t);
const monitor = await openMonitor({ after });

test('a claim hands out the job with its lease, its recording and its attempt', async () => {
  await register(monitor);
  const { job_id } = await submit(monitor, { audio_url: 'https://audio.example/a.mp3?signature=secret' });
  const [held] = await claim(monitor);
  assert.equal(held?.id, job_id);
  assert.equal(held?.job.state, 'PROCESSING');
  assert.equal(held?.audio_url, 'https://audio.example/a.mp3?signature=secret', 'the worker needs the signature');
  assert.equal(held?.job.input.s3_path, 'https://audio.example/a.mp3', '[S16] and no document shows it');
  assert.deepEqual(held?.attempt, { number: 1, batch_size: null });
  assert.ok(held?.lease.expires_at.endsWith('Z') && held.lease.token.length > 20);
  assert.deepEqual(await claim(monitor), [], 'no other worker gets it');
});

test('jobs are handed out by priority, first in first out within each', async () => {
  const ids: string[] = [];
  for (const priority of ['low', 'normal', 'high', 'low', 'normal', 'high'])
    ids.push((await submit(monitor, { priority })).job_id);
  const order = [2, 5, 1, 4, 0, 3].map((n) => ids[n]);
  const claimed = [...(await claim(monitor, 'worker-1', 4)), ...(await claim(monitor, 'worker-1', 1000))];
  assert.deepEqual(
    claimed.map(({ id }) => id),
    order,
  );
});

test('the body of a claim is validated', async () => {
  for (const [body, field] of [
    [{ max_jobs: 0 }, '/max_jobs'],
    [{ max_jobs: 1001 }, '/max_jobs'],
    [{ wait_seconds: 21 }, '/wait_seconds'],
    [{ wait_seconds: '5' }, '/wait_seconds'],
    [{ worker: 'x' }, '/worker'],
  ] as const) {
    const response = await monitor.post('/workers/worker-1/claim', body);
    assert.deepEqual([response.status, response.body.errors[0].field], [400, field]);
  }
});

test('a waiting claim gets the job that arrives', async (t) => {
  const own = await fresh(t);
  await register(own);
  const waiting = own.post<Claimed>('/workers/worker-1/claim', { wait_seconds: 20 });
  const { job_id } = await submit(own);
  assert.equal((await waiting).body.jobs[0]?.job.job_id, job_id);
});

test('each job goes to one of many waiting claims, and the others keep waiting', async (t) => {
  const own = await fresh(t);
  for (let n = 0; n < 5; n++) await register(own, `worker-${n}`);
  const waiting = Array.from({ length: 5 }, (_, n) =>
    own.post<Claimed>(`/workers/worker-${n}/claim`, { wait_seconds: 20 }),
  );
  const claimed: string[] = [];
  for (let n = 0; n < 5; n++) {
    const { job_id } = await submit(own);
    const first = await Promise.race(
      waiting.map(async (response, at) => ({ at, id: (await response).body.jobs[0]?.job.job_id })),
    );
    assert.equal(first.id, job_id);
    waiting.splice(first.at, 1);
    claimed.push(job_id);
  }
  assert.equal(new Set(claimed).size, 5);
});

test('a client that disconnects while it waits gets no job', async (t) => {
  const own = await fresh(t);
  await register(own, 'worker-gone');
  await register(own, 'worker-here');
  const { hostname, port } = new URL(own.url);
  const body = '{"wait_seconds":20}';
  const socket = connect(Number(port), hostname);
  socket.write(
    `POST /api/v1/workers/worker-gone/claim HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
  );
  const here = own.post<Claimed>('/workers/worker-here/claim', { wait_seconds: 20 });
  await own.get('/workers/worker-gone');
  socket.resetAndDestroy();
  await once(socket, 'close');
  const { job_id } = await submit(own);
  const job = await own.until(`/jobs/${job_id}`, ({ state }) => state === 'PROCESSING');
  assert.equal(job.worker.worker_id, 'worker-here');
  assert.equal((await here).body.jobs[0]?.job.job_id, job_id);
});

test('the claim of a worker that is drained while it waits ends at once; another keeps waiting', async (t) => {
  const own = await fresh(t);
  await register(own, 'worker-stays');
  const staying = own.post<Claimed>('/workers/worker-stays/claim', { wait_seconds: 20 });
  for (const [method, path] of [
    ['POST', '/drain'],
    ['POST', '/restart'],
    ['DELETE', ''],
  ] as const) {
    await register(own, 'worker-leaves');
    const leaving = own.post<Claimed>('/workers/worker-leaves/claim', { wait_seconds: 20 });
    await own.get('/workers/worker-leaves');
    await own.call(method, `/api/v1/workers/worker-leaves${path}`);
    assert.deepEqual((await leaving).body.jobs, [], path);
    await own.delete('/workers/worker-leaves');
  }
  const { job_id } = await submit(own);
  assert.equal((await staying).body.jobs[0]?.job.job_id, job_id);
});

test('a claim of a draining worker returns at once without jobs, and costs nothing', async (t) => {
  const own = await fresh(t);
  await register(own);
  await own.post('/workers/worker-1/drain');
  await submit(own);
  const seq = (await own.get('/queues/main')).headers.get('tmon-seq');
  const { headers, body } = await own.post<Claimed>('/workers/worker-1/claim', { wait_seconds: 20 });
  assert.deepEqual(body.jobs, []);
  assert.equal(headers.get('tmon-seq'), seq);
});

test('claims on one connection leak nothing', async (t) => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  for (let n = 0; n < 30; n++) await claim(monitor);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    warnings.filter(({ name }) => name === 'MaxListenersExceededWarning'),
    [],
  );
});

test('a claim repeated with its key returns the same jobs and leases', async () => {
  await submit(monitor);
  await submit(monitor);
  const key = { 'idempotency-key': 'claim-1' };
  const first = await monitor.post<Claimed>('/workers/worker-1/claim', { max_jobs: 1 }, key);
  const again = await monitor.post<Claimed>('/workers/worker-1/claim', { max_jobs: 1 }, key);
  assert.equal(first.body.jobs.length, 1);
  assert.deepEqual(again.body.jobs[0]?.lease, first.body.jobs[0]?.lease);
  assert.equal((await claim(monitor, 'worker-1', 10)).length, 1, 'the second job is still there');
});

test('[A31] waiting time and working time are separate', async () => {
  const { job_id } = await submit(monitor, { duration_seconds: 10 });
  const held = (await claim(monitor, 'worker-1', 10)).find(({ id }) => id === job_id)!;
  const job = await complete(monitor, held);
  assert.ok(job.performance.queue_time_seconds !== null && job.performance.queue_time_seconds >= 0);
  assert.ok(job.performance.processing_time_seconds !== null && job.performance.processing_time_seconds >= 0);
});
