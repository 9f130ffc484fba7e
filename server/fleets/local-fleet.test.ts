/** The local fleet through the API: workers as real processes, launched, working, restarted, stopped. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Job } from '../../protocol/job.ts';
import type { Worker } from '../../protocol/worker.ts';
import { wav } from '../../test/processes/wav.ts';
import { type Monitor, type MonitorOptions, openMonitor } from '../../test/servers/monitor.ts';
import { submit } from '../../test/servers/steps.ts';
import { systemClock } from '../clock.ts';
import { LocalFleet } from './local-fleet.ts';

const SPEAK = `exec:sh -c 'echo "hello world" > "$2"' sh {input} {output}`;
/** Prints its process id, then runs for ever. */
const HANG = `exec:sh -c 'echo "chunk 1/4"; exec sleep 1000' sh {input} {output}`;

async function launched(t: TestContext, engine: string, options: MonitorOptions = {}): Promise<[Monitor, Worker]> {
  const monitor = await openMonitor(t, { fleet: `local:${engine}`, ...options });
  const { status, headers, body } = await monitor.post<Worker>('/workers', { location: { spot_price: 0.2 } });
  assert.deepEqual([status, body.state], [201, 'STARTING']);
  assert.match(body.worker_id, /^worker-[0-9A-Z]{26}$/);
  assert.equal(headers.get('location'), `/api/v1/workers/${body.worker_id}`);
  const worker = await monitor.until<Worker>(`/workers/${body.worker_id}`, ({ state }) => state === 'IDLE');
  return [monitor, worker];
}

async function upload(monitor: Monitor): Promise<string> {
  const { body } = await monitor.call('POST', '/api/v1/uploads?name=tone.wav', { body: wav(2) });
  return body.audio_url;
}

test('[A74] POST /workers launches a process that registers under the assigned id, and works', async (t) => {
  const [monitor, worker] = await launched(t, SPEAK);
  assert.equal(worker.location.spot_price, 0.2, 'the fields of the launch are kept');
  assert.ok(worker.capabilities.model);
  const { job_id } = await submit(monitor, { audio_url: await upload(monitor) });
  const job = await monitor.until<Job>(`/jobs/${job_id}`, ({ state }) => state === 'COMPLETED');
  assert.equal(job.worker?.worker_id, worker.worker_id);
  assert.match((await monitor.get(`/jobs/${job_id}/transcript?format=text`)).text, /hello world/);
  assert.ok(job.cost_tracking.actual_cost_usd !== null);
});

test('[A73] a restart ends the process and starts another under the same id; its job is handed back', async (t) => {
  const [monitor, worker] = await launched(t, HANG, { lease_ms: 2_000 });
  const { job_id } = await submit(monitor, { audio_url: await upload(monitor) });
  await monitor.until<Job>(`/jobs/${job_id}`, ({ progress }) => progress.percentage > 0);
  const { status, body } = await monitor.post<Worker>(`/workers/${worker.worker_id}/restart`);
  assert.deepEqual([status, body.state], [202, 'RESTARTING']);
  // The new process claims the job again.
  const job = await monitor.until<Job>(
    `/jobs/${job_id}`,
    ({ state_history }) => state_history.filter(({ state }) => state === 'PROCESSING').length === 2,
  );
  assert.deepEqual([job.worker?.worker_id, job.retry_info.attempt], [worker.worker_id, 1]);
  const again = (await monitor.get<Worker>(`/workers/${worker.worker_id}`)).body;
  assert.deepEqual([again.state, again.created_at], ['ACTIVE', worker.created_at]);
});

test('DELETE ends the process and its engine immediately; the job returns to the queue', async (t) => {
  const [monitor, worker] = await launched(t, HANG);
  const { job_id } = await submit(monitor, { audio_url: await upload(monitor) });
  await monitor.until<Job>(`/jobs/${job_id}`, ({ progress }) => progress.percentage > 0);
  assert.equal((await monitor.delete<Worker>(`/workers/${worker.worker_id}`)).body.state, 'TERMINATED');
  assert.equal((await monitor.get<Job>(`/jobs/${job_id}`)).body.state, 'QUEUED');
});

test('a launch repeated with its key launches one worker', async (t) => {
  const monitor = await openMonitor(t, { fleet: `local:${SPEAK}` });
  const key = { 'idempotency-key': 'launch-1' };
  const [first, again] = await Promise.all([
    monitor.post<Worker>('/workers', undefined, key),
    monitor.post<Worker>('/workers', undefined, key),
  ]);
  assert.equal(again.body.worker_id, first.body.worker_id);
  assert.equal((await monitor.get('/workers')).body.items.length, 1);
});

/** Process ids by worker id, from the log of the fleet. */
function fleetWithPids(engine: string) {
  const pids: number[] = [];
  const listeners = new Set<() => void>();
  const fleet = new LocalFleet({
    clock: systemClock,
    serverUrl: () => 'http://127.0.0.1:9',
    engine,
    log(_, message) {
      const pid = /as process (\d+)$/.exec(message)?.[1];
      if (pid !== undefined) pids.push(Number(pid));
      for (const listener of listeners) listener();
    },
  });
  return { fleet, pids };
}

const member = (worker_id: string) => ({ worker_id, instance_id: null });

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('closing ends every process; a closed fleet launches nothing', async () => {
  const { fleet, pids } = fleetWithPids(SPEAK);
  await Promise.all([fleet.launch('worker-1', {}), fleet.launch('worker-2', {})]);
  await fleet.launch('worker-1', {});
  assert.equal(pids.length, 2, 'a worker that has a process is not launched again');
  assert.deepEqual(pids.map(alive), [true, true]);
  await fleet.close();
  assert.deepEqual(pids.map(alive), [false, false]);
  assert.throws(() => fleet.assertLaunches(), { code: 'stopping' });
  await assert.rejects(fleet.launch('worker-3', {}), { code: 'stopping' });
});

test('terminating ends one process and no other; the fleet does not know workers that it did not launch', async () => {
  const { fleet, pids } = fleetWithPids(SPEAK);
  await fleet.launch('worker-1', {});
  await fleet.launch('worker-2', {});
  assert.equal(await fleet.terminate(member('worker-1')), true);
  assert.deepEqual(pids.map(alive), [false, true]);
  assert.equal(await fleet.terminate(member('worker-1')), false);
  assert.equal(await fleet.restart(member('worker-of-another')), false);
  await fleet.close();
});
