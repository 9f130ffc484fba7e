import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Priority } from '../../../protocol/job.ts';
import { Monitor } from '../testing.ts';

/** A monitor with a worker and these waiting jobs, named by their order. */
function waiting(priorities: Priority[], policy = {}): Monitor {
  const monitor = new Monitor(policy);
  monitor.register('worker-1');
  for (const [i, priority] of priorities.entries()) monitor.submit(`${priority}-${i}`, { priority });
  return monitor;
}

const ids = (leases: { job_id: string }[]) => leases.map(({ job_id }) => job_id);

test('high goes before normal before low, first in, first out within a class', () => {
  const monitor = waiting(['low', 'normal', 'high', 'low', 'normal', 'high']);
  assert.deepEqual(ids(monitor.claim('worker-1', 10)), ['high-2', 'high-5', 'normal-1', 'normal-4', 'low-0', 'low-3']);
});

test('one claim for many and many claims for one give the same order', () => {
  const priorities = Array.from(
    { length: 60 },
    (_, i): Priority => (['high', 'low', 'normal', 'high'] as const)[i % 4]!,
  );
  const policy = { passes_max: 4 };
  const atOnce = ids(waiting(priorities, policy).claim('worker-1', 60));
  const monitor = waiting(priorities, policy);
  const oneByOne = priorities.map(() => ids(monitor.claim('worker-1'))[0]);
  assert.deepEqual(atOnce, oneByOne);
  assert.equal(new Set(atOnce).size, 60);
});

test('a claim takes as many jobs as it requests, or all there are', () => {
  const monitor = waiting(['normal', 'normal', 'normal']);
  assert.equal(monitor.claim('worker-1', 2).length, 2);
  assert.equal(monitor.claim('worker-1', 2).length, 1);
  assert.equal(monitor.claim('worker-1', 2).length, 0);
});

test('low never starves: after it was passed over passes_max times, it goes next', () => {
  const monitor = waiting(['low', 'low'], { passes_max: 3 });
  const served: string[] = [];
  for (let i = 0; i < 20; i++) {
    monitor.submit(`high-${i}`, { priority: 'high' });
    served.push(...ids(monitor.claim('worker-1')));
  }
  assert.deepEqual(served.slice(0, 9), [
    'high-0',
    'high-1',
    'high-2',
    'low-0',
    'high-3',
    'high-4',
    'high-5',
    'low-1',
    'high-6',
  ]);
});

test('high does not starve normal, and normal and low do not starve each other', () => {
  const monitor = waiting([], { passes_max: 2 });
  const served: string[] = [];
  for (let i = 0; i < 60; i++) {
    for (const priority of ['high', 'normal', 'low'] as const) monitor.submit(`${priority}-${i}`, { priority });
    served.push(...ids(monitor.claim('worker-1')));
  }
  for (const priority of ['high', 'normal', 'low']) {
    const places = served.flatMap((id, place) => (id.startsWith(priority) ? [place] : []));
    const gaps = places.map((place, i) => place - (places[i - 1] ?? -1));
    assert.ok(Math.max(...gaps) <= 6, `${priority} waited for ${Math.max(...gaps)} others`);
  }
});

test('a class is passed over only while it has a waiting job', () => {
  const monitor = waiting(['high', 'high', 'high', 'high'], { passes_max: 3 });
  monitor.claim('worker-1', 4);
  monitor.submit('low-1', { priority: 'low' });
  monitor.submit('high-9', { priority: 'high' });
  assert.deepEqual(ids(monitor.claim('worker-1')), ['high-9']);
});

test('a job whose worker was lost returns to its previous place; a failed one goes to the end', () => {
  const monitor = waiting(['normal', 'normal', 'normal', 'normal'], { retry_base_ms: 0 });
  const [first, second] = monitor.claim('worker-1', 2);
  monitor.fail(first!);
  monitor.fail(second!, { code: 'worker_drained' });
  monitor.tick();
  assert.deepEqual(ids(monitor.claim('worker-1', 4)), ['normal-1', 'normal-2', 'normal-3', 'normal-0']);
});

test('a draining or restarting worker gets no jobs; an unknown or terminated one is refused', () => {
  const monitor = waiting(['normal']);
  monitor.run({ type: 'drain_worker', worker_id: 'worker-1' });
  assert.deepEqual(monitor.claim('worker-1'), []);
  monitor.register('worker-2');
  monitor.run({ type: 'restart_worker', worker_id: 'worker-2' });
  assert.deepEqual(monitor.claim('worker-2'), []);
  monitor.run({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'asked for' });
  const refused = (worker_id: string) =>
    monitor.run({ type: 'claim_jobs', worker_id, max_jobs: 1, secret: 's' }).refusal;
  assert.equal(refused('worker-1')?.code, 'worker_terminated');
  assert.deepEqual([refused('worker-3')?.kind, refused('worker-3')?.code], ['not_found', 'worker_not_found']);
});

test('either all jobs of a batch are submitted or none', () => {
  const monitor = waiting(['normal']);
  const jobs = ['new-1', 'normal-0'].map((job_id) => ({ job_id, audio_url: 's3://audio/x.mp3' }));
  assert.equal(monitor.run({ type: 'submit_jobs', jobs }).refusal?.code, 'job_exists');
  assert.equal(monitor.state.job('new-1'), undefined);
});
