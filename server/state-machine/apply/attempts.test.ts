/** What a job's record keeps of each attempt: where it ran, what it cost, how it ended. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { Monitor } from '../testing.ts';

function registered(monitor: Monitor, worker_id: string, model: string): void {
  const registration = {
    capabilities: { model, device: 'cuda' },
    location: { instance_type: 'g4dn.xlarge', spot_price: 3.6 },
  };
  monitor.run({ type: 'register_worker', worker_id, registration });
}

test('each attempt keeps the worker, the hardware, the cost and the error that it had', () => {
  const monitor = new Monitor();
  registered(monitor, 'worker-1', 'large-v3');
  const first = monitor.claimed('job-1');
  monitor.later(10_000).fail(first, { code: 'gpu_out_of_memory', retryable: true });
  // What the worker is later changes nothing of what it was.
  registered(monitor, 'worker-1', 'tiny');
  monitor.later(60_000).run({ type: 'tick', ids: [], expire: false });
  registered(monitor, 'worker-2', 'base');
  const [second] = monitor.claim('worker-2');
  monitor.later(20_000).complete(second!);
  for (const state of [monitor.state, restore(snapshotRows(monitor.state))]) {
    const { run, earlier } = state.job('job-1')!;
    const shown = [...earlier, run!].map(
      ({ attempt, worker_id, model, device, instance_type, cost_usd, error_code }) => {
        return [attempt, worker_id, model, device, instance_type, cost_usd, error_code];
      },
    );
    assert.deepEqual(shown, [
      [1, 'worker-1', 'large-v3', 'cuda', 'g4dn.xlarge', 0.01, 'gpu_out_of_memory'],
      [2, 'worker-2', 'base', 'cuda', 'g4dn.xlarge', 0.02, null],
    ]);
  }
});

test('of very many attempts the latest are kept', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  monitor.submit('job-1', { max_attempts: 100 });
  for (let attempt = 1; attempt <= 50; attempt++) {
    monitor.later(3_600_000).run({ type: 'tick', ids: [], expire: false });
    const [lease] = monitor.claim('worker-1');
    monitor.fail(lease!, { code: 'crashed', retryable: true });
  }
  const { run, earlier } = monitor.job('job-1');
  assert.deepEqual([run?.attempt, earlier.length, earlier[0]?.attempt, earlier.at(-1)?.attempt], [50, 32, 18, 49]);
});

test('a job that is cancelled while it runs ends its attempt as cancelled', () => {
  const monitor = new Monitor();
  registered(monitor, 'worker-1', 'base');
  const lease = monitor.claimed('job-1');
  monitor.run({ type: 'cancel_job', job_id: 'job-1' });
  monitor.later(10_000).fail(lease, { code: 'cancelled', retryable: false });
  assert.deepEqual([monitor.job('job-1').state, monitor.job('job-1').run?.error_code], ['CANCELLED', 'cancelled']);
});
