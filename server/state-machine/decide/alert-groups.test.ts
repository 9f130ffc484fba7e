/** Messages about alerts: grouped, repeated, resolved; one state for each destination and group, whatever happens between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMatcher } from '../../../protocol/alert-labels.ts';
import { HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';
import { NO_ROUTES, ROUTE_DEFAULTS, type Route, type Routing } from '../../notices/routes/routes.ts';
import type { AlertsContent } from '../state/notices.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { Monitor } from '../testing.ts';

const routing = (...routes: Partial<Route>[]): Routing => ({
  routes: routes.map((route) => ({ ...ROUTE_DEFAULTS, notify: ['ops'], ...route })),
  notifiers: new Set(['ops', 'oncall']),
});

class Alerting extends Monitor {
  #ids = 0;

  constructor(routes: Routing = routing({})) {
    super({ routing: routes });
    // Without the rules of the monitor: the tests say which alerts there are.
    Object.assign(this.policy, { alerts: { ...this.policy.alerts, rules: [], inhibitions: [] } });
  }

  raise(worker: string, labels: Record<string, string> = {}): this {
    const severity = (labels.severity ?? 'WARNING') as 'WARNING' | 'CRITICAL';
    this.apply({
      type: 'AlertRaised',
      entity: `alert-${worker}-${this.#ids++}`,
      data: {
        rule: labels.alertname ?? 'worker_lost',
        subject: worker,
        severity,
        message: `Worker ${worker} has gone silent`,
        labels: { alertname: 'worker_lost', worker, ...labels, severity },
      },
    });
    return this;
  }

  resolve(worker: string): this {
    for (const { id, subject, resolved_ms } of this.state.tables.alerts.values()) {
      if (subject !== worker || resolved_ms !== null) continue;
      this.apply({ type: 'AlertResolved', entity: id, data: { by: 'condition' } });
      this.apply({ type: 'AlertCleared', entity: id, data: {} });
    }
    return this;
  }

  /** Ticks every five seconds for this long, as the monitor does; alerts stay as they are. */
  pass(for_ms: number): AlertsContent[] {
    const messages: AlertsContent[] = [];
    for (let left_ms = for_ms; left_ms > 0; left_ms -= 5_000) {
      this.later(Math.min(5_000, left_ms));
      messages.push(...this.look());
    }
    return messages;
  }

  look(): AlertsContent[] {
    const before = new Set(this.state.tables.notices.keys());
    // `evaluate` would clear alerts that no rule finds.
    const notice_ids = [1, 2, 3].map((n) => `message-${this.#ids++}-${n}`);
    const kept = this.state;
    const { events } = this.run({ type: 'tick', ids: [], expire: true, notice_ids });
    this.state = kept;
    for (const event of events) {
      if (event.type === 'AlertsNotified' || event.type === 'AlertGroupEnded') this.apply(event);
    }
    return [...this.state.tables.notices.values()]
      .filter(({ id }) => !before.has(id))
      .flatMap(({ content }) => (content.kind === 'alerts' ? [content] : []));
  }
}

const shape = (messages: readonly AlertsContent[]) =>
  messages.map(({ open, firing, resolved }) => `${open ? 'open' : 'over'} ${firing} firing ${resolved} resolved`);

test('a hundred alerts within the wait of their group are one message, and one when all are resolved', () => {
  const monitor = new Alerting();
  for (let n = 0; n < 100; n += 1) {
    monitor.raise(`gpu-${n}`);
    if (n % 10 === 0) assert.deepEqual(monitor.pass(1_000), []);
  }
  const first = monitor.pass(30_000);
  assert.deepEqual(shape(first), ['open 100 firing 0 resolved']);
  assert.deepEqual([first[0]!.labels, first[0]!.lines.length], [{ alertname: 'worker_lost' }, 100]);
  assert.deepEqual(monitor.pass(HOUR_MS), []);
  for (let n = 0; n < 100; n += 1) monitor.resolve(`gpu-${n}`);
  const last = monitor.pass(30_000);
  assert.deepEqual(shape(last), ['over 0 firing 100 resolved']);
  assert.equal(last[0]!.incident, first[0]!.incident);
  assert.deepEqual(monitor.pass(24 * HOUR_MS), []);
  assert.equal(monitor.state.tables.alert_groups.size, 0);
});

test('a group that has changed is told so after its interval, one that has not after the repeat interval', () => {
  const monitor = new Alerting();
  monitor.raise('a');
  assert.equal(monitor.pass(20_000).length, 1);
  monitor.raise('b');
  assert.deepEqual(monitor.pass(4 * MINUTE_MS), []);
  assert.deepEqual(shape(monitor.pass(MINUTE_MS)), ['open 2 firing 0 resolved']);
  monitor.resolve('a');
  assert.deepEqual(shape(monitor.pass(6 * MINUTE_MS)), ['open 1 firing 1 resolved']);
  assert.deepEqual(shape(monitor.pass(4 * HOUR_MS + MINUTE_MS)), ['open 1 firing 0 resolved']);
  assert.deepEqual(shape(monitor.pass(4 * HOUR_MS)), ['open 1 firing 0 resolved']);
});

test('an alert that is over before the wait of its group is not reported', () => {
  const monitor = new Alerting();
  monitor.raise('a').pass(10_000);
  monitor.resolve('a');
  assert.deepEqual(monitor.pass(HOUR_MS), []);
});

test('an alert that flaps within the interval is neither news nor an end', () => {
  const monitor = new Alerting();
  monitor.raise('a');
  monitor.raise('b');
  monitor.pass(20_000);
  monitor.resolve('a').pass(MINUTE_MS);
  monitor.raise('a');
  assert.deepEqual(monitor.pass(HOUR_MS), []);
});

test('groups are by the labels of the route, and each destination has its own state', () => {
  const monitor = new Alerting(routing({ notify: ['ops', 'oncall'], group_by: ['alertname', 'region'] }));
  for (const worker of ['a', 'b']) monitor.raise(worker, { region: 'eu' });
  monitor.raise('c', { region: 'us' });
  monitor.look();
  const messages = monitor.pass(30_000);
  assert.deepEqual(messages.map(({ labels, firing }) => `${labels.region} ${firing}`).sort(), [
    'eu 2',
    'eu 2',
    'us 1',
    'us 1',
  ]);
  const destinations = [...monitor.state.tables.notices.values()].map(({ destination }) => destination).sort();
  assert.deepEqual(destinations, ['oncall', 'oncall', 'ops', 'ops']);
});

test('the first route that matches takes an alert, unless it says to continue', () => {
  const critical = [parseMatcher('severity=CRITICAL')];
  const [last, both] = [
    new Alerting(routing({ match: critical, notify: ['oncall'] }, { notify: ['ops'] })),
    new Alerting(routing({ match: critical, notify: ['oncall'], continue: true }, { notify: ['ops'] })),
  ];
  for (const [monitor, expected] of [
    [last, ['oncall: a', 'ops: b']],
    [both, ['oncall: a', 'ops: a b']],
  ] as const) {
    monitor.raise('a', { severity: 'CRITICAL' });
    monitor.raise('b');
    monitor.pass(20_000);
    const told = [...monitor.state.tables.notices.values()].map(({ destination, content }) => {
      const workers = content.kind === 'alerts' ? content.lines.map(({ labels }) => labels.worker) : [];
      return `${destination}: ${workers.sort().join(' ')}`;
    });
    assert.deepEqual(told.sort(), expected);
  }
});

test('a silenced or acknowledged alert notifies nobody, and its end is reported to whoever knew of it', () => {
  const monitor = new Alerting();
  const silence = (ends_ms: number) =>
    monitor.apply({
      type: 'SilenceCreated',
      entity: 'silence-1',
      data: { matchers: [parseMatcher('worker=a')], starts_ms: 0, ends_ms, alert_ids: null, by: 'ada', comment: '' },
    });
  silence(monitor.at_ms + HOUR_MS);
  monitor.raise('a');
  assert.deepEqual(monitor.pass(30 * MINUTE_MS), []);
  monitor.apply({ type: 'SilenceEnded', entity: 'silence-1', data: { by: 'ada' } });
  assert.deepEqual(shape(monitor.pass(10_000)), ['open 1 firing 0 resolved'], 'its wait is long over');
  silence(monitor.at_ms + 24 * HOUR_MS);
  assert.deepEqual(monitor.pass(10 * HOUR_MS), [], 'no repetition');
  monitor.resolve('a');
  assert.deepEqual(shape(monitor.pass(MINUTE_MS)), ['over 0 firing 1 resolved']);

  monitor.raise('b').pass(20_000);
  const { id } = [...monitor.state.tables.alerts.values()].find(({ subject }) => subject === 'b')!;
  monitor.apply({ type: 'AlertAcknowledged', entity: id, data: { by: 'ada' } });
  assert.deepEqual(monitor.pass(10 * HOUR_MS), []);
});

test('send_resolved false: no message at the end, and a later alert begins a new group', () => {
  const monitor = new Alerting(routing({ send_resolved: false }));
  monitor.raise('a').pass(20_000);
  monitor.resolve('a');
  assert.deepEqual(monitor.pass(MINUTE_MS), []);
  assert.equal(monitor.state.tables.alert_groups.size, 0);
  monitor.raise('a');
  assert.equal(monitor.pass(30_000).length, 1);
});

test('a destination without a route any more hears of the end; one that is gone is forgotten', () => {
  const monitor = new Alerting(routing({ notify: ['ops', 'oncall'] }));
  monitor.raise('a').pass(20_000);
  Object.assign(monitor.policy, { routing: { ...NO_ROUTES, notifiers: new Set(['ops']) } });
  assert.deepEqual(monitor.pass(10 * HOUR_MS), []);
  assert.deepEqual(
    [...monitor.state.tables.alert_groups.values()].map(({ destination }) => destination),
    ['ops'],
  );
  monitor.resolve('a');
  assert.deepEqual(shape(monitor.pass(MINUTE_MS)), ['over 0 firing 1 resolved']);
  assert.equal(monitor.state.tables.alert_groups.size, 0);
});

test('messages beyond the ids of a tick are sent with the next one', () => {
  const monitor = new Alerting(routing({ group_by: ['worker'] }));
  for (let n = 0; n < 7; n += 1) monitor.raise(`gpu-${n}`);
  monitor.later(15_000);
  assert.deepEqual(
    [monitor.look(), monitor.look(), monitor.look(), monitor.look()].map(({ length }) => length),
    [3, 3, 1, 0],
  );
});

test('what is due is the same after a restart from a snapshot', () => {
  const monitor = new Alerting();
  monitor.raise('a').pass(20_000);
  monitor.raise('b');
  monitor.state = restore(snapshotRows(monitor.state));
  assert.deepEqual(monitor.pass(4 * MINUTE_MS), []);
  monitor.state = restore(snapshotRows(monitor.state));
  assert.deepEqual(shape(monitor.pass(2 * MINUTE_MS)), ['open 2 firing 0 resolved']);
});

test('without routes a tick decides nothing about messages', () => {
  const monitor = new Alerting(NO_ROUTES);
  monitor.raise('a');
  assert.deepEqual(monitor.pass(HOUR_MS), []);
});
