import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE_MS, SECOND_MS } from '../../../protocol/time.ts';
import { Monitor, typesOf } from '../testing.ts';

const cancel = (monitor: Monitor, job_id = 'job-1') => monitor.run({ type: 'cancel_job', job_id });
const states = (monitor: Monitor) => monitor.job().history.map(({ state }) => state);

test('a waiting job is cancelled at once', () => {
  const monitor = new Monitor();
  monitor.submit('job-1');
  assert.deepEqual(typesOf(cancel(monitor)), ['JobCancelled']);
  assert.deepEqual([monitor.job().state, monitor.job().completed_ms], ['CANCELLED', monitor.at_ms]);
  monitor.register('worker-1');
  assert.deepEqual(monitor.claim('worker-1'), []);
});

test('a job with a retry delay is cancelled at once, and its timer is removed', () => {
  const monitor = new Monitor();
  monitor.fail(monitor.claimed());
  cancel(monitor);
  assert.equal(monitor.job().state, 'CANCELLED');
  assert.ok(
    ![...monitor.state.tables.timers.values(), ...monitor.state.tables.report_timers.values()].some(
      ({ kind }) => kind === 'job',
    ),
  );
});

test('a running job is CANCELLING until its worker confirms', () => {
  const monitor = new Monitor();
  const lease = monitor.claimed();
  assert.deepEqual(typesOf(cancel(monitor)), ['JobCancelRequested']);
  assert.equal(monitor.job().state, 'CANCELLING');
  assert.deepEqual(typesOf(monitor.fail(lease, { code: 'cancelled', retryable: false })), [
    'JobAttemptFailed',
    'JobCancelled',
  ]);
  assert.deepEqual(states(monitor), ['SUBMITTED', 'QUEUED', 'PROCESSING', 'CANCELLING', 'CANCELLED']);
  assert.deepEqual([monitor.worker().state, monitor.worker().jobs_failed], ['IDLE', 0]);
});

test('a transcript that arrives after the cancellation does not undo it', () => {
  const monitor = new Monitor();
  const lease = monitor.claimed();
  cancel(monitor);
  monitor.complete(lease);
  assert.deepEqual([monitor.job().state, monitor.job().output], ['CANCELLED', null]);
});

test('if the worker does not confirm, the job is cancelled at the kill deadline, never before', () => {
  const monitor = new Monitor();
  const lease = monitor.claimed();
  monitor.later(10 * SECOND_MS);
  cancel(monitor);
  monitor.later(MINUTE_MS - 1).beat('worker-1', [lease]);
  assert.ok(!typesOf(monitor.tick()).includes('JobCancelled'));
  assert.ok(typesOf(monitor.later(1).tick()).includes('JobCancelled'));
  assert.equal(monitor.job().state, 'CANCELLED');
  assert.deepEqual(monitor.worker().holds, []);
});

test('the cost of a cancelled attempt is counted', () => {
  for (const end of ['complete', 'deadline', 'confirmed'] as const) {
    const monitor = new Monitor({ kill_deadline_ms: 30 * MINUTE_MS, worker_degraded_ms: 1e9 });
    monitor.register('worker-1', 0.36);
    const lease = monitor.claimed();
    cancel(monitor);
    monitor.later(30 * MINUTE_MS);
    if (end === 'complete') monitor.complete(lease);
    else if (end === 'deadline') monitor.tick();
    else monitor.fail(lease);
    assert.deepEqual([end, monitor.job().state, monitor.job().actual_cost_usd], [end, 'CANCELLED', 0.18]);
  }
});

test('a kill deadline and the silence of the worker in one tick cancel the job once', () => {
  const monitor = new Monitor({ kill_deadline_ms: 90_000 });
  monitor.claimed();
  cancel(monitor);
  monitor.later(90_000);
  assert.equal(typesOf(monitor.tick()).filter((type) => type === 'JobCancelled').length, 1);
  assert.deepEqual(states(monitor), ['SUBMITTED', 'QUEUED', 'PROCESSING', 'CANCELLING', 'CANCELLED']);
  assert.equal(monitor.state.tables.days.get(monitor.state.tables.days.maxKey()!)?.cancelled, 1);
});

test('a CANCELLING job of a lost worker is cancelled, not handed to another worker', () => {
  const monitor = new Monitor({ kill_deadline_ms: 1e9 });
  monitor.claimed();
  cancel(monitor);
  monitor.later(90_000).tick();
  assert.equal(monitor.job().state, 'CANCELLED');
});

test('cancelling again changes nothing; a finished job cannot be cancelled', () => {
  const monitor = new Monitor();
  const lease = monitor.claimed();
  cancel(monitor);
  assert.deepEqual(typesOf(cancel(monitor)), []);
  monitor.fail(lease);
  const again = cancel(monitor);
  assert.deepEqual([typesOf(again), again.refusal], [[], undefined]);
  for (const [job_id, state] of [
    ['job-2', 'COMPLETED'],
    ['job-3', 'FAILED'],
  ] as const) {
    const other = monitor.claimed(job_id);
    if (state === 'COMPLETED') monitor.complete(other);
    else monitor.fail(other, { retryable: false });
    const { refusal } = cancel(monitor, job_id);
    assert.deepEqual([refusal?.code, refusal?.extra], ['transition_not_allowed', { state }]);
  }
  assert.equal(cancel(monitor, 'job-9').refusal?.code, 'job_not_found');
});

test('a cancelled job can be retried, and runs like a new one', () => {
  const monitor = new Monitor();
  monitor.submit('job-1');
  cancel(monitor);
  monitor.run({ type: 'retry_job', job_id: 'job-1' });
  monitor.register('worker-1');
  monitor.complete(monitor.claim('worker-1')[0]!);
  assert.deepEqual([monitor.job().state, monitor.job().kill_ms], ['COMPLETED', null]);
});
