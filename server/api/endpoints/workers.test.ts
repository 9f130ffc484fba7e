/** Workers over HTTP: operators' requests, registrations and heartbeats. Claims are in claims.test.ts. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Worker } from '../../../protocol/worker.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { claim, complete, fail, hold, register, submit } from '../../../test/servers/steps.ts';

const monitor = await openMonitor({ after });

const CAPABILITIES = { model: 'large-v3', device: 'cuda', gpu_optimized: true, batch_size: 64 };
const LOCATION = {
  region: 'us-east-1',
  availability_zone: 'us-east-1a',
  instance_type: 'g4dn.xlarge',
  spot_price: 0.35,
};

test('[A36] [A38] [A41] [A71] a registered worker is shown at once, as it registered', async () => {
  const registration = { instance_id: 'i-0123456789', capabilities: CAPABILITIES, location: LOCATION };
  const { status, body } = await monitor.put<Worker>('/workers/worker-123', registration);
  assert.equal(status, 201);
  assert.deepEqual([body.worker_id, body.instance_id, body.state], ['worker-123', 'i-0123456789', 'IDLE']);
  assert.deepEqual([body.capabilities, body.location, body.current_job], [CAPABILITIES, LOCATION, null]);
  assert.match(body.created_at, /Z$/);
  assert.deepEqual((await monitor.get<Worker>('/workers/worker-123')).body, body);
});

test('registering again is 200 and replaces each field completely: a lost GPU is no longer shown', async () => {
  const again = await monitor.put<Worker>('/workers/worker-123', { capabilities: { batch_size: 32 } });
  assert.equal(again.status, 200);
  assert.deepEqual(again.body.capabilities, { model: null, device: null, gpu_optimized: null, batch_size: 32 });
  assert.deepEqual(
    [again.body.instance_id, again.body.location],
    ['i-0123456789', LOCATION],
    'what it leaves out stays',
  );
  const seq = again.headers.get('tmon-seq');
  const same = await monitor.put<Worker>('/workers/worker-123', { capabilities: { batch_size: 32 } });
  assert.equal(same.headers.get('tmon-seq'), seq, 'an unchanged registration is not an event');
  const moved = await monitor.put<Worker>('/workers/worker-123', {
    capabilities: { batch_size: 32 },
    location: { region: 'eu-west-1' },
  });
  assert.deepEqual(moved.body.location, {
    region: 'eu-west-1',
    availability_zone: null,
    instance_type: null,
    spot_price: null,
  });
  const back = await monitor.put<Worker>('/workers/worker-123', { capabilities: CAPABILITIES });
  assert.deepEqual(back.body.capabilities, CAPABILITIES);
});

test('the error names every wrong field of a registration', async () => {
  const { status, body } = await monitor.put('/workers/worker-x', {
    capabilities: { batch_size: 0, speed: 9 },
    location: { spot_price: -1 },
    state: 'IDLE',
  });
  assert.equal(status, 400);
  assert.deepEqual(
    new Set(body.errors.map(({ field }: { field: string }) => field)),
    new Set(['/capabilities/batch_size', '/capabilities/speed', '/location/spot_price', '/state']),
  );
  assert.equal((await monitor.put('/workers/no spaces', { capabilities: {} })).body.code, 'invalid_params');
});

test('[A37] [A39] [A40] a worker shows its health, its job and its statistics', async () => {
  const held = await hold(monitor, {}, 'worker-shown');
  const health = { cpu_usage: 85.5, memory_usage: 65.2, gpu_usage: 95.8, disk_usage: 45.1 };
  const beat = await monitor.post('/workers/worker-shown/heartbeat', { health, leases: [held.token] });
  assert.equal(beat.status, 200);
  assert.deepEqual(beat.body.commands, []);
  assert.equal(beat.body.leases[0].token, held.token);
  assert.ok(beat.body.leases[0].expires_at >= held.lease.expires_at);
  const worker = await monitor.until<Worker>('/workers/worker-shown', (worker) => worker.health.cpu_usage !== null);
  assert.deepEqual(worker.health, { status: 'HEALTHY', reason: null, ...health });
  assert.deepEqual([worker.state, worker.current_job?.job_id], ['ACTIVE', held.id]);
  assert.ok(worker.last_heartbeat !== null);
  await complete(monitor, held);
  await fail(monitor, await hold(monitor, {}, 'worker-shown'));
  const { body } = await monitor.get<Worker>('/workers/worker-shown');
  const { jobs_completed, jobs_failed, success_rate } = body.performance;
  assert.deepEqual([jobs_completed, jobs_failed, success_rate], [1, 1, 0.5]);
  assert.deepEqual([body.state, body.current_job], ['IDLE', null]);
});

test('a full disk or memory makes a worker DEGRADED', async () => {
  await register(monitor, 'worker-full');
  await monitor.post('/workers/worker-full/heartbeat', { health: { disk_usage: 97 } });
  await monitor.until<Worker>('/workers/worker-full', ({ health }) => health.status === 'DEGRADED');
});

test('a lease that is not, or no longer, the worker’s is missing from the response', async () => {
  const held = await hold(monitor, {}, 'worker-lease');
  await complete(monitor, held);
  const { body } = await monitor.post('/workers/worker-lease/heartbeat', {
    leases: [held.token, 'made.1.up', '', '.'],
  });
  assert.deepEqual(body.leases, []);
});

test('a draining worker finishes its jobs, gets no more, and gets the command with its heartbeats', async () => {
  const held = await hold(monitor, {}, 'worker-drain');
  await submit(monitor);
  const { status, body } = await monitor.post<Worker>('/workers/worker-drain/drain');
  assert.deepEqual([status, body.state], [202, 'DRAINING']);
  const beat = await monitor.post('/workers/worker-drain/heartbeat', { leases: [held.token] });
  assert.deepEqual(beat.body.commands, [{ type: 'drain' }]);
  assert.equal(beat.body.leases.length, 1, 'it keeps what it has');
  assert.deepEqual(await claim(monitor, 'worker-drain'), []);
  assert.equal((await complete(monitor, held)).state, 'COMPLETED');
  assert.equal((await monitor.post('/workers/worker-drain/drain')).status, 202, 'a second time is no error');
});

test('a worker that drains for a reason shows it until it is back; other fields are refused', async () => {
  const held = await hold(monitor, {}, 'worker-spot');
  const reason = 'spot interruption at 2025-07-07T20:03:20Z';
  const drained = await monitor.post<Worker>('/workers/worker-spot/drain', { reason, replace: true });
  assert.deepEqual([drained.status, drained.body.state, drained.body.reason], [202, 'DRAINING', reason]);
  for (const wrong of [{ reason: '' }, { reason: 'x'.repeat(501) }, { replace: 'yes' }, { why: reason }]) {
    assert.equal((await monitor.post('/workers/worker-spot/drain', wrong)).status, 400, JSON.stringify(wrong));
  }
  const error = { code: 'worker_drained', message: reason, retryable: true };
  const job = (await monitor.post(`/jobs/${held.id}/fail`, { lease_token: held.token, error })).body;
  assert.deepEqual([job.state, job.retry_info.attempt], ['QUEUED', 1], 'a hand-back does not count as an attempt');
  const ended = await monitor.delete<Worker>('/workers/worker-spot');
  assert.deepEqual([ended.body.state, ended.body.reason], ['TERMINATED', reason]);
  assert.equal((await register(monitor, 'worker-spot')).reason, null);
});

test('[A73] a restart sends the command, and requeues the jobs once the worker registers again', async () => {
  const held = await hold(monitor, {}, 'worker-again');
  const { status, body } = await monitor.post<Worker>('/workers/worker-again/restart');
  assert.deepEqual([status, body.state], [202, 'RESTARTING']);
  const beat = await monitor.post('/workers/worker-again/heartbeat', { leases: [held.token] });
  assert.deepEqual(beat.body.commands, [{ type: 'restart' }]);
  assert.deepEqual(await claim(monitor, 'worker-again'), []);
  assert.equal((await register(monitor, 'worker-again')).state, 'IDLE');
  const job = (await monitor.get(`/jobs/${held.id}`)).body;
  assert.deepEqual([job.state, job.retry_info.attempt], ['QUEUED', 1], 'back in its place, without a lost attempt');
});

test('DELETE terminates a worker now: its jobs return to the queue, its leases end', async () => {
  const held = await hold(monitor, {}, 'worker-end');
  const { status, body } = await monitor.delete<Worker>('/workers/worker-end');
  assert.deepEqual([status, body.state, body.current_job], [200, 'TERMINATED', null]);
  assert.equal((await monitor.get(`/jobs/${held.id}`)).body.state, 'QUEUED');
  assert.equal((await monitor.delete('/workers/worker-end')).status, 200, 'a second time is no error');
  for (const [path, send] of [
    ['/workers/worker-end/heartbeat', {}],
    ['/workers/worker-end/claim', {}],
    ['/workers/worker-end/drain', undefined],
    ['/workers/worker-end/restart', undefined],
  ] as const) {
    const refused = await monitor.post(path, send);
    assert.deepEqual([refused.status, refused.body.code, refused.body.state], [409, 'worker_terminated', 'TERMINATED']);
  }
  assert.equal((await register(monitor, 'worker-end')).state, 'IDLE', 'unless it registers again');
});

test('[A74] a monitor without a fleet refuses a launch, and leaves no trace of the worker', async () => {
  const before = (await monitor.get('/workers?limit=1000')).body.items.length;
  const { status, body } = await monitor.post('/workers', {});
  assert.deepEqual([status, body.code], [409, 'no_fleet']);
  assert.match(body.hint, /--fleet/);
  assert.equal((await monitor.get('/workers?limit=1000')).body.items.length, before);
});

test('an unknown worker is 404 with a hint to register', async () => {
  for (const [method, path, body] of [
    ['GET', '', undefined],
    ['GET', '/jobs', undefined],
    ['DELETE', '', undefined],
    ['POST', '/drain', undefined],
    ['POST', '/restart', undefined],
    ['POST', '/claim', {}],
    ['POST', '/heartbeat', {}],
  ] as const) {
    const { status, body: problem } = await monitor.call(method, `/api/v1/workers/worker-unknown${path}`, { body });
    assert.deepEqual([status, problem.code], [404, 'worker_not_found'], `${method} ${path}`);
    assert.ok(problem.hint);
  }
});

test('a worker’s ETag changes with the estimate of its current job', async () => {
  const held = await hold(monitor, { priority: 'high' }, 'worker-tag');
  const { headers } = await monitor.get('/workers/worker-tag');
  const etag = { 'if-none-match': headers.get('etag')! };
  assert.equal((await monitor.get('/workers/worker-tag', etag)).status, 304);
  const report = { lease_token: held.token, percentage: 10, eta_seconds: 90 };
  await monitor.put(`/jobs/${held.id}/progress`, report);
  await monitor.until('/workers/worker-tag', ({ current_job }) => current_job?.estimated_completion);
  const changed = await monitor.get<Worker>('/workers/worker-tag', etag);
  assert.equal(changed.status, 200);
  assert.ok(changed.body.current_job?.estimated_completion);
});
