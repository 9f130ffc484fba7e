/**
 * The passing of time over HTTP, with the clock advanced: leases end, workers fall silent, retries and kill deadlines
 * are due.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '../../protocol/job.ts';
import type { Worker } from '../../protocol/worker.ts';
import { JumpingClock } from '../../test/servers/jumping-clock.ts';
import { type MonitorOptions, openMonitor } from '../../test/servers/monitor.ts';
import { claim, complete, completion, fail, hold, register, submit } from '../../test/servers/steps.ts';
import { systemClock } from '../clock.ts';
import { MemoryStore } from '../objects/memory.ts';

const LEASE_MS = 60_000;
const DEGRADED_MS = 30_000;
const LOST_MS = 90_000;
const GONE_MS = 200_000;

async function open(t: Parameters<typeof openMonitor>[0], options: MonitorOptions = {}) {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock, worker_terminated_ms: GONE_MS, lease_ms: LEASE_MS, ...options });
  /** Long enough after the start for leases to expire. */
  const settle = () => clock.pass(LEASE_MS);
  return { clock, monitor, settle };
}

test('[A37] a worker that falls silent is DEGRADED, then UNHEALTHY and without its job, then TERMINATED', async (t) => {
  const { clock, monitor, settle } = await open(t);
  await settle();
  const held = await hold(monitor);
  const later = await submit(monitor);
  await clock.pass(DEGRADED_MS);
  await monitor.until<Worker>('/workers/worker-1', ({ health }) => health.status === 'DEGRADED');
  await clock.pass(LOST_MS - DEGRADED_MS);
  const lost = await monitor.until<Worker>('/workers/worker-1', ({ health }) => health.status === 'UNHEALTHY');
  assert.equal(lost.current_job, null);
  const job = await monitor.until<Job>(`/jobs/${held.id}`, ({ state }) => state === 'QUEUED');
  assert.deepEqual([job.retry_info.attempt, job.retry_info.last_error?.retryable], [2, true]);
  await monitor.until('/system/alerts', ({ items }) =>
    items.some((one: { rule: string; subject: string }) => one.rule === 'worker_lost' && one.subject === 'worker-1'),
  );

  const late = await monitor.post(`/jobs/${held.id}/complete`, completion(held.token));
  assert.deepEqual([late.status, late.body.code], [409, 'lease_expired']);
  await register(monitor, 'worker-2');
  const [first, second] = await claim(monitor, 'worker-2', 2);
  assert.deepEqual([first?.id, second?.id], [held.id, later.job_id], 'it had kept its place');

  await clock.pass(GONE_MS - LOST_MS);
  await monitor.until<Worker>('/workers/worker-1', ({ state }) => state === 'TERMINATED');
});

test('a worker that reports again is HEALTHY, and its alert is resolved', async (t) => {
  const { clock, monitor, settle } = await open(t);
  await settle();
  await register(monitor);
  await clock.pass(LOST_MS);
  await monitor.until<Worker>('/workers/worker-1', ({ health }) => health.status === 'UNHEALTHY');
  await monitor.until('/system/alerts', ({ items }) => items.length === 1);
  assert.equal((await monitor.post('/workers/worker-1/heartbeat', {})).status, 200);
  await monitor.until<Worker>('/workers/worker-1', ({ health }) => health.status === 'HEALTHY');
  await clock.pass(5_000);
  await monitor.until('/system/alerts', ({ items }) => items.length === 0);
});

test('a lease that is not renewed ends although its worker beats; a renewed lease does not', async (t) => {
  const { clock, monitor, settle } = await open(t);
  await settle();
  const forgotten = await hold(monitor);
  const kept = await hold(monitor);
  for (let n = 0; n < 4; n++) {
    await clock.pass(LEASE_MS / 3);
    await monitor.post('/workers/worker-1/heartbeat', { leases: [kept.token] });
  }
  const back = await monitor.until<Job>(`/jobs/${forgotten.id}`, ({ state }) => state === 'QUEUED');
  assert.equal(back.retry_info.last_error?.code, 'lease_expired');
  assert.equal((await complete(monitor, kept)).state, 'COMPLETED');
});

test('a lease shorter than the interval between ticks ends too', async (t) => {
  const { clock, monitor } = await open(t, { lease_ms: 1_000 });
  await clock.pass(2_000);
  const { id } = await hold(monitor);
  await clock.pass(5_000);
  await monitor.until<Job>(`/jobs/${id}`, ({ state }) => state === 'QUEUED');
});

test('a lease that expires during the last attempt ends the job', async (t) => {
  const { clock, monitor, settle } = await open(t);
  await settle();
  const { id } = await hold(monitor, { max_attempts: 1 });
  await clock.pass(LEASE_MS);
  const job = await monitor.until<Job>(`/jobs/${id}`, ({ state }) => state === 'FAILED');
  assert.equal(job.retry_info.last_error?.code, 'lease_expired');
});

test('after a start, no lease expires for one lease time, so that workers can report first', async (t) => {
  const clock = new JumpingClock();
  const objects = new MemoryStore(systemClock);
  const first = await openMonitor(t, { objects, clock, lease_ms: LEASE_MS });
  const held = await hold(first);
  await first.stop();
  clock.jump(10 * LEASE_MS);
  const second = await openMonitor(t, { objects, clock, lease_ms: LEASE_MS });
  await clock.pass(LEASE_MS / 2);
  assert.equal((await second.get(`/jobs/${held.id}`)).body.state, 'PROCESSING');
  const { body } = await second.post('/workers/worker-1/heartbeat', { leases: [held.token] });
  assert.equal(body.leases.length, 1);
  await clock.pass(LEASE_MS / 2);
  assert.equal((await complete(second, held)).state, 'COMPLETED');
});

test('after the machine was suspended, leases are spared for one lease time and expire after that', async (t) => {
  const { clock, monitor, settle } = await open(t);
  await settle();
  const held = await hold(monitor);
  clock.jump(10 * LEASE_MS);
  await clock.pass(LEASE_MS / 2);
  assert.equal((await monitor.get(`/jobs/${held.id}`)).body.state, 'PROCESSING');
  await clock.pass(LEASE_MS / 2);
  await monitor.until<Job>(`/jobs/${held.id}`, ({ state }) => state === 'QUEUED');
});

test('[A69] a job whose worker does not stop is CANCELLED at the kill deadline', async (t) => {
  const { clock, monitor, settle } = await open(t, { kill_deadline_ms: 20_000 });
  await settle();
  const held = await hold(monitor);
  assert.equal((await monitor.delete(`/jobs/${held.id}`)).status, 202);
  await clock.pass(20_000);
  await monitor.until<Job>(`/jobs/${held.id}`, ({ state }) => state === 'CANCELLED');
  assert.equal((await monitor.get('/workers/worker-1')).body.current_job, null);
});

test('a retry is handed out after its delay, which doubles', async (t) => {
  const { clock, monitor } = await open(t, { retry_base_ms: 10_000 });
  const held = await hold(monitor);
  const { retry_info, updated_at } = await fail(monitor, held, true);
  const delay_ms = Date.parse(retry_info.next_attempt_at!) - Date.parse(updated_at);
  assert.ok(delay_ms >= 5_000 && delay_ms <= 10_000, `${delay_ms}`);
  assert.deepEqual(await claim(monitor), []);
  const waiting = monitor.post('/workers/worker-1/claim', { wait_seconds: 20 });
  await clock.pass(11_000);
  assert.equal((await waiting).body.jobs[0].attempt.number, 2);
});

test('dead letters are dropped and commands forgotten after their retention times', async (t) => {
  const { clock, monitor } = await open(t, { dlq_window_ms: 30_000, commands_window_ms: 30_000 });
  await fail(monitor, await hold(monitor));
  const key = { 'idempotency-key': 'short-lived' };
  const first = await monitor.post<Job>('/jobs', { audio_url: 's3://a/b' }, key);
  await clock.pass(40_000);
  await monitor.until('/queues/dlq', ({ messages_visible }) => messages_visible === 0);
  const again = await monitor.post<Job>('/jobs', { audio_url: 's3://a/b' }, key);
  assert.notEqual(again.body.job_id, first.body.job_id);
});

test('an idle fleet costs nothing: time alone writes no segment', async (t) => {
  const { clock, monitor, settle } = await open(t);
  await register(monitor);
  await monitor.delete('/workers/worker-1');
  await settle();
  const seq = (await monitor.get('/queues/main')).headers.get('tmon-seq');
  await clock.pass(600_000);
  assert.equal((await monitor.get('/queues/main')).headers.get('tmon-seq'), seq);
});

/** A machine whose wall clock can be set without changing the monotonic time. */
class SettableClock extends JumpingClock {
  wrong_by_ms = 0;

  override now(): number {
    return super.now() + this.wrong_by_ms;
  }
}

const YEARS_MS = 10 * 365 * 24 * 3_600_000;

for (const [how, wrong_by_ms] of [
  ['an hour ahead', 3_600_000],
  ['an hour back', -3_600_000],
  ['ten years ahead', YEARS_MS],
  ['ten years back', -YEARS_MS],
] as const) {
  test(`setting the clock ${how} ends no lease early or late`, async (t) => {
    const clock = new SettableClock();
    const monitor = await openMonitor(t, { clock, objects: new MemoryStore(clock), lease_ms: LEASE_MS });
    await clock.pass(LEASE_MS);
    const held = await hold(monitor);
    clock.wrong_by_ms = wrong_by_ms;
    await clock.pass(LEASE_MS - 5_000);
    assert.equal((await monitor.get(`/jobs/${held.id}`)).body.state, 'PROCESSING');
    const { body: ready } = await monitor.call('GET', '/readyz');
    assert.ok(Math.abs(ready.clock.offset_ms + wrong_by_ms) < 100, `${ready.clock.offset_ms}`);
    assert.deepEqual((await monitor.get('/system/health')).body.clock, ready.clock);
    await clock.pass(6_000);
    await monitor.until<Job>(`/jobs/${held.id}`, ({ state }) => state === 'QUEUED');
    clock.wrong_by_ms = 0;
    await clock.pass(2_000);
    assert.equal((await monitor.call('GET', '/readyz')).body.clock, undefined);
  });
}

test('if the clock is behind the journal at the start, log time continues from the journal', async (t) => {
  const clock = new SettableClock();
  const objects = new MemoryStore(clock);
  clock.wrong_by_ms = YEARS_MS;
  const first = await openMonitor(t, { clock, objects, lease_ms: LEASE_MS });
  const held = await hold(first);
  await first.stop();
  clock.wrong_by_ms = 0;
  const second = await openMonitor(t, { clock, objects, lease_ms: LEASE_MS });
  await clock.pass(2 * LEASE_MS);
  await second.until<Job>(`/jobs/${held.id}`, ({ state }) => state === 'QUEUED');
});

test('a suspend spares leases even if the monotonic clock stood still', async (t) => {
  class SuspendedClock extends JumpingClock {
    suspended_ms = 0;

    override now(): number {
      return super.now() + this.suspended_ms;
    }

    boottime(): number {
      return this.monotonic() + this.suspended_ms;
    }
  }
  const clock = new SuspendedClock();
  const monitor = await openMonitor(t, { clock, objects: new MemoryStore(clock), lease_ms: LEASE_MS });
  await clock.pass(LEASE_MS);
  const held = await hold(monitor);
  clock.suspended_ms = 8 * 3_600_000;
  await clock.pass(LEASE_MS / 2);
  assert.equal((await monitor.get(`/jobs/${held.id}`)).body.state, 'PROCESSING');
  await clock.pass(LEASE_MS / 2 + 2_000);
  await monitor.until<Job>(`/jobs/${held.id}`, ({ state }) => state === 'QUEUED');
});
