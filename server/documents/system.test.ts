/** The documents about the whole system: queues, health, metrics, alerts. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Alert } from '../../protocol/alert.ts';
import { Queue } from '../../protocol/queue.ts';
import { CurrentMetrics, MetricsPeriod, SystemHealth } from '../../protocol/system.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../protocol/time.ts';
import { Monitor } from '../state-machine/testing.ts';
import { assertValid } from '../state-machine/testing-schemas.ts';
import { alertDocument } from './alerts.ts';
import { deadLetterQueueDocument, mainQueueDocument } from './queues.ts';
import { healthDocument, metricsDocument, periodDocument } from './system.ts';

/** Two workers at $1.05 an hour, each with a job; three jobs wait, the oldest for 45 s. */
function busy(): Monitor {
  const monitor = new Monitor({ worker_degraded_ms: 1e9 });
  for (const id of ['worker-1', 'worker-2']) {
    monitor.register(id, 1.05);
    monitor.claimed(`held-by-${id}`, {}, id);
  }
  for (const priority of ['high', 'low', 'normal'] as const) monitor.submit(`waiting-${priority}`, { priority });
  monitor.later(45 * SECOND_MS).beat('worker-1');
  return monitor;
}

/** Runs a new job on a worker and ends it after this long. */
function ended(monitor: Monitor, worker_id: string, minutes: number, failed = false): void {
  const name = `job-${monitor.state.seq}`;
  monitor.submit(name, { priority: 'high' });
  const [lease] = monitor.claim(worker_id);
  monitor.later(minutes * MINUTE_MS);
  if (failed) monitor.fail(lease!, { retryable: false });
  else monitor.complete(lease!);
}

test('a worker that ended more than an hour ago is paid for no longer: without others there is no efficiency', () => {
  const monitor = new Monitor({ worker_degraded_ms: 1e9 });
  monitor.register('worker-1');
  monitor.later(10 * MINUTE_MS).run({ type: 'terminate_worker', worker_id: 'worker-1', reason: 'asked for' });
  assert.equal(healthDocument(monitor.state).metrics.efficiency_score, 0);
  monitor.later(2 * HOUR_MS).submit('job-1');
  assert.equal(healthDocument(monitor.state).metrics.efficiency_score, null);
});

describe('the health of the system', () => {
  const monitor = busy();
  const health = healthDocument(monitor.state);

  test('is valid, also without any events', () => {
    assertValid(SystemHealth, health);
    assertValid(SystemHealth, healthDocument(new Monitor().state));
  });

  test('[A42] has its time and the worst status of its components', () => {
    assert.deepEqual([health.timestamp, health.overall_status], ['2025-07-07T19:30:45Z', 'HEALTHY']);
  });

  test('[A43] queue: claimable jobs, jobs that workers hold, age of the oldest', () => {
    assert.deepEqual(health.components.queue, {
      status: 'HEALTHY',
      messages_visible: 3,
      messages_inflight: 2,
      age_oldest_message: 45,
    });
  });

  test('[A43] a stalled queue is DEGRADED after 5 minutes, UNHEALTHY after 30, or at once without workers', () => {
    const status = (at: Monitor) => healthDocument(at.state).components.queue.status;
    const slow = busy();
    slow.later(5 * MINUTE_MS).beat('worker-1');
    assert.equal(status(slow), 'DEGRADED');
    slow.later(25 * MINUTE_MS).beat('worker-1');
    assert.equal(status(slow), 'UNHEALTHY');
    const alone = new Monitor();
    alone.submit('job-1');
    assert.equal(status(alone), 'UNHEALTHY');
    assert.equal(healthDocument(alone.state).overall_status, 'UNHEALTHY');
  });

  test('[A44] workers: the number not terminated, healthy, active and idle', () => {
    assert.deepEqual(health.components.workers, {
      status: 'HEALTHY',
      total_count: 2,
      healthy_count: 2,
      active_count: 2,
      idle_count: 0,
    });
    const mixed = busy();
    for (const id of ['worker-3', 'worker-4']) mixed.register(id);
    mixed.beat('worker-3', [], { disk_usage: 99 });
    mixed.run({ type: 'terminate_worker', worker_id: 'worker-4', reason: 'asked for' });
    assert.deepEqual(healthDocument(mixed.state).components.workers, {
      status: 'DEGRADED',
      total_count: 3,
      healthy_count: 2,
      active_count: 2,
      idle_count: 1,
    });
  });

  test('[A45] jobs: the number not ended; completed ÷ (completed + failed) and mean time over 24 hours', () => {
    assert.deepEqual(health.components.jobs, {
      status: 'HEALTHY',
      total_active: 5,
      success_rate_24h: null,
      average_completion_time: null,
    });
    const day = new Monitor({ worker_degraded_ms: 1e9 });
    day.register('worker-1');
    ended(day, 'worker-1', 2);
    ended(day, 'worker-1', 6);
    ended(day, 'worker-1', 1, true);
    assert.deepEqual(healthDocument(day.state).components.jobs, {
      status: 'DEGRADED',
      total_active: 0,
      success_rate_24h: 0.6667,
      average_completion_time: 240,
    });
    day.later(24 * HOUR_MS).beat('worker-1');
    assert.equal(healthDocument(day.state).components.jobs.success_rate_24h, null);
  });

  test('[A46] alerts: the active ones, with messages', () => {
    const alerting = new Monitor();
    alerting.register('worker-1');
    alerting.later(90 * SECOND_MS).tick();
    alerting.tick();
    const { alerts } = healthDocument(alerting.state);
    assert.deepEqual(alerts, [
      {
        id: alerts[0]?.id,
        severity: 'WARNING',
        message: 'Worker worker-1 has gone silent',
        created_at: '2025-07-07T19:31:30Z',
      },
    ]);
    for (const alert of alerting.state.tables.alerts.values()) assertValid(Alert, alertDocument(alert));
  });

  test('[A47] metrics: completions in an hour, prices of live workers, completed processing time ÷ paid time', () => {
    const hour = new Monitor({ worker_degraded_ms: 1e9 });
    for (const id of ['worker-1', 'worker-2']) hour.register(id, 1.05);
    ended(hour, 'worker-1', 20);
    ended(hour, 'worker-2', 10, true);
    ended(hour, 'worker-1', 10);
    // 30 of 2 × 40 minutes.
    assert.deepEqual(healthDocument(hour.state).metrics, {
      throughput_jobs_per_hour: 2,
      cost_per_hour_usd: 2.1,
      efficiency_score: 0.375,
    });
    hour.run({ type: 'terminate_worker', worker_id: 'worker-2', reason: 'asked for' });
    assert.equal(healthDocument(hour.state).metrics.cost_per_hour_usd, 1.05);
    hour.later(61 * MINUTE_MS).beat('worker-1');
    assert.equal(healthDocument(hour.state).metrics.throughput_jobs_per_hour, 0);
  });
});

describe('the queues', () => {
  test('main: claimable by priority, in flight, delayed', () => {
    const monitor = busy();
    monitor.fail(monitor.claimed('delayed', { priority: 'high' }));
    const queue = mainQueueDocument(monitor.state);
    assertValid(Queue, queue);
    // The claim took `waiting-high`, which is older.
    assert.deepEqual(
      [queue.messages_visible, queue.messages_inflight, queue.messages_delayed, queue.by_priority],
      [3, 2, 1, { high: 1, normal: 1, low: 1 }],
    );
  });

  test('dlq: permanently failed jobs, and the age of the oldest', () => {
    const monitor = new Monitor();
    for (const priority of ['low', 'high'] as const) {
      monitor.fail(monitor.claimed(priority, { priority }), { retryable: false });
      monitor.later(MINUTE_MS).beat('worker-1');
    }
    const queue = deadLetterQueueDocument(monitor.state);
    assertValid(Queue, queue);
    assert.deepEqual([queue.messages_visible, queue.age_oldest_message], [2, 120]);
    assert.deepEqual(queue.by_priority, { high: 1, normal: 0, low: 1 });
  });

  test('the dead-letter queue document reads one dead letter, however many there are', () => {
    const monitor = new Monitor();
    for (let n = 0; n < 50; n++) monitor.fail(monitor.claimed(`job-${n}`), { retryable: false });
    const { state } = monitor;
    const looked: string[] = [];
    const job = state.job.bind(state);
    state.job = (job_id) => {
      looked.push(job_id);
      return job(job_id);
    };
    assert.equal(deadLetterQueueDocument(state).by_priority.normal, 50);
    assert.deepEqual(looked, ['job-0']);
  });
});

describe('metrics', () => {
  test('[A53] every transition updates them', () => {
    const monitor = new Monitor({ worker_degraded_ms: 1e9 });
    monitor.register('worker-1', 3.6);
    const jobs = () => metricsDocument(monitor.state).jobs;
    monitor.submit('job-1');
    assert.equal(jobs().QUEUED, 1);
    const [lease] = monitor.claim('worker-1');
    assert.deepEqual([jobs().QUEUED, jobs().PROCESSING], [0, 1]);
    monitor.later(10 * MINUTE_MS).complete(lease!);
    const metrics = metricsDocument(monitor.state);
    assertValid(CurrentMetrics, metrics);
    assert.deepEqual([metrics.jobs.COMPLETED, metrics.hour.jobs_completed, metrics.day.cost_total], [1, 1, 0.6]);
  });

  test('an hour and a day are counted separately, and stay when the next begins', () => {
    const monitor = new Monitor({ worker_degraded_ms: 1e9 });
    monitor.register('worker-1');
    ended(monitor, 'worker-1', 10);
    ended(monitor, 'worker-1', 25);
    ended(monitor, 'worker-1', 1, true);
    const { hour, day } = metricsDocument(monitor.state);
    assert.deepEqual(
      [hour.period_start, hour.jobs_completed, hour.jobs_failed, hour.success_rate, hour.average_processing_time],
      ['2025-07-07T20:00:00Z', 1, 1, 0.5, 1500],
    );
    assert.deepEqual([day.period_start, day.jobs_completed, day.jobs_submitted], ['2025-07-07T00:00:00Z', 2, 3]);
    const last = periodDocument(monitor.state.tables.hours, Math.floor(monitor.at_ms / HOUR_MS) - 1, HOUR_MS);
    assertValid(MetricsPeriod, last);
    assert.deepEqual([last.period_start, last.jobs_completed], ['2025-07-07T19:00:00Z', 1]);
  });
});
