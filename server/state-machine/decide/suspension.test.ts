/** A worker that fails job after job gets no more, but one on trial. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MINUTE_MS, SECOND_MS } from '../../../protocol/time.ts';
import { activeAlerts } from '../../documents/alerts.ts';
import { workerDocument } from '../../documents/worker.ts';
import { suspended } from '../state/able.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { Monitor } from '../testing.ts';

const GONE = { code: 'gpu_unavailable', message: 'no CUDA-capable device is detected' };
const CRASH = { code: 'engine_crashed', message: 'exit code 1' };

class Fleet extends Monitor {
  #jobs = 0;

  /** The worker claims a new job and fails it. Returns whether it got one. */
  failNext(error: object, worker_id = 'worker-1'): boolean {
    this.#jobs += 1;
    this.submit(`job-${this.#jobs}`);
    const [lease] = this.claim(worker_id);
    if (lease) this.later(SECOND_MS).fail(lease, error);
    return lease !== undefined;
  }

  get isSuspended(): boolean {
    return suspended(this.worker());
  }

  get health() {
    return workerDocument(this.state, this.worker()).health;
  }
}

function fleet(): Fleet {
  const monitor = new Fleet();
  for (const worker_id of ['worker-1', 'worker-2']) monitor.register(worker_id);
  return monitor;
}

/** After three faults of its own. */
function suspendedFleet(): Fleet {
  const monitor = fleet();
  for (let n = 0; n < 3; n += 1) monitor.failNext(GONE);
  assert.equal(monitor.isSuspended, true);
  return monitor;
}

describe('a worker is suspended', () => {
  test('after three faults of its own in a row', () => {
    const monitor = fleet();
    for (const expected of [false, false, true]) {
      monitor.failNext(GONE);
      assert.equal(monitor.isSuspended, expected);
    }
  });

  test('after unknown faults on three jobs in a row', () => {
    const monitor = fleet();
    for (const expected of [false, false, true]) {
      monitor.failNext(CRASH);
      assert.equal(monitor.isSuspended, expected);
    }
  });

  test('not by one job that fails again and again', () => {
    const monitor = new Fleet({ retry_base_ms: 0 });
    monitor.register('worker-1');
    monitor.submit('job-1', { max_attempts: 20 });
    for (let n = 0; n < 5; n += 1) {
      monitor.fail(monitor.claim('worker-1')[0]!, CRASH);
      monitor.later(SECOND_MS).tick();
    }
    assert.equal(monitor.isSuspended, false);
  });

  test('not by faults of the recording or of a service, nor by what no worker could do', () => {
    const monitor = fleet();
    for (const code of ['audio_unreadable', 'audio_unreachable', 'not_audio']) monitor.failNext({ code });
    for (let n = 0; n < 3; n += 1) monitor.failNext({ code: 'nothing_said', retryable: false });
    assert.equal(monitor.worker().faults, undefined);
  });

  test('not if a job completes between', () => {
    const monitor = fleet();
    for (let n = 0; n < 6; n += 1) {
      monitor.failNext(GONE);
      monitor.failNext(CRASH);
      monitor.submit(`fine-${n}`, { priority: 'high' });
      monitor.complete(monitor.claim('worker-1')[0]!);
    }
    assert.equal(monitor.isSuspended, false);
  });

  test('not by one silence in which all its leases end', () => {
    const monitor = fleet();
    for (let n = 0; n < 5; n += 1) monitor.submit(`job-${n}`);
    monitor.claim('worker-1', 5);
    monitor.later(MINUTE_MS).tick();
    assert.equal(monitor.job('job-0').last_error?.code, 'lease_expired');
    assert.equal(monitor.isSuspended, false);
  });

  test('not by an old journal, whose events say nothing of it', () => {
    const monitor = suspendedFleet();
    const replayed = new Fleet();
    replayed.register('worker-1');
    for (let n = 0; n < 5; n += 1) {
      const { job_id, token } = replayed.claimed(`job-${n}`);
      const error = { code: 'gpu_unavailable', message: 'gone', retryable: true };
      replayed.apply({ type: 'JobAttemptFailed', entity: job_id, data: { attempt: 1, error, cost_usd: null } });
      assert.ok(token);
    }
    assert.equal(replayed.isSuspended, false);
    assert.equal(monitor.isSuspended, true);
  });
});

describe('a suspended worker', () => {
  test('is DEGRADED with the reason, whatever it says, and raises an alert', () => {
    const monitor = suspendedFleet();
    for (const beats of [false, true]) {
      if (beats) monitor.beat('worker-1', [], { status: 'HEALTHY' });
      assert.equal(monitor.health.status, 'DEGRADED');
      assert.match(monitor.health.reason ?? '', /3 failed attempts in a row, the last gpu_unavailable of job-3/);
    }
    monitor.tick();
    const [alert, ...others] = activeAlerts(monitor.state);
    assert.deepEqual([alert?.rule, alert?.subject, others], ['worker_degraded', 'worker-1', []]);
    assert.match(alert?.message ?? '', /worker-1 gets no jobs.*gpu_unavailable/);
  });

  test('gets no job before 30 s, then one on trial, the next after 1 min, 2 min, … 10 min', () => {
    const monitor = suspendedFleet();
    for (const pause_ms of [30, 60, 120, 240, 480, 600, 600].map((seconds) => seconds * SECOND_MS)) {
      monitor.later(pause_ms - 1);
      assert.equal(monitor.failNext(GONE), false);
      monitor.later(1);
      for (let n = 0; n < 5; n += 1) monitor.submit(`spare-${pause_ms}-${n}-${monitor.at_ms}`);
      const leases = monitor.claim('worker-1', 5);
      assert.equal(leases.length, 1);
      assert.deepEqual(monitor.claim('worker-1'), [], 'one at a time');
      monitor.fail(leases[0]!, GONE);
    }
  });

  test('gets a job on trial that it has not failed, if there is one', () => {
    const monitor = suspendedFleet();
    monitor.run({ type: 'terminate_worker', worker_id: 'worker-2', reason: 'enough' });
    monitor.later(30 * SECOND_MS).submit('other');
    assert.equal(monitor.claim('worker-1')[0]?.job_id, 'other');
  });

  test('gets jobs as usual, and is HEALTHY, once a job has completed', () => {
    const monitor = suspendedFleet();
    monitor.beat('worker-1', [], {});
    monitor.later(30 * SECOND_MS).submit('other');
    monitor.complete(monitor.claim('worker-1')[0]!);
    assert.deepEqual([monitor.isSuspended, monitor.health.status, monitor.health.reason], [false, 'HEALTHY', null]);
    for (const job_id of ['x', 'y']) monitor.submit(job_id, { priority: 'high' });
    assert.equal(monitor.claim('worker-1', 2).length, 2);
    monitor.tick();
    assert.deepEqual(activeAlerts(monitor.state), []);
  });

  test('remains so when it registers again without having left, and not after it left or was restarted', () => {
    const monitor = suspendedFleet();
    monitor.register('worker-1');
    assert.equal(monitor.isSuspended, true);
    monitor.run({ type: 'restart_worker', worker_id: 'worker-1' });
    monitor.register('worker-1');
    assert.equal(monitor.isSuspended, false);
    for (let n = 0; n < 3; n += 1) monitor.failNext(GONE);
    assert.equal(monitor.isSuspended, true);
    monitor.run({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'it left' });
    monitor.register('worker-1');
    assert.equal(monitor.isSuspended, false);
  });

  test('is the same after a restart of the monitor', () => {
    const { state } = suspendedFleet();
    const again = restore(snapshotRows(state));
    assert.deepEqual(again.worker('worker-1'), state.worker('worker-1'));
    assert.deepEqual(again.fleet, state.fleet);
    assert.equal(again.fleet.able_workers, 1);
  });
});

test('a worker that says why it takes no jobs is shown with its reason, and raises the alert', () => {
  const monitor = fleet();
  monitor.beat('worker-1', [], { status: 'DEGRADED', reason: 'its engine is broken' });
  assert.deepEqual([monitor.health.status, monitor.health.reason], ['DEGRADED', 'its engine is broken']);
  assert.equal(monitor.state.fleet.able_workers, 1);
  monitor.tick();
  assert.deepEqual(
    activeAlerts(monitor.state).map(({ rule, subject, message }) => [rule, subject, message]),
    [['worker_degraded', 'worker-1', 'Worker worker-1 takes no jobs: its engine is broken']],
  );
});
