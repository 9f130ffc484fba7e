import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../protocol/time.ts';
import { Monitor, typesOf } from '../testing.ts';

const drain = (monitor: Monitor) => monitor.tell({ type: 'drain_worker', worker_id: 'worker-1' });
const restart = (monitor: Monitor) => monitor.tell({ type: 'restart_worker', worker_id: 'worker-1' });
const terminate = (monitor: Monitor) =>
  monitor.tell({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'asked for' });

describe('a silent worker', () => {
  test('is DEGRADED after 30 s, UNHEALTHY after 90 s, when its jobs return to their place, TERMINATED after an hour', () => {
    const monitor = new Monitor({ lease_ms: 1e9 });
    monitor.claimed();
    monitor.later(30 * SECOND_MS - 1).tick();
    assert.equal(monitor.worker().status, 'HEALTHY');
    monitor.later(1).tick();
    assert.deepEqual([monitor.worker().status, monitor.job().state], ['DEGRADED', 'PROCESSING']);
    monitor.later(MINUTE_MS).tick();
    assert.deepEqual([monitor.worker().status, monitor.job().state], ['UNHEALTHY', 'QUEUED']);
    assert.deepEqual([monitor.job().last_error?.code, monitor.job().attempt], ['worker_lost', 2]);
    monitor.later(HOUR_MS - 90 * SECOND_MS).tick();
    assert.deepEqual([monitor.worker().state, monitor.worker().terminated_ms], ['TERMINATED', monitor.at_ms]);
  });

  test('is healthy again at its next beat', () => {
    const monitor = new Monitor();
    monitor.register('worker-1');
    monitor.later(90 * SECOND_MS).tick();
    assert.equal(monitor.worker().status, 'UNHEALTHY');
    monitor.beat('worker-1');
    assert.equal(monitor.worker().status, 'HEALTHY');
    monitor.later(29 * SECOND_MS).tick();
    assert.equal(monitor.worker().status, 'HEALTHY');
  });

  test('is spared after a start, when it could not be heard', () => {
    const monitor = new Monitor();
    monitor.register('worker-1');
    monitor.later(HOUR_MS).tick(false);
    assert.deepEqual([monitor.worker().status, monitor.worker().state], ['HEALTHY', 'IDLE']);
  });

  test('and its lease end in one tick end the attempt once', () => {
    const monitor = new Monitor({ lease_ms: 90_000 });
    monitor.claimed();
    monitor.later(90 * SECOND_MS);
    const types = typesOf(monitor.tick());
    assert.equal(types.filter((type) => type === 'JobAttemptFailed').length, 1);
    assert.equal(types.filter((type) => type === 'JobQueued').length, 1);
    assert.deepEqual([monitor.job().attempt, monitor.worker().holds], [2, []]);
  });
});

test('a beat that reports a full memory or disk makes a worker DEGRADED', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  monitor.beat('worker-1', [], { memory_usage: 94.9, disk_usage: 94.9 });
  assert.equal(monitor.worker().status, 'HEALTHY');
  monitor.beat('worker-1', [], { disk_usage: 95 });
  assert.equal(monitor.worker().status, 'DEGRADED');
});

test('registering again is idempotent, and adds what is new', () => {
  const monitor = new Monitor();
  const register = (model: string) =>
    monitor.tell({ type: 'register_worker', worker_id: 'worker-1', registration: { capabilities: { model } } });
  register('base');
  assert.deepEqual(typesOf(register('base')), []);
  assert.deepEqual(typesOf(register('large-v3')), ['WorkerRegistered']);
  assert.equal(monitor.worker().capabilities.model, 'large-v3');
});

test('what a registration leaves undefined does not erase what was known', () => {
  const monitor = new Monitor();
  const register = (capabilities: { model?: string | undefined; device?: string }) =>
    monitor.tell({
      type: 'register_worker',
      worker_id: 'worker-1',
      registration: { capabilities } as never,
    });
  register({ model: 'base' });
  register({ model: undefined, device: 'cuda' });
  assert.deepEqual(monitor.worker().capabilities, { model: 'base', device: 'cuda' });
});

test('a launched worker is STARTING until it registers, and TERMINATED if it never does', () => {
  const monitor = new Monitor();
  const launch = (worker_id: string) => monitor.tell({ type: 'launch_worker', worker_id, launch: {} });
  launch('worker-1');
  launch('worker-2');
  assert.equal(monitor.worker().state, 'STARTING');
  assert.equal(launch('worker-1').refusal?.code, 'worker_exists');
  monitor.register('worker-1');
  assert.deepEqual([monitor.worker().state, monitor.worker().launched], ['IDLE', true]);
  monitor.later(10 * MINUTE_MS).beat('worker-1');
  monitor.tick();
  assert.deepEqual([monitor.worker('worker-1').state, monitor.worker('worker-2').state], ['IDLE', 'TERMINATED']);
});

test('a draining worker finishes its job and takes no other', () => {
  const monitor = new Monitor();
  const lease = monitor.claimed();
  monitor.submit('job-2');
  drain(monitor);
  assert.deepEqual(monitor.claim('worker-1'), []);
  monitor.complete(lease);
  assert.deepEqual([monitor.job().state, monitor.worker().state], ['COMPLETED', 'DRAINING']);
  assert.deepEqual(typesOf(drain(monitor)), []);
});

test('a restarted worker comes back holding nothing, and its jobs return unharmed', () => {
  const monitor = new Monitor();
  monitor.claimed();
  restart(monitor);
  assert.deepEqual([monitor.worker().state, typesOf(restart(monitor))], ['RESTARTING', []]);
  monitor.register('worker-1');
  assert.deepEqual([monitor.worker().state, monitor.worker().holds], ['IDLE', []]);
  assert.deepEqual([monitor.job().state, monitor.job().attempt], ['QUEUED', 1]);
});

test('a worker that does not come back from its restart is TERMINATED', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  restart(monitor);
  monitor.later(10 * MINUTE_MS - 1).tick();
  assert.equal(monitor.worker().state, 'RESTARTING');
  monitor.later(1).tick();
  assert.equal(monitor.worker().state, 'TERMINATED');
});

test('a terminated worker loses its jobs unharmed; what it then says is refused; it may register anew', () => {
  const monitor = new Monitor();
  const lease = monitor.claimed();
  terminate(monitor);
  assert.deepEqual([monitor.job().state, monitor.job().attempt], ['QUEUED', 1]);
  assert.equal(monitor.complete(lease).refusal?.code, 'lease_expired');
  assert.equal(monitor.beat('worker-1').refusal?.code, 'worker_terminated');
  assert.equal(drain(monitor).refusal?.code, 'worker_terminated');
  assert.equal(restart(monitor).refusal?.code, 'worker_terminated');
  assert.deepEqual(typesOf(terminate(monitor)), []);
  monitor.later(MINUTE_MS).register('worker-1');
  const worker = monitor.worker();
  assert.deepEqual([worker.state, worker.terminated_ms, worker.created_ms], ['IDLE', null, monitor.at_ms]);
});

test('a worker that nobody knows is refused, with how to make it known', () => {
  const monitor = new Monitor();
  for (const told of [drain(monitor), restart(monitor), terminate(monitor), monitor.beat('worker-1')]) {
    assert.equal(told.refusal?.code, 'worker_not_found');
    assert.match(told.refusal?.hint ?? '', /PUT \/api\/v1\/workers\/worker-1/);
  }
});
