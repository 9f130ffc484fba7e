/** When workers and instances differ, and when a difference is believed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Monitor } from '../state-machine/testing.ts';
import { type Difference, judge, type Look } from './reconcile.ts';
import { compared, GRACE_MS, HERE, running } from './testing-reconcile.ts';

function registered(worker_id: string, instance_id: string | null, location: object = HERE): Monitor {
  const monitor = new Monitor();
  monitor.run({ type: 'register_worker', worker_id, registration: { instance_id, capabilities: {}, location } });
  return monitor;
}

const kindsOf = (differences: Difference[]) => differences.map(({ kind, worker_id }) => [kind, worker_id]);

test('[A58] orphaned is a live worker of this fleet whose instance has ended or does not exist', () => {
  const monitor = registered('worker-1', 'i-1');
  assert.deepEqual(kindsOf(compared(monitor, [])), [['orphaned', 'worker-1']]);
  assert.deepEqual(kindsOf(compared(monitor, [running('i-1', { state: 'ended' })])), [['orphaned', 'worker-1']]);
  assert.deepEqual(compared(monitor, [running('i-1')]), []);
  assert.deepEqual(compared(monitor, [running('i-1', { state: 'stopped' })]), [], 'it can be started again');
  assert.deepEqual(compared(monitor, [running('i-1', { ours: false })]), [], 'even if another system started it');
  assert.deepEqual(compared(monitor, [running('i-2', { worker_id: 'worker-1' })]), [], 'matched by its tag');
  monitor.run({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'requested' });
  assert.deepEqual(compared(monitor, []), []);
});

for (const [instance_id, location, what] of [
  [null, HERE, 'without an instance'],
  ['vm-7', HERE, 'of another kind of machine'],
  ['i-1', { region: 'eu-west-1' }, 'of another region'],
  ['i-1', {}, 'without a region that was never seen here'],
] as const) {
  test(`a worker ${what} is never orphaned`, () => {
    assert.deepEqual(compared(registered('worker-1', instance_id, location), []), []);
  });
}

test('[A59] missing is a running instance of ours without a known worker, not even a TERMINATED one', () => {
  const monitor = registered('worker-1', 'i-1');
  const found = compared(monitor, [running('i-1'), running('i-2'), running('i-3', { worker_id: 'worker-x' })]);
  assert.deepEqual(kindsOf(found), [
    ['missing', 'worker-i-2'],
    ['missing', 'worker-x'],
  ]);
  for (const other of [{ ours: false }, { state: 'stopped' as const }, { worker_id: 'worker-1' }]) {
    assert.deepEqual(compared(monitor, [running('i-1'), running('i-2', other)]), []);
  }
  monitor.run({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'requested' });
  assert.deepEqual(compared(monitor, [running('i-1')]), []);
});

test('a difference that is older than the grace time is confirmed by every complete listing over another grace time, at least two', () => {
  const difference: Difference = {
    kind: 'orphaned',
    worker_id: 'worker-1',
    instance_id: 'i-1',
    location: {},
    since_ms: 0,
    reason: 'gone',
  };
  const at = (ms: number): Look => ({ began_ms: ms, ended_ms: ms + 10 });
  const first = judge(new Map(), [difference], at(GRACE_MS * 9), GRACE_MS);
  assert.deepEqual([first.confirmed, first.unconfirmed[0]?.due_ms], [[], GRACE_MS * 10 + 10]);
  const early = judge(first.suspicions, [difference], at(GRACE_MS * 10 + 9), GRACE_MS);
  assert.deepEqual(early.confirmed, []);
  const late = judge(early.suspicions, [difference], at(GRACE_MS * 10 + 10), GRACE_MS);
  assert.deepEqual(late.confirmed, [difference]);
  const between = judge(first.suspicions, [], at(GRACE_MS * 9 + 60), GRACE_MS);
  assert.deepEqual(judge(between.suspicions, [difference], at(GRACE_MS * 20), GRACE_MS).confirmed, []);
  const alive = { ...difference, since_ms: GRACE_MS * 9 };
  const spared = judge(first.suspicions, [alive], at(GRACE_MS * 10 - 1), GRACE_MS);
  assert.deepEqual([spared.suspicions.size, spared.unconfirmed[0]?.due_ms], [0, GRACE_MS * 11 + 9]);
});
