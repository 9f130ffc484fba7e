/** What each signal measures, and what the rules make of it: the figures, in a fold that real commands made. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../protocol/time.ts';
import { activeAlerts, unresolvedAlerts } from '../documents/alerts.ts';
import { restore, snapshotRows } from '../state-machine/state/snapshot.ts';
import { Monitor, typesOf } from '../state-machine/testing.ts';
import { readAlertRules } from './rules/defaults.ts';
import { type Sample, SIGNALS } from './signals.ts';
import { suppression } from './suppression.ts';

/** A monitor with these rules alone. */
function withRules(yaml: string): Monitor {
  const read = readAlertRules(`defaults: false\n${yaml}`);
  assert.deepEqual(read.problems ?? [], []);
  return new Monitor({ alerts: read.rules! });
}

function samplesOf(monitor: Monitor, signal: string): Sample[] {
  const moment = { at_ms: monitor.at_ms, expire: true, observed: {} };
  return [...(SIGNALS.get(signal)!.samples(monitor.state, moment) ?? [])];
}

const valuesOf = (monitor: Monitor, signal: string) => samplesOf(monitor, signal).map(({ value }) => value);

const messages = (monitor: Monitor) => activeAlerts(monitor.state).map(({ message }) => message);

const alerting = (types: string[]) => types.filter((type) => type.startsWith('Alert'));

const SLOW = `rules:
  - name: slow
    signal: queue_age_seconds
    above: 60
    for: 2m
    summary: 'waited {{ value }}'
`;

test('an alert is pending until its condition has held for as long as the rule requires, then fires', () => {
  const monitor = withRules(SLOW);
  monitor.submit('job-1');
  monitor.later(60 * SECOND_MS).tick();
  assert.deepEqual(unresolvedAlerts(monitor.state), [], 'above is not at least');
  assert.deepEqual(alerting(typesOf(monitor.later(5 * SECOND_MS).tick())), ['AlertPending']);
  const [pending] = unresolvedAlerts(monitor.state);
  assert.deepEqual(activeAlerts(monitor.state), []);
  monitor.state = restore(snapshotRows(monitor.state));
  assert.deepEqual(alerting(typesOf(monitor.later(115 * SECOND_MS).tick())), []);
  assert.deepEqual(alerting(typesOf(monitor.later(5 * SECOND_MS).tick())), ['AlertRaised']);
  const [fired] = activeAlerts(monitor.state);
  assert.deepEqual(
    [fired?.id, fired?.created_ms, fired?.fired_ms, fired?.message],
    [pending?.id, monitor.at_ms - 2 * MINUTE_MS, monitor.at_ms, 'waited 3 minutes 5 seconds'],
  );
});

test('a condition that clears while its alert is pending leaves no alert, and begins anew', () => {
  const monitor = withRules(SLOW);
  monitor.submit('job-1');
  monitor.later(65 * SECOND_MS).tick();
  monitor.register('worker-1');
  monitor.claim('worker-1');
  assert.deepEqual(alerting(typesOf(monitor.later(5 * SECOND_MS).tick())), ['AlertCleared']);
  assert.equal(monitor.state.tables.alerts.size, 0);
  monitor.submit('job-2');
  monitor.later(65 * SECOND_MS).tick();
  assert.deepEqual(alerting(typesOf(monitor.later(115 * SECOND_MS).tick())), []);
  assert.deepEqual(alerting(typesOf(monitor.later(5 * SECOND_MS).tick())), ['AlertRaised']);
});

test('rules are evaluated for multiples of five seconds of log time', () => {
  const monitor = withRules('rules:\n  - {name: waits, signal: queue_depth, above: 0}');
  monitor.later(1_234).submit('job-1');
  monitor.later(3_000).tick();
  const [alert] = activeAlerts(monitor.state);
  assert.equal(alert?.fired_ms, monitor.at_ms - 4_234);
});

test('one tick raises as many alerts as it has ids, and the next one the rest', () => {
  const monitor = withRules('rules:\n  - {name: lost, signal: worker_silent, equals: 1}');
  for (let n = 0; n < 100; n++) monitor.register(`worker-${n}`);
  monitor.later(90 * SECOND_MS).tick();
  const ids = (from: number, count: number) => Array.from({ length: count }, (_, n) => `alert-${from + n}`);
  monitor.run({ type: 'tick', ids: ids(0, 60), expire: true });
  assert.equal(activeAlerts(monitor.state).length, 60);
  monitor.run({ type: 'tick', ids: ids(100, 60), expire: true });
  const active = activeAlerts(monitor.state);
  assert.equal(active.length, 100);
  assert.equal(new Set(active.map(({ fingerprint }) => fingerprint)).size, 100);
});

test('a template that fails makes a plain message that says so, and the alert fires all the same', () => {
  const monitor = withRules(
    "rules:\n  - {name: idle, signal: gpu_idle_seconds, at_least: 1h, summary: '{{ details.model }} idles'}",
  );
  const registration = { capabilities: { device: 'cuda' }, location: {} };
  monitor.run({ type: 'register_worker', worker_id: 'worker-1', registration });
  for (let n = 0; n < 60; n++) monitor.later(MINUTE_MS).beat('worker-1');
  monitor.tick();
  assert.deepEqual(messages(monitor), ['idle: 1 hour (its template failed: there is no details.model)']);
});

test('a rule that is removed or switched off resolves its alerts', () => {
  const monitor = withRules('rules:\n  - {name: waits, signal: queue_depth, above: 0}');
  monitor.submit('job-1');
  monitor.tick();
  assert.equal(activeAlerts(monitor.state).length, 1);
  const after = new Monitor({ alerts: readAlertRules('defaults: false').rules! });
  after.state = monitor.state;
  assert.deepEqual(alerting(typesOf(after.later(5 * SECOND_MS).tick())), ['AlertResolved', 'AlertCleared']);
});

test('a rule on an absent signal fires while there is no sample, with the labels that it names', () => {
  const monitor = withRules("rules:\n  - {name: none, signal: queue_age_seconds, where: ['queue=main'], absent: true}");
  monitor.tick();
  assert.deepEqual(
    activeAlerts(monitor.state).map(({ labels }) => labels),
    [{ queue: 'main', alertname: 'none', severity: 'WARNING' }],
  );
  monitor.submit('job-1');
  monitor.later(5 * SECOND_MS).tick();
  assert.deepEqual(activeAlerts(monitor.state), []);
});

test('an alert raised before there were labels goes on as the same alert', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  monitor.later(90 * SECOND_MS).tick();
  const data = { rule: 'worker_lost', subject: 'worker-1', severity: 'WARNING', message: 'silent' } as const;
  monitor.apply({ type: 'AlertRaised', entity: 'alert-old', data });
  assert.deepEqual(alerting(typesOf(monitor.tick())), []);
  assert.deepEqual(
    activeAlerts(monitor.state).map(({ id }) => id),
    ['alert-old'],
  );
});

test('a snapshot of before has alerts without labels, which go on', () => {
  const monitor = new Monitor();
  monitor.register('worker-1');
  monitor.later(90 * SECOND_MS).tick();
  const data = { rule: 'worker_lost', subject: 'worker-1', severity: 'WARNING', message: 'silent' } as const;
  monitor.apply({ type: 'AlertRaised', entity: 'alert-old', data });
  const rows = [...snapshotRows(monitor.state)].map((line) => {
    const row = JSON.parse(line);
    if (row[0] !== 'alert') return line;
    for (const name of ['labels', 'fingerprint', 'description', 'runbook_url', 'fired_ms', 'acknowledged']) {
      delete row[1][name];
    }
    return JSON.stringify(row);
  });
  assert.deepEqual([...snapshotRows(restore(rows))], [...snapshotRows(monitor.state)]);
});

test('the queue grows by what is submitted less what ends, over ten whole minutes', () => {
  const monitor = new Monitor();
  for (let minute = 0; minute < 10; minute++) {
    for (let n = 0; n < 4; n++) monitor.submit(`job-${minute}-${n}`);
    monitor.complete(monitor.claimed(`done-${minute}`, { priority: 'high' }));
    monitor.later(MINUTE_MS);
  }
  assert.deepEqual(samplesOf(monitor, 'queue_growth_per_minute'), [
    { labels: { queue: 'main' }, value: 4, details: { depth: '40' } },
  ]);
  assert.deepEqual(valuesOf(monitor, 'queue_depth'), [40]);
});

test('the failure rate counts the failed jobs of an hour by error code, from ten jobs on', () => {
  const monitor = new Monitor();
  const failing = (id: string, code: string) => monitor.fail(monitor.claimed(id), { code, retryable: false });
  for (let n = 0; n < 6; n++) monitor.complete(monitor.claimed(`ok-${n}`));
  for (let n = 0; n < 3; n++) failing(`a-${n}`, 'audio_unreadable');
  assert.deepEqual(samplesOf(monitor, 'failure_rate'), []);
  failing('b', 'no_audio_track');
  const ended = '10';
  assert.deepEqual(samplesOf(monitor, 'failure_rate'), [{ labels: {}, value: 0.4, details: { failed: '4', ended } }]);
  assert.deepEqual(samplesOf(monitor, 'failure_rate_by_code'), [
    { labels: { error_code: 'audio_unreadable' }, value: 0.3, details: { failed: '3', ended } },
    { labels: { error_code: 'no_audio_track' }, value: 0.1, details: { failed: '1', ended } },
  ]);
  monitor.state = restore(snapshotRows(monitor.state));
  assert.equal(samplesOf(monitor, 'failure_rate_by_code').length, 2);
  monitor.later(61 * MINUTE_MS).tick();
  assert.deepEqual(samplesOf(monitor, 'failure_rate_by_code'), []);
});

test('error codes beyond twenty a minute count as other', () => {
  const monitor = new Monitor();
  for (let n = 0; n < 30; n++) {
    const worker_id = `worker-${n}`;
    monitor.fail(monitor.claimed(`job-${n}`, {}, worker_id), { code: `code_${n}`, retryable: false });
  }
  const rates = new Map(samplesOf(monitor, 'failure_rate_by_code').map((one) => [one.labels.error_code, one.value]));
  assert.deepEqual([rates.size, rates.get('other'), rates.get('code_3')], [21, 10 / 30, 1 / 30]);
});

test('the cost of an hour is that of the live workers, and that of the month of the attempts that ended in it', () => {
  const monitor = new Monitor();
  monitor.register('worker-1', 3.6);
  monitor.register('worker-2', 0.4);
  assert.deepEqual(samplesOf(monitor, 'cost_per_hour_usd'), [{ labels: {}, value: 4, details: { workers: '2' } }]);
  const lease = monitor.claimed('job-1');
  monitor.later(30 * MINUTE_MS).complete(lease);
  const [month] = samplesOf(monitor, 'cost_month_usd');
  assert.deepEqual(month, { labels: {}, value: 1.8, details: { month: '2025-07' } });
  monitor.later(25 * DAY_MS);
  assert.deepEqual(valuesOf(monitor, 'cost_month_usd'), [0], 'August');
});

test('a GPU is idle from the end of its last job, and held while a job does not use it', () => {
  const monitor = new Monitor();
  const capabilities = { device: 'cuda', model: 'large-v3' };
  monitor.run({ type: 'register_worker', worker_id: 'gpu-1', registration: { capabilities, location: {} } });
  monitor.run({
    type: 'register_worker',
    worker_id: 'cpu-1',
    registration: { capabilities: { device: 'cpu' }, location: {} },
  });
  monitor.later(MINUTE_MS);
  assert.deepEqual(samplesOf(monitor, 'gpu_idle_seconds'), [
    { labels: { worker: 'gpu-1' }, value: 60, details: { model: 'large-v3' } },
  ]);
  const lease = monitor.claimed('job-1', {}, 'gpu-1');
  assert.deepEqual(samplesOf(monitor, 'gpu_idle_seconds'), []);
  for (let n = 0; n < 4; n++) monitor.later(10 * SECOND_MS).beat('gpu-1', [lease], { gpu_usage: 1 });
  assert.deepEqual(samplesOf(monitor, 'gpu_held_seconds'), [
    { labels: { worker: 'gpu-1' }, value: 40, details: { model: 'large-v3', job: 'job-1' } },
  ]);
  monitor.beat('gpu-1', [lease], { gpu_usage: 99 });
  assert.deepEqual(valuesOf(monitor, 'gpu_held_seconds'), [0]);
  monitor.complete(lease);
  monitor.state = restore(snapshotRows(monitor.state));
  monitor.later(5 * SECOND_MS);
  assert.deepEqual(valuesOf(monitor, 'gpu_idle_seconds'), [5]);
});

test('no data: nothing is heard of any worker while there is work, unless silence does not count yet', () => {
  const monitor = new Monitor();
  assert.deepEqual(valuesOf(monitor, 'no_data_seconds'), []);
  monitor.register('worker-1');
  monitor.later(MINUTE_MS).register('worker-2');
  monitor.later(4 * MINUTE_MS);
  assert.deepEqual(valuesOf(monitor, 'no_data_seconds'), [], 'no job waits or runs');
  monitor.submit('job-1');
  assert.deepEqual(samplesOf(monitor, 'no_data_seconds'), [{ labels: {}, value: 240, details: { workers: '2' } }]);
  monitor.later(MINUTE_MS).tick(false);
  assert.ok(!activeAlerts(monitor.state).some(({ rule }) => rule === 'no_data'));
  monitor.later(5 * SECOND_MS).tick();
  assert.ok(activeAlerts(monitor.state).some(({ rule }) => rule === 'no_data'));
});

test('what another instance observed stays while this one cannot tell', () => {
  const monitor = new Monitor();
  const tick = (observed: object) =>
    alerting(
      typesOf(
        monitor.later(5 * SECOND_MS).run({ type: 'tick', ids: [`alert-${monitor.at_ms}`], expire: true, observed }),
      ),
    );
  assert.deepEqual(tick({ config_invalid: 'rules.yaml:3:5: unknown field' }), ['AlertRaised']);
  const [alert] = activeAlerts(monitor.state);
  assert.deepEqual([alert?.rule, alert?.description], ['config_invalid', 'rules.yaml:3:5: unknown field']);
  assert.deepEqual(tick({}), []);
  assert.deepEqual(tick({ config_invalid: null }), ['AlertResolved', 'AlertCleared']);
  for (let n = 0; n < 12; n++) tick({ commit_seconds: 3.25 });
  assert.deepEqual(messages(monitor), []);
  tick({ commit_seconds: 3.25 });
  assert.deepEqual(messages(monitor), ['The store takes 3.3 seconds for a commit']);
});

test('[B110] a stuck job raises an alert that names its worker, which hides it when it is lost', () => {
  const monitor = new Monitor();
  const lease = monitor.claimed('job-1');
  monitor.submit('job-2');
  const found = { attempt: 1, since_ms: monitor.at_ms, reason: 'No progress for 5 min.', evidence: {} };
  for (const [entity, more] of [
    ['job-1', { state: 'PROCESSING', status: 'hung' }],
    ['job-2', { state: 'QUEUED', status: 'starved' }],
  ] as const) {
    monitor.apply({ type: 'JobJudged', entity, data: { ...found, ...more } });
  }
  assert.deepEqual(samplesOf(monitor, 'job_verdict'), [
    {
      labels: { job: 'job-1', verdict: 'hung', worker: 'worker-1' },
      value: 1,
      details: { reason: 'No progress for 5 min.' },
    },
    { labels: { job: 'job-2', verdict: 'starved' }, value: 1, details: { reason: 'No progress for 5 min.' } },
  ]);
  const counts = samplesOf(monitor, 'jobs_by_verdict').map(({ labels, value }) => [labels.verdict, value]);
  assert.deepEqual(Object.fromEntries(counts), { on_track: 0, slow: 0, hung: 1, dead: 0, starved: 1, blocked: 0 });
  const ids = ['alert-1', 'alert-2', 'alert-3'];
  const tick = () => monitor.run({ type: 'tick', ids: ids.splice(0, 2), expire: true, judge_from: null });
  tick();
  const [alert] = activeAlerts(monitor.state);
  assert.deepEqual([alert?.rule, alert?.subject], ['job_stuck', 'job-1']);
  assert.equal(alert?.message, 'Job job-1 is stuck: No progress for 5 min.');
  const lost = { alertname: 'worker_lost', severity: 'WARNING', worker: 'worker-1' };
  const data = { rule: 'worker_lost', subject: 'worker-1', severity: 'WARNING', message: '', labels: lost } as const;
  monitor.apply({ type: 'AlertRaised', entity: 'alert-lost', data });
  assert.deepEqual(suppression(monitor.state, alert!, monitor.at_ms, monitor.policy.alerts), {
    by: 'inhibition',
    id: 'alert-lost',
  });
  monitor.complete(lease);
  tick();
  assert.ok(!activeAlerts(monitor.state).some(({ rule }) => rule === 'job_stuck'));
});

test('a value is written in its unit', () => {
  const monitor = withRules("rules:\n  - {name: old, signal: queue_age_seconds, at_least: 1, summary: '{{ value }}'}");
  const shown = (after_ms: number) => {
    const copy = new Monitor({ alerts: monitor.policy.alerts });
    copy.submit('job-1');
    copy.later(after_ms).tick();
    return messages(copy)[0];
  };
  assert.equal(shown(5 * SECOND_MS), '5 seconds');
  assert.equal(shown(MINUTE_MS), '1 minute');
  assert.equal(shown(HOUR_MS + 2 * MINUTE_MS + 5 * SECOND_MS), '1 hour 2 minutes');
  assert.equal(shown(49 * HOUR_MS), '2 days 1 hour');
});
