/** Figures of the fold: verdicts, notifications and health, as metrics. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthDocument } from '../documents/system.ts';
import { Monitor } from '../state-machine/testing.ts';
import { foldFamilies } from './fold-families.ts';

/** Label → value of each sample. */
const valuesOf = ({ state }: Monitor, name: string): Record<string, number> => {
  const family = foldFamilies(state).find((one) => one.name === `transcription_monitor_${name}`);
  return Object.fromEntries(family!.values.map(({ labels, value }) => [Object.values(labels).join(), value]));
};

test('jobs are counted by verdict, and each change of a verdict by the new one', () => {
  const monitor = new Monitor();
  monitor.claimed('job-1');
  monitor.submit('job-2');
  const judge = (status: 'hung' | 'on_track') =>
    monitor.apply({
      type: 'JobJudged',
      entity: 'job-1',
      data: {
        state: 'PROCESSING',
        attempt: 1,
        status,
        since_ms: monitor.at_ms,
        reason: 'Nothing moves.',
        evidence: {},
      },
    });
  for (const status of ['hung', 'on_track', 'hung'] as const) judge(status);
  const none = { on_track: 0, slow: 0, hung: 0, dead: 0, starved: 0, blocked: 0 };
  assert.deepEqual(valuesOf(monitor, 'jobs_by_verdict'), { ...none, on_track: 1, hung: 1 });
  assert.deepEqual(valuesOf(monitor, 'verdicts_total'), { ...none, on_track: 1, hung: 2 });
});

test('notifications are counted by how they end, and destinations that do not receive while they do not', () => {
  const monitor = new Monitor();
  for (const id of ['notice-1', 'notice-2', 'notice-3']) {
    const data = { destination: 'ops', content: { kind: 'test', url: null } } as const;
    monitor.apply({ type: 'NoticeRequested', entity: id, data });
  }
  assert.deepEqual(valuesOf(monitor, 'notifications_pending'), { '': 3 });
  const failure = { error: 'no response', unreachable: true, blocked_until_ms: null };
  monitor.apply({ type: 'NoticeFailed', entity: 'notice-1', data: { ...failure, next_ms: monitor.at_ms + 1000 } });
  assert.deepEqual(valuesOf(monitor, 'notification_destinations_failing'), { '': 1 });
  monitor.apply({ type: 'NoticeFailed', entity: 'notice-1', data: { ...failure, next_ms: null } });
  monitor.apply({ type: 'NoticeDelivered', entity: 'notice-2', data: {} });
  monitor.apply({ type: 'NoticeDelivered', entity: 'notice-2', data: {} });
  assert.deepEqual(valuesOf(monitor, 'notifications_total'), { delivered: 1, failed: 1 });
  assert.deepEqual(valuesOf(monitor, 'notifications_pending'), { '': 1 });
  assert.deepEqual(valuesOf(monitor, 'notification_destinations_failing'), { '': 0 });
});

test('[A42] [A43] [A44] [A45] [A46] [A47] the metrics of health are the figures of the health document', () => {
  const monitor = new Monitor();
  monitor.register('worker-1', 0.5);
  for (const [n, outcome] of ['complete', 'complete', 'complete', 'fail'].entries()) {
    const lease = monitor.claimed(`job-${n}`, { max_attempts: 1 });
    monitor.later(90_000);
    if (outcome === 'complete') monitor.complete(lease);
    else monitor.fail(lease, { retryable: false });
  }
  monitor.submit('waiting');
  monitor.later(400_000).tick(false);
  const { overall_status, components, alerts, metrics } = healthDocument(monitor.state);
  const value = { HEALTHY: 1, DEGRADED: 0.5, UNHEALTHY: 0 };
  assert.deepEqual(valuesOf(monitor, 'health'), {
    overall: value[overall_status],
    queue: value[components.queue.status],
    workers: value[components.workers.status],
    jobs: value[components.jobs.status],
  });
  assert.deepEqual(valuesOf(monitor, 'success_ratio'), { '': 0.75 });
  assert.equal(components.jobs.success_rate_24h, 0.75);
  assert.deepEqual(valuesOf(monitor, 'jobs_completed_last_hour'), { '': 3 });
  assert.equal(metrics.throughput_jobs_per_hour, 3);
  assert.deepEqual(valuesOf(monitor, 'cost_per_hour_usd'), { '': 0.5 });
  // Three attempts of 90 s in 760 s of one worker.
  assert.ok(Math.abs(valuesOf(monitor, 'efficiency_ratio')['']! - 270 / 760) < 1e-3);
  assert.deepEqual(valuesOf(monitor, 'queue_age_seconds'), { '': 400 });
  assert.equal(components.queue.age_oldest_message, 400);
  assert.deepEqual(valuesOf(monitor, 'alerts_active'), { '': alerts.length });
});
