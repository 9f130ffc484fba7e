/** The first message of a subscription: how much of a large fleet it contains. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkersNow } from '../../protocol/feed-messages.ts';
import { Monitor } from '../state-machine/testing.ts';
import { STATE_WORKERS_MAX, stateNow } from './current-state.ts';

function workersNow({ state }: Monitor): WorkersNow {
  const target = { resource: 'workers', id: null, filter: {} } as const;
  return stateNow(state, target, { type: 'state', position: { seq: 1, index: 0 }, extra: {} }) as WorkersNow;
}

test('the state of workers lists the newest live ones up to the limit, and whether there are more', () => {
  const monitor = new Monitor();
  for (let n = 1; n <= STATE_WORKERS_MAX; n++) monitor.register(`worker-${n}`);
  assert.deepEqual([workersNow(monitor).items.length, workersNow(monitor).more], [STATE_WORKERS_MAX, false]);
  monitor.register('worker-last');
  const { items, more } = workersNow(monitor);
  assert.deepEqual([items[0]?.worker_id, items.length, more], ['worker-last', STATE_WORKERS_MAX, true]);
  monitor.run({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'requested' });
  assert.equal(workersNow(monitor).more, false, 'those that ended do not count');
});
