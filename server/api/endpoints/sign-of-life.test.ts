/** Signs of life: every request of a worker keeps it healthy, and its reports keep their leases, without heartbeats. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Worker } from '../../../protocol/worker.ts';
import { FaultyStore } from '../../../test/servers/faulty-store.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { type Monitor, openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO, claim, complete, fail, hold, register, submit, TRANSCRIPT } from '../../../test/servers/steps.ts';

const SECOND_MS = 1_000;

type Cleaning = Parameters<typeof openMonitor>[0];

async function open(t: Cleaning, settings: { soft_linger_ms?: number } = {}) {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock, ...settings });
  // After a start, silences do not count for one lease time.
  await clock.pass(monitor.settings.lease_ms);
  return { clock, monitor };
}

const worker = async (monitor: Monitor, worker_id = 'worker-1') =>
  (await monitor.get<Worker>(`/workers/${worker_id}`)).body;

/** Repeats an act every 20 s for three minutes, twice the allowed silence. */
async function often(clock: JumpingClock, act: () => Promise<unknown>): Promise<void> {
  for (let n = 0; n < 9; n++) {
    await act();
    await clock.pass(20 * SECOND_MS);
  }
}

test('a worker that claims and reports without heartbeats stays healthy, and keeps its lease', async (t) => {
  const { clock, monitor } = await open(t);
  const held = await hold(monitor);
  await register(monitor, 'worker-silent');
  let percentage = 0;
  const report = () => monitor.put(`/jobs/${held.id}/progress`, { lease_token: held.token, percentage: ++percentage });
  await often(clock, report);
  assert.equal((await worker(monitor)).health.status, 'HEALTHY');
  await monitor.until<Worker>('/workers/worker-silent', ({ health }) => health.status === 'UNHEALTHY');
  const job = await complete(monitor, held);
  assert.deepEqual([job.state, job.retry_info.attempt], ['COMPLETED', 1]);
});

for (const [act, does] of Object.entries({
  'a claim that finds nothing': (monitor: Monitor) => async () => {
    assert.deepEqual(await claim(monitor), []);
  },
  'registering again': (monitor: Monitor) => () => register(monitor),
  'completing jobs': (monitor: Monitor) => async () => {
    await submit(monitor);
    await complete(monitor, (await claim(monitor))[0]!);
  },
  'failing jobs': (monitor: Monitor) => async () => {
    await submit(monitor);
    await fail(monitor, (await claim(monitor))[0]!);
  },
})) {
  test(`${act} is a sign of life`, async (t) => {
    const { clock, monitor } = await open(t);
    await register(monitor);
    await often(clock, does(monitor));
    assert.equal((await worker(monitor)).health.status, 'HEALTHY');
  });
}

test('storing a transcript and lines of POST /events under a lease are signs of life and renew it', async (t) => {
  const { clock, monitor } = await open(t);
  for (const act of [
    ({ id, token }: { id: string; token: string }) =>
      monitor.put(`/jobs/${id}/transcript`, TRANSCRIPT, { 'lease-token': token }),
    ({ id, token }: { id: string; token: string }) =>
      monitor.post(
        '/events',
        JSON.stringify({ event: 'JOB_PROGRESS', job_id: id, lease_token: token, percentage: 5 }),
        { 'content-type': 'application/x-ndjson' },
      ),
  ]) {
    const held = await hold(monitor);
    await often(clock, () => act(held));
    assert.equal((await worker(monitor)).health.status, 'HEALTHY');
    assert.equal((await complete(monitor, held)).retry_info.attempt, 1);
  }
});

test('a claim shortly after another sign of life writes nothing', async (t) => {
  const { clock, monitor } = await open(t);
  await register(monitor);
  const seq = (await monitor.get('/queues/main')).headers.get('tmon-seq');
  for (let n = 0; n < 9; n++) {
    await claim(monitor);
    await clock.pass(SECOND_MS);
  }
  assert.equal((await monitor.get('/queues/main')).headers.get('tmon-seq'), seq);
});

test('a report keeps the health of the last heartbeat', async (t) => {
  const { clock, monitor } = await open(t);
  const held = await hold(monitor);
  const health = { cpu_usage: 50, memory_usage: 97, gpu_usage: null, disk_usage: 3 };
  await monitor.post('/workers/worker-1/heartbeat', { health, leases: [held.token] });
  await often(clock, () => monitor.put(`/jobs/${held.id}/progress`, { lease_token: held.token, percentage: 50 }));
  assert.deepEqual((await worker(monitor)).health, { status: 'DEGRADED', reason: 'memory use is 97 %', ...health });
});

test('two heartbeats of one worker within the linger renew the leases of both', async (t) => {
  const { clock, monitor } = await open(t, { soft_linger_ms: 800 });
  await register(monitor);
  const jobs = [await submit(monitor), await submit(monitor)];
  const held = await claim(monitor, 'worker-1', 2);
  assert.equal(held.length, jobs.length);
  await often(clock, async () => {
    for (const { token } of held) {
      const { body } = await monitor.post('/workers/worker-1/heartbeat', { leases: [token] });
      assert.deepEqual(
        body.leases.map((lease: { token: string }) => lease.token),
        [token],
      );
    }
  });
  for (const job of held) assert.equal((await complete(monitor, job)).retry_info.attempt, 1);
});

test('the shown health is the worse of the worker’s own status and the monitor’s', async (t) => {
  const { clock, monitor } = await open(t);
  await register(monitor);
  const shown = async (health: object, status: string) => {
    await monitor.post('/workers/worker-1/heartbeat', { health });
    await monitor.until<Worker>('/workers/worker-1', (worker) => worker.health.status === status);
  };
  await shown({ status: 'DEGRADED' }, 'DEGRADED');
  await shown({ status: 'HEALTHY', disk_usage: 97 }, 'DEGRADED');
  await shown({ status: 'HEALTHY', disk_usage: 7 }, 'HEALTHY');
  await shown({ status: 'UNHEALTHY' }, 'UNHEALTHY');
  await clock.pass(31 * SECOND_MS);
  assert.equal((await worker(monitor)).health.status, 'UNHEALTHY', 'silence makes it no better');
  const refused = await monitor.post('/workers/worker-1/heartbeat', { health: { status: 'FINE' } });
  assert.deepEqual([refused.status, refused.body.errors[0].field], [400, '/health/status']);
});

test('while the store accepts no writes, heartbeats and progress are 503; the job continues later', async (t) => {
  const clock = new JumpingClock();
  const store = new FaultyStore(clock);
  const monitor = await openMonitor(t, { clock, objects: store });
  const held = await hold(monitor);
  store.break('full');
  assert.equal((await monitor.post('/jobs', { audio_url: AUDIO })).status, 503);
  const line = { event: 'JOB_PROGRESS', job_id: held.id, lease_token: held.token, percentage: 5 };
  for (const response of [
    await monitor.post('/workers/worker-1/heartbeat', { leases: [held.token] }),
    await monitor.post('/events', JSON.stringify(line), { 'content-type': 'application/x-ndjson' }),
  ]) {
    assert.deepEqual([response.status, response.body.code], [503, 'store_unavailable']);
    assert.ok(Number(response.headers.get('retry-after')) > 0);
  }
  store.repair();
  clock.jump(2 * SECOND_MS);
  await submit(monitor);
  const { body } = await monitor.post('/workers/worker-1/heartbeat', { leases: [held.token] });
  assert.equal(body.leases.length, 1);
});
