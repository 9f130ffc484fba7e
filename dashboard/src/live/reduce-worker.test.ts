/** A worker, by the feed of workers and of jobs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobChanged, WorkerChanged } from '../../../protocol/feed-messages.ts';
import { workerOf } from '../testing.ts';
import { withJobOfWorker, withWorkerMessage } from './reduce-worker.ts';

const common = { type: 'update' as const, at: '2026-11-27T11:01:00Z', seq: 11, index: 0 };

const worker = (change: Partial<WorkerChanged>): WorkerChanged => ({
  ...common,
  event: 'WorkerBeat',
  resource: 'worker',
  worker_id: 'gpu-1',
  ...change,
});

const job = (change: Partial<JobChanged>): JobChanged => ({
  ...common,
  event: 'JobAssigned',
  resource: 'job',
  job_id: 'job-1',
  state: 'PROCESSING',
  percentage: 0,
  stage: null,
  ...change,
});

test('a heartbeat renews the health and says when it was', () => {
  const health = { status: 'HEALTHY' as const, gpu_usage: 80 };
  const after = withWorkerMessage(workerOf(), worker({ health }))!;
  assert.deepEqual([after.health.gpu_usage, after.health.cpu_usage, after.last_heartbeat], [80, 5, common.at]);
});

test('a silent worker keeps the time of its last heartbeat', () => {
  const health = { status: 'UNHEALTHY' as const };
  const after = withWorkerMessage(workerOf(), worker({ event: 'WorkerStatusChanged', health, reason: 'silent' }))!;
  assert.deepEqual(
    [after.health.status, after.reason, after.last_heartbeat],
    ['UNHEALTHY', 'silent', workerOf().last_heartbeat],
  );
});

test('a worker that is not known has to be fetched', () => {
  assert.equal(withWorkerMessage(undefined, worker({ event: 'WorkerRegistered' })), null);
});

test('a worker is active while it holds a job, and counts how it ended', () => {
  const busy = withJobOfWorker(workerOf(), job({ worker_id: 'gpu-1' }));
  assert.deepEqual([busy.state, busy.current_job?.job_id], ['ACTIVE', 'job-1']);
  const other = withJobOfWorker(busy, job({ job_id: 'job-2', state: 'COMPLETED' }));
  assert.equal(other, busy);
  const idle = withJobOfWorker(busy, job({ state: 'COMPLETED' }));
  assert.deepEqual([idle.state, idle.current_job, idle.performance.jobs_completed], ['IDLE', null, 1]);
});

test('a draining worker stays so when its job ends', () => {
  const draining = { ...withJobOfWorker(workerOf(), job({ worker_id: 'gpu-1' })), state: 'DRAINING' as const };
  assert.equal(withJobOfWorker(draining, job({ state: 'QUEUED', worker_id: null })).state, 'DRAINING');
});
