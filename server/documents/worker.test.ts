/** The worker document has every field of the documents' shape, and is valid by the schema of responses. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MINUTE_MS } from '../../protocol/time.ts';
import { Worker } from '../../protocol/worker.ts';
import { running } from '../state-machine/testing-recording.ts';
import { assertValid } from '../state-machine/testing-schemas.ts';
import { workerDocument } from './worker.ts';

describe('a worker document', () => {
  const { monitor, lease } = running();
  const worker = workerDocument(monitor.state, monitor.worker('worker-123'));

  test('is valid, also for a worker without heartbeats', () => {
    assertValid(Worker, worker);
    monitor.run({ type: 'launch_worker', worker_id: 'worker-456', launch: {} });
    assertValid(Worker, workerDocument(monitor.state, monitor.worker('worker-456')));
  });

  test('[A36] has its ids, state and times', () => {
    assert.deepEqual(
      [worker.worker_id, worker.instance_id, worker.state, worker.created_at, worker.last_heartbeat],
      ['worker-123', 'i-0123456789', 'ACTIVE', '2025-07-07T19:32:00Z', '2025-07-07T19:35:00Z'],
    );
  });

  test('[A37] has its health, in percent', () => {
    assert.deepEqual(worker.health, {
      status: 'HEALTHY',
      reason: null,
      cpu_usage: 85.5,
      memory_usage: 65.2,
      gpu_usage: 95.8,
      disk_usage: 45.1,
    });
  });

  test('[A38] has its capabilities', () => {
    assert.deepEqual(worker.capabilities, { model: 'large-v3', device: 'cuda', gpu_optimized: true, batch_size: 64 });
  });

  test('[A39] has its current job', () => {
    assert.deepEqual(worker.current_job, {
      job_id: 'job-abc123',
      started_at: '2025-07-07T19:32:00Z',
      estimated_completion: '2025-07-07T19:45:00Z',
    });
  });

  test('[A41] has its location', () => {
    assert.deepEqual(worker.location, {
      region: 'us-east-1',
      availability_zone: 'us-east-1a',
      instance_type: 'g4dn.xlarge',
      spot_price: 0.36,
    });
  });

  test('[A40] has its performance: completed and failed attempts, time, success rate', () => {
    assert.deepEqual(worker.performance, {
      jobs_completed: 0,
      jobs_failed: 0,
      total_runtime_seconds: 0,
      average_job_time: null,
      success_rate: null,
    });
    monitor.later(2 * MINUTE_MS).complete(lease);
    const failing = monitor.claimed('job-2', {}, 'worker-123');
    monitor.later(MINUTE_MS).fail(failing);
    const done = workerDocument(monitor.state, monitor.worker('worker-123'));
    assert.deepEqual(done.performance, {
      jobs_completed: 1,
      jobs_failed: 1,
      total_runtime_seconds: 360,
      average_job_time: 300,
      success_rate: 0.5,
    });
    assert.deepEqual([done.state, done.current_job], ['IDLE', null]);
    assertValid(Worker, done);
  });
});
