/** What a line of claims asks of the fold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_LIMITS } from '../state-machine/state/limits.ts';
import { Monitor } from '../state-machine/testing.ts';
import { messagesFor, wouldGet } from './claims.ts';

test('messages whose jobs a pause or a limit holds back are for no worker, so that none tries to claim them', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  for (const job_id of ['a-1', 'a-2', 'b-1']) monitor.submit(job_id, { tenant: job_id[0]! });
  const limits = { ...NO_LIMITS, max_running: 1 };
  monitor.run({ type: 'set_tenant', tenant: 'a', weight: 1, limits, by: 'test' });
  monitor.run({ type: 'pause_tenant', tenant: 'b', by: 'test' });
  const claiming = { state: monitor.state, policy: monitor.policy, journal: { now: () => monitor.at_ms } };
  const messages = ['b-1', 'a-1', 'a-2'].map((job_id) => ({ job_id }));
  const found = messagesFor(claiming, { worker_id: 'worker-1', max_jobs: 10 }, messages);
  assert.deepEqual(found, [{ job_id: 'a-1' }]);
  monitor.claim('worker-1', 10);
  assert.equal(wouldGet({ ...claiming, state: monitor.state }, 'worker-1'), false);
});
