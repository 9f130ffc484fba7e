import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../protocol/time.ts';
import { Monitor, typesOf } from '../testing.ts';

const drain = (monitor: Monitor) => monitor.run({ type: 'drain_worker', worker_id: 'worker-1' });
const restart = (monitor: Monitor) => monitor.run({ type: 'restart_worker', worker_id: 'worker-1' });
const terminate = (monitor: Monitor) =>
  monitor.run({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'asked for' });

describe('a silent worker', () => {
  test('is DEGRADED after 30 s, UNHEALTHY after 90 s (its jobs return to the queue), TERMINATED after an hour', () => {
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

  test('is healthy again at its next heartbeat', () => {
    const monitor = new Monitor();
    monitor.register('worker-1');
    monitor.later(90 * SECOND_MS).tick();
    assert.equal(monitor.worker().status, 'UNHEALTHY');
    monitor.beat('worker-1');
    assert.equal(monitor.worker().status, 'HEALTHY');
    monitor.later(29 * SECOND_MS).tick();
    assert.equal(monitor.worker().status, 'HEALTHY');
  });

  test('is not silent after a start, when it could not send heartbeats', () => {
    const monitor = new Monitor();
    monitor.register('worker-1');
    monitor.later(HOUR_MS).tick(false);
    assert.deepEqual([monitor.worker().status, monitor.worker().state], ['HEALTHY', 'IDLE']);
  });

  test('and the end of its lease in one tick end the attempt once', () => {
    const monitor = new Monitor({ lease_ms: 90_000 });
    monitor.claimed();
    monitor.later(90 * SECOND_MS);
    const types = typesOf(monitor.tick());
    assert.equal(types.filter((type) => type === 'JobAttemptFailed').length, 1);
    assert.equal(types.filter((type) => type === 'JobQueued').length, 1);
    assert.deepEqual([monitor.job().attempt, monitor.worker().holds], [2, []]);
  });
});

test('a heartbeat with full memory or a full disk makes a worker DEGRADED', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  monitor.beat('worker-1', [], { memory_usage: 94.9, disk_usage: 94.9 });
  assert.equal(monitor.worker().status, 'HEALTHY');
  monitor.beat('worker-1', [], { disk_usage: 95 });
  assert.equal(monitor.worker().status, 'DEGRADED');
});

test('registering again is idempotent, and adds new fields', () => {
  const monitor = new Monitor();
  const register = (model: string) =>
    monitor.run({ type: 'register_worker', worker_id: 'worker-1', registration: { capabilities: { model } } });
  register('base');
  assert.deepEqual(typesOf(register('base')), []);
  assert.deepEqual(typesOf(register('large-v3')), ['WorkerRegistered']);
  assert.equal(monitor.worker().capabilities.model, 'large-v3');
});

test('undefined fields of a registration do not erase known ones', () => {
  const monitor = new Monitor();
  const register = (capabilities: { model?: string | undefined; device?: string }) =>
    monitor.run({
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
  const launch = (worker_id: string) => monitor.run({ type: 'launch_worker', worker_id, launch: {} });
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

test('the reason for draining stays the reason of the exit, and is gone once the worker registers again or restarts', () => {
  const monitor = new Monitor();
  const reason = 'spot interruption at 2025-07-07T20:03:20Z';
  const drainWith = (more: { reason?: string; replace?: boolean }) =>
    typesOf(monitor.run({ type: 'drain_worker', worker_id: 'worker-1', drain: more }));
  monitor.claimed();
  drain(monitor);
  assert.deepEqual(monitor.worker().exit, { reason: null, replace: false });
  assert.deepEqual(drainWith({ reason, replace: true }), ['WorkerDraining'], 'a reason that comes later is recorded');
  assert.deepEqual([drainWith({ reason, replace: true }), drainWith({})], [[], []]);
  assert.deepEqual([monitor.worker().state, monitor.worker().exit], ['DRAINING', { reason, replace: true }]);
  monitor.register('worker-1');
  assert.deepEqual(monitor.worker().exit, { reason, replace: true }, 'it is still DRAINING');
  terminate(monitor);
  assert.deepEqual(monitor.worker().exit, { reason, replace: true });
  assert.equal(monitor.job().last_error?.message, `worker-1: ${reason}`);
  monitor.register('worker-1');
  assert.equal(monitor.worker().exit, undefined);
  terminate(monitor);
  assert.deepEqual(monitor.worker().exit, { reason: 'asked for', replace: false });
  monitor.register('worker-1');
  drainWith({ reason });
  restart(monitor);
  assert.equal(monitor.worker().exit, undefined);
});

test('a restarted worker holds no jobs, and its jobs return to their places', () => {
  const monitor = new Monitor();
  monitor.claimed();
  restart(monitor);
  assert.deepEqual([monitor.worker().state, typesOf(restart(monitor))], ['RESTARTING', []]);
  monitor.register('worker-1');
  assert.deepEqual([monitor.worker().state, monitor.worker().holds], ['IDLE', []]);
  assert.deepEqual([monitor.job().state, monitor.job().attempt], ['QUEUED', 1]);
});

test('a worker that does not return from its restart is TERMINATED', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  restart(monitor);
  monitor.later(10 * MINUTE_MS - 1).tick();
  assert.equal(monitor.worker().state, 'RESTARTING');
  monitor.later(1).tick();
  assert.equal(monitor.worker().state, 'TERMINATED');
});

test('a terminated worker loses its jobs, later reports are refused, and it may register again', () => {
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

test('an unknown worker is refused with a hint to register it', () => {
  const monitor = new Monitor();
  for (const result of [drain(monitor), restart(monitor), terminate(monitor), monitor.beat('worker-1')]) {
    assert.equal(result.refusal?.code, 'worker_not_found');
    assert.match(result.refusal?.hint ?? '', /PUT \/api\/v1\/workers\/worker-1/);
  }
});

test('a launched worker is placed once its fleet has told where it runs, unless it has registered by itself', () => {
  const monitor = new Monitor();
  for (const worker_id of ['worker-1', 'worker-2']) {
    monitor.run({ type: 'launch_worker', worker_id, launch: { location: { spot_price: 0.5 } } });
  }
  monitor.register('worker-2');
  const due_ms = monitor.worker().check_ms;
  monitor.later(MINUTE_MS);
  const place = (worker_id: string, instance_id: string) =>
    monitor.run({ type: 'place_worker', worker_id, instance_id, location: { region: 'us-east-1' } });
  assert.deepEqual(typesOf(place('worker-1', 'i-1')), ['WorkerLaunched']);
  const { state, instance_id, location, check_ms } = monitor.worker();
  assert.deepEqual([state, instance_id, check_ms], ['STARTING', 'i-1', due_ms]);
  assert.deepEqual(location, { spot_price: 0.5, region: 'us-east-1' });
  assert.deepEqual(typesOf(place('worker-1', 'i-1')), [], 'once');
  assert.deepEqual(typesOf(place('worker-2', 'i-2')), []);
  assert.deepEqual(typesOf(place('nobody', 'i-3')), []);
});

test('an instance found without a worker becomes one, with the reason, unless a worker claims it by then', () => {
  const monitor = new Monitor();
  const find = (worker_id: string, instance_id: string) =>
    monitor.run({ type: 'launch_worker', worker_id, launch: {}, found: { instance_id, reason: 'it runs' } });
  const [launched] = find('worker-1', 'i-1').events;
  assert.ok(launched?.type === 'WorkerLaunched');
  assert.equal(launched.data.reason, 'it runs');
  assert.deepEqual([monitor.worker().state, monitor.worker().instance_id], ['STARTING', 'i-1']);
  assert.deepEqual(typesOf(find('worker-2', 'i-1')), []);
});

test('a worker without its instance is spared by a sign of life, and by another instance', () => {
  const monitor = new Monitor();
  monitor.run({
    type: 'register_worker',
    worker_id: 'worker-1',
    registration: { instance_id: 'i-1', capabilities: {} },
  });
  const since_ms = monitor.at_ms;
  const end = (instance_id: string) =>
    monitor.run({
      type: 'judge_orphaned',
      worker_id: 'worker-1',
      instance_id,
      since_ms,
      reason: 'gone',
      by: 'test',
    });
  assert.deepEqual(typesOf(end('i-2')), []);
  assert.deepEqual(typesOf(end('i-1')), ['WorkerJudged', 'ActionDecided', 'WorkerTerminated']);
  monitor.later(1).register('worker-1');
  assert.deepEqual(typesOf(end('i-1')), []);
});
