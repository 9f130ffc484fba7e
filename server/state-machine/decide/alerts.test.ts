import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINUTE_MS, SECOND_MS } from '../../../protocol/time.ts';
import { activeAlerts } from '../../documents/alerts.ts';
import { Monitor, typesOf } from '../testing.ts';

const rules = (monitor: Monitor) => activeAlerts(monitor.state).map(({ rule, subject }) => `${rule} ${subject}`);
const alerting = (types: string[]) => types.filter((type) => type.startsWith('Alert'));

/** A worker has been silent for long enough to be lost. */
function lost(): Monitor {
  const monitor = new Monitor();
  monitor.register('worker-1');
  monitor.later(90 * SECOND_MS).tick();
  return monitor;
}

test('[A54] a condition raises its alert once, in any number of ticks', () => {
  const monitor = lost();
  assert.deepEqual(alerting(typesOf(monitor.tick())), ['AlertRaised']);
  assert.deepEqual(rules(monitor), ['worker_lost worker-1']);
  for (let i = 0; i < 3; i++) assert.deepEqual(alerting(typesOf(monitor.later(SECOND_MS).tick())), []);
  assert.equal(monitor.state.tables.alerts.size, 1);
});

test('an alert is resolved when its condition clears, and raised again when the condition returns', () => {
  const monitor = lost();
  monitor.tick();
  monitor.beat('worker-1');
  assert.deepEqual(alerting(typesOf(monitor.tick())), ['AlertResolved', 'AlertCleared']);
  const [alert] = [...monitor.state.tables.alerts.values()];
  assert.deepEqual([alert?.resolved_by, alert?.resolved_ms, alert?.holds], ['condition', monitor.at_ms, false]);
  assert.deepEqual(rules(monitor), []);
  monitor.later(90 * SECOND_MS).tick();
  monitor.tick();
  assert.deepEqual(rules(monitor), ['worker_lost worker-1']);
  assert.equal(monitor.state.tables.alerts.size, 2);
});

test('an alert resolved by hand is not raised again while its condition holds', () => {
  const monitor = lost();
  monitor.tick();
  const alert_id = monitor.state.tables.alerts.minKey()!;
  const resolve = () => monitor.run({ type: 'resolve_alert', alert_id, by: 'ada' });
  assert.deepEqual(typesOf(resolve()), ['AlertResolved']);
  assert.equal(monitor.state.tables.alerts.get(alert_id)?.resolved_by, 'ada');
  assert.deepEqual(typesOf(resolve()), []);
  assert.deepEqual(rules(monitor), []);
  monitor.tick();
  assert.deepEqual(rules(monitor), []);
  monitor.beat('worker-1');
  assert.deepEqual(alerting(typesOf(monitor.tick())), ['AlertCleared']);
  monitor.later(90 * SECOND_MS).tick();
  monitor.tick();
  assert.deepEqual(rules(monitor), ['worker_lost worker-1']);
});

test('resolving an unknown alert is refused', () => {
  const { refusal } = new Monitor().run({ type: 'resolve_alert', alert_id: 'alert-1', by: 'ada' });
  assert.deepEqual([refusal?.kind, refusal?.code], ['not_found', 'alert_not_found']);
});

test('jobs in the dead-letter queue raise one alert, until the queue is empty', () => {
  const monitor = new Monitor();
  for (const id of ['a', 'b']) monitor.fail(monitor.claimed(id), { retryable: false });
  monitor.tick();
  assert.deepEqual(rules(monitor), ['jobs_dead_lettered dlq']);
  monitor.run({ type: 'purge_queue', queue: 'dlq', filter: {} });
  monitor.tick();
  assert.deepEqual(rules(monitor), []);
});

test('jobs that wait 5 minutes without a live worker raise a critical alert', () => {
  const monitor = new Monitor();
  monitor.submit('job-1');
  monitor.later(5 * MINUTE_MS - 1).tick();
  assert.deepEqual(rules(monitor), []);
  monitor.later(1).tick();
  assert.deepEqual(rules(monitor), ['queue_without_workers main']);
  assert.equal(activeAlerts(monitor.state)[0]?.severity, 'CRITICAL');
  monitor.register('worker-1');
  monitor.tick();
  assert.deepEqual(rules(monitor), []);
});

test('a job that waits half an hour raises an alert, with or without workers', () => {
  const monitor = new Monitor();
  monitor.submit('job-1');
  monitor.later(30 * MINUTE_MS).register('worker-1');
  monitor.tick();
  assert.deepEqual(rules(monitor), ['queue_slow main']);
  monitor.claim('worker-1');
  monitor.tick();
  assert.deepEqual(rules(monitor), []);
});

test('only alerts that are resolved and no longer hold are forgotten', () => {
  const monitor = lost();
  monitor.tick();
  const { id, version } = [...monitor.state.tables.alerts.values()][0]!;
  const forget = (version: number) =>
    monitor.run({ type: 'forget', packs: [], workers: [], alerts: [{ id, version }] });
  assert.deepEqual(typesOf(forget(version)), []);
  monitor.beat('worker-1');
  monitor.tick();
  assert.deepEqual(typesOf(forget(version)), []);
  assert.deepEqual(typesOf(forget(monitor.state.tables.alerts.get(id)!.version)), ['AlertsArchived']);
  assert.equal(monitor.state.tables.alerts.size, 0);
});

test('a harmful lifecycle rule of the store raises a critical alert, until it is harmless', () => {
  const monitor = new Monitor();
  const tick = (store_rule?: string | null) =>
    alerting(
      typesOf(monitor.later(SECOND_MS).run({ type: 'tick', ids: ['alert-1'], expire: true, observed: { store_rule } })),
    );
  assert.deepEqual(tick(undefined), []);
  assert.deepEqual(tick(null), []);
  assert.deepEqual(tick('the rule tidy deletes journal/'), ['AlertRaised']);
  const [alert] = activeAlerts(monitor.state);
  assert.deepEqual([alert?.severity, alert?.message], ['CRITICAL', 'the rule tidy deletes journal/']);
  assert.deepEqual(tick('the rule tidy deletes journal/'), []);
  assert.deepEqual(tick(undefined), [], 'an instance that has not looked yet leaves it');
  assert.deepEqual(tick(null), ['AlertResolved', 'AlertCleared']);
});

test('a signed URL that expires while its job waits raises one alert, which ends when none does', () => {
  const monitor = new Monitor();
  const until = (minutes: number) => {
    const seconds = Math.floor((monitor.at_ms + minutes * MINUTE_MS) / 1000);
    return { audio_url: `https://bucket.example/call.wav?Expires=${seconds}&Signature=secret` };
  };
  monitor.submit('job-1', until(30));
  monitor.submit('job-2', until(25));
  monitor.submit('job-3');
  monitor.tick();
  assert.deepEqual(rules(monitor), []);
  monitor.later(15 * MINUTE_MS).tick();
  assert.ok(rules(monitor).includes('audio_url_expiring main'));
  const message = activeAlerts(monitor.state).find(({ rule }) => rule === 'audio_url_expiring')?.message ?? '';
  assert.match(message, /job-2 expires at /);
  assert.doesNotMatch(message, /secret/);
  monitor.run({ type: 'cancel_job', job_id: 'job-2' });
  monitor.tick();
  assert.ok(!rules(monitor).includes('audio_url_expiring main'));
  monitor.later(60 * MINUTE_MS).tick();
  assert.ok(rules(monitor).includes('audio_url_expiring main'), 'nor does one that has expired end it');
});
