import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HOUR_MS, SECOND_MS } from '../../../protocol/time.ts';
import { jobDocument } from '../../documents/job.ts';
import { Monitor, typesOf } from '../testing.ts';

describe('a retryable failure', () => {
  test('[A33] returns the job to the queue as the next attempt, after a delay', () => {
    const monitor = new Monitor();
    const lease = monitor.claimed();
    assert.deepEqual(typesOf(monitor.fail(lease)), ['JobAttemptFailed', 'JobQueued']);
    const job = monitor.job();
    assert.deepEqual([job.state, job.attempt, job.not_before_ms], ['QUEUED', 2, monitor.at_ms + 5 * SECOND_MS]);
    assert.deepEqual(job.last_error, { code: 'crashed', message: 'it crashed', retryable: true });
    assert.deepEqual(jobDocument(job).retry_info, {
      attempt: 2,
      max_attempts: 3,
      last_error: { code: 'crashed', message: 'it crashed', retryable: true, fault: null },
      next_attempt_at: '2025-07-07T19:30:05Z',
    });
    assert.deepEqual(monitor.claim('worker-1'), []);
  });

  test('can be claimed when its delay is over, not before', () => {
    const monitor = new Monitor();
    monitor.fail(monitor.claimed());
    monitor.later(5 * SECOND_MS - 1).tick();
    assert.deepEqual(monitor.claim('worker-1'), []);
    assert.deepEqual(typesOf(monitor.later(1).tick()), ['JobDelayOver']);
    assert.equal(monitor.claim('worker-1').length, 1);
  });

  test('waits twice as long each time, up to the maximum, half of it random', () => {
    for (const jitter of [0, 0.5, 1]) {
      const monitor = new Monitor({ retry_max_ms: 30_000 });
      monitor.register('worker-1');
      monitor.submit('job-1', { max_attempts: 20 });
      for (const full_ms of [5_000, 10_000, 20_000, 30_000, 30_000]) {
        const [lease] = monitor.claim('worker-1');
        monitor.fail(lease!, {}, jitter);
        const delay_ms = monitor.job().not_before_ms! - monitor.at_ms;
        assert.equal(delay_ms, full_ms * (0.5 + jitter / 2));
        monitor.later(delay_ms).tick();
      }
    }
  });

  test('of the last attempt fails the job and puts it into the dead-letter queue', () => {
    const monitor = new Monitor({ retry_base_ms: 0 });
    let lease = monitor.claimed('job-1', { max_attempts: 2 });
    monitor.fail(lease);
    monitor.tick();
    lease = monitor.claim('worker-1')[0]!;
    assert.deepEqual(typesOf(monitor.fail(lease)), ['JobAttemptFailed', 'JobFailed']);
    const job = monitor.job();
    assert.deepEqual([job.state, job.attempt, job.completed_ms], ['FAILED', 2, monitor.at_ms]);
    assert.equal(job.dead?.until_ms, monitor.at_ms + monitor.policy.dlq_window_ms);
    assert.equal(monitor.state.tables.dead.size, 1);
  });
});

test('a failure that is not retryable fails the job at once', () => {
  const monitor = new Monitor();
  const lease = monitor.claimed();
  monitor.fail(lease, { code: 'audio_unreadable', retryable: false });
  assert.deepEqual([monitor.job().state, monitor.job().attempt], ['FAILED', 1]);
  assert.equal(monitor.worker().jobs_failed, 1);
});

test('a job handed back returns at once, and the attempt does not count', () => {
  const monitor = new Monitor();
  let lease = monitor.claimed('job-1', { max_attempts: 1 });
  for (const code of ['worker_drained', 'worker_restarted', 'worker_terminated']) {
    monitor.fail(lease, { code });
    const job = monitor.job();
    assert.deepEqual([job.state, job.attempt, job.not_before_ms], ['QUEUED', 1, null]);
    lease = monitor.claim('worker-1')[0]!;
  }
  assert.equal(monitor.worker().jobs_failed, 0);
});

test('after running out of GPU memory further attempts have the requested batch size', () => {
  const monitor = new Monitor({ retry_base_ms: 0 });
  const { job_id, token } = monitor.claimed();
  monitor.run({
    type: 'fail_job',
    job_id,
    lease_token: token,
    error: { code: 'gpu_out_of_memory', message: 'CUDA out of memory', retryable: true },
    batch_size: 32,
    jitter: 0,
  });
  assert.equal(monitor.job().batch_size, 32);
  monitor.tick();
  monitor.fail(monitor.claim('worker-1')[0]!);
  assert.equal(monitor.job().batch_size, 32);
});

test('a failure that is reported again, because the response was lost, changes nothing', () => {
  const monitor = new Monitor();
  const lease = monitor.claimed();
  monitor.fail(lease);
  const seq = monitor.state.seq;
  assert.deepEqual(typesOf(monitor.fail(lease)), []);
  assert.equal(monitor.state.seq, seq);
});

test('a manual retry resets the attempts; only failed and cancelled jobs can be retried', () => {
  const monitor = new Monitor();
  const retry = (job_id: string) => monitor.run({ type: 'retry_job', job_id });
  monitor.fail(monitor.claimed(), { retryable: false });
  retry('job-1');
  const job = monitor.job();
  assert.deepEqual([job.state, job.attempt, job.dead, job.completed_ms], ['QUEUED', 1, null, null]);
  const refused = retry('job-1').refusal;
  assert.deepEqual(
    [refused?.kind, refused?.code, refused?.extra],
    ['conflict', 'transition_not_allowed', { state: 'QUEUED' }],
  );
  monitor.complete(monitor.claim('worker-1')[0]!);
  assert.deepEqual(retry('job-1').refusal?.extra, { state: 'COMPLETED' });
  assert.equal(retry('job-2').refusal?.code, 'job_not_found');
});

test('a failed job leaves the dead-letter queue after its window, and stays FAILED', () => {
  const monitor = new Monitor({ dlq_window_ms: HOUR_MS });
  monitor.fail(monitor.claimed(), { retryable: false });
  monitor.beat('worker-1');
  assert.ok(!typesOf(monitor.later(HOUR_MS - 1).tick(false)).includes('JobDropped'));
  assert.ok(typesOf(monitor.later(1).tick(false)).includes('JobDropped'));
  assert.deepEqual([monitor.job().state, monitor.job().dead], ['FAILED', null]);
});
