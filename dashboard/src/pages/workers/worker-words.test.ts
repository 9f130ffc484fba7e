/** What is said of workers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Worker } from '../../../../protocol/worker.ts';
import { costOf, groupOf, matchesText, sumsOf, workerState } from './worker-words.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.parse('2026-11-27T10:00:00Z');

const worker = (changes: object = {}): Worker =>
  ({
    worker_id: 'gpu-east-07',
    instance_id: 'i-07',
    state: 'ACTIVE',
    created_at: '2026-11-27T10:00:00Z',
    health: { status: 'HEALTHY', reason: null },
    capabilities: { model: 'large-v3', device: 'cuda' },
    current_job: null,
    performance: { total_runtime_seconds: 1800 },
    location: { region: 'us-east-1', availability_zone: 'us-east-1a', instance_type: 'g5.xlarge', spot_price: 0.4 },
    ...changes,
  }) as unknown as Worker;

test('a lost or degraded worker is that, whatever else it does; otherwise its state is in a word', () => {
  const words = [
    worker({ health: { status: 'UNHEALTHY' } }),
    worker({ health: { status: 'DEGRADED' } }),
    worker(),
    worker({ state: 'IDLE' }),
    worker({ state: 'DRAINING' }),
    worker({ state: 'TERMINATED', health: { status: 'UNHEALTHY' } }),
  ].map((one) => workerState(one).word);
  assert.deepEqual(words, ['lost', 'degraded', 'busy', 'idle', 'draining', 'terminated']);
});

test('a worker costs its price for all its time, and is idle while it has no job', () => {
  const cost = costOf(worker(), START_MS + 2 * HOUR_MS)!;
  assert.deepEqual([cost.paid_usd, cost.busy_usd, cost.idle_share], [0.8, 0.2, 0.75]);
  const current_job = { job_id: 'job-1', started_at: '2026-11-27T11:00:00Z', estimated_completion: null };
  assert.equal(costOf(worker({ current_job }), START_MS + 2 * HOUR_MS)!.idle_share, 0.25);
  assert.equal(costOf(worker({ location: { spot_price: null } }), START_MS), null);
});

test('the sums of a fleet leave out workers that have ended', () => {
  const job = { job_id: 'job-1', started_at: '2026-11-27T11:00:00Z' };
  const sums = sumsOf([worker({ current_job: job }), worker({ state: 'IDLE' }), worker({ state: 'TERMINATED' })]);
  assert.deepEqual(sums, { live: 2, busy: 1, idle: 1, trouble: 0, usd: 0.8, idle_usd: 0.4 });
});

test('a worker is found by its id, machine, model or place, and grouped by what is known', () => {
  for (const text of ['EAST', 'i-07', 'large', 'g5', ' 1a ']) assert.ok(matchesText(worker(), text), text);
  assert.ok(!matchesText(worker(), 'west'));
  assert.equal(groupOf(worker(), 'model'), 'large-v3');
  assert.equal(groupOf(worker({ location: { region: null } }), 'region'), 'unknown');
});
