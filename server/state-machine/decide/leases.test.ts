import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MINUTE_MS, SECOND_MS } from '../../../protocol/time.ts';
import { healthDocument } from '../../documents/system.ts';
import { workerDocument } from '../../documents/worker.ts';
import { Monitor, type Result, typesOf } from '../testing.ts';

const refusedAs = ({ refusal }: Result) => [refusal?.kind, refusal?.code, refusal?.extra];

test('a claim returns a lease: a token with job and attempt, and its end', () => {
  const monitor = new Monitor();
  const lease = monitor.claimed();
  assert.match(lease.token, /^job-1\.1\.s\d+$/);
  assert.equal(lease.expires_ms, monitor.at_ms + MINUTE_MS);
  const job = monitor.job();
  assert.deepEqual([job.state, job.run?.worker_id, job.run?.token], ['PROCESSING', 'worker-1', lease.token]);
  assert.equal(monitor.worker().state, 'ACTIVE');
});

test('a heartbeat renews exactly those of its leases that are current', () => {
  const monitor = new Monitor();
  const kept = monitor.claimed('job-1');
  const left = monitor.claimed('job-2');
  monitor.later(30 * SECOND_MS);
  const stale = { ...left, token: 'job-2.9.other' };
  monitor.beat('worker-1', [kept, stale]);
  assert.equal(monitor.job('job-1').run?.expires_ms, monitor.at_ms + MINUTE_MS);
  assert.equal(monitor.job('job-2').run?.expires_ms, left.expires_ms);
});

test('a lease that is not renewed ends when due, and the job returns to its place as the next attempt', () => {
  const monitor = new Monitor({ worker_degraded_ms: 1e9 });
  monitor.claimed();
  assert.deepEqual(typesOf(monitor.later(MINUTE_MS - 1).tick()), ['JobJudged']);
  assert.deepEqual(typesOf(monitor.later(1).tick()), ['JobAttemptFailed', 'JobQueued']);
  const job = monitor.job();
  assert.deepEqual(
    [job.state, job.attempt, job.last_error?.code, job.not_before_ms],
    ['QUEUED', 2, 'lease_expired', null],
  );
  assert.deepEqual(monitor.worker().holds, []);
});

test('after a start leases do not end for a while, since no worker could send heartbeats', () => {
  const monitor = new Monitor({ worker_degraded_ms: 1e9 });
  monitor.claimed();
  assert.deepEqual(typesOf(monitor.later(10 * MINUTE_MS).tick(false)), []);
  assert.equal(monitor.job().state, 'PROCESSING');
});

describe('a stale token is refused and changes nothing:', () => {
  /** A job whose first lease has ended and whose second is held by another worker. */
  function reassigned() {
    const monitor = new Monitor({ worker_degraded_ms: 1e9, worker_terminated_ms: 1e9 });
    const stale = monitor.claimed();
    monitor.later(MINUTE_MS).tick();
    monitor.register('worker-2');
    const [current] = monitor.claim('worker-2');
    return { monitor, stale, current: current! };
  }

  const reports: [string, (there: ReturnType<typeof reassigned>) => Result][] = [
    ['progress', ({ monitor, stale }) => monitor.progress(stale, 50)],
    ['completion', ({ monitor, stale }) => monitor.complete(stale)],
    ['failure', ({ monitor, stale }) => monitor.fail(stale)],
  ];
  for (const [name, report] of reports) {
    test(name, () => {
      const there = reassigned();
      const before = there.monitor.state;
      assert.deepEqual(refusedAs(report(there)), ['conflict', 'lease_expired', { state: 'PROCESSING' }]);
      assert.equal(there.monitor.state, before);
      assert.equal(there.monitor.job().run?.token, there.current.token);
    });
  }

  test('renewal', () => {
    const { monitor, stale, current } = reassigned();
    monitor.later(SECOND_MS).beat('worker-1', [stale]);
    assert.equal(monitor.job().run?.expires_ms, current.expires_ms);
  });

  test('also after the job has ended', () => {
    const { monitor, stale, current } = reassigned();
    monitor.complete(current);
    assert.deepEqual(refusedAs(monitor.complete(stale)), ['conflict', 'lease_expired', { state: 'COMPLETED' }]);
  });
});

test('a job is completed once, by one attempt; a repeated report has the same outcome', () => {
  const monitor = new Monitor();
  const lease = monitor.claimed();
  assert.deepEqual(typesOf(monitor.complete(lease)), ['JobCompleted']);
  const before = monitor.state;
  const again = monitor.complete(lease);
  assert.deepEqual([typesOf(again), again.refusal], [[], undefined]);
  assert.equal(monitor.state, before);
  assert.equal(monitor.worker().jobs_completed, 1);
});

test('a report on an unknown job is refused', () => {
  const monitor = new Monitor();
  const lease = { job_id: 'job-9', token: 'job-9.1.x', expires_ms: 0 };
  for (const result of [monitor.complete(lease), monitor.fail(lease), monitor.progress(lease, 1)]) {
    assert.deepEqual(refusedAs(result), ['not_found', 'job_not_found', undefined]);
  }
});

test('a worker may hold many jobs, and loses each separately', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  for (const id of ['a', 'b', 'c']) monitor.submit(id);
  const [a, , c] = monitor.claim('worker-1', 3);
  monitor.complete(a!);
  monitor.fail(c!);
  assert.deepEqual(
    monitor.worker().holds.map(({ job_id }) => job_id),
    ['b'],
  );
  assert.equal(monitor.worker().state, 'ACTIVE');
});

test('a worker whose lease ended in silence is not shown as if it waited for jobs, until it is heard of', () => {
  const monitor = new Monitor();
  monitor.claimed();
  const shown = () => {
    const { state, health } = workerDocument(monitor.state, monitor.worker());
    return [state, health.status, health.reason, monitor.state.fleet.idle_workers];
  };
  monitor.later(30 * SECOND_MS).tick();
  const since = 'silent since 2025-07-07T19:30:00Z';
  assert.deepEqual(shown(), ['ACTIVE', 'DEGRADED', since, 0]);
  monitor.later(30 * SECOND_MS).tick();
  assert.equal(monitor.job().state, 'QUEUED');
  assert.deepEqual(shown(), ['ACTIVE', 'DEGRADED', since, 0]);
  monitor.later(30 * SECOND_MS).tick();
  assert.deepEqual(shown(), ['ACTIVE', 'UNHEALTHY', since, 0]);
  monitor.beat('worker-1');
  assert.deepEqual(shown(), ['IDLE', 'HEALTHY', null, 1]);
});

test('a silent worker that held no job does not count as idle', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  assert.equal(healthDocument(monitor.state).components.workers.idle_count, 1);
  monitor.later(30 * SECOND_MS).tick();
  monitor.later(60 * SECOND_MS).tick();
  assert.equal(monitor.worker().status, 'UNHEALTHY');
  assert.equal(healthDocument(monitor.state).components.workers.idle_count, 0);
  assert.equal(monitor.state.fleet.idle_workers, 0);
});
