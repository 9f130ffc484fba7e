import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matches, parseMatcher } from '../../protocol/alert-labels.ts';
import { HOUR_MS, MINUTE_MS, parseTime } from '../../protocol/time.ts';
import { restore, snapshotRows } from '../state-machine/state/snapshot.ts';
import { Monitor } from '../state-machine/testing.ts';
import { NO_RULES } from './rules/rules.ts';
import { isMuted, suppression } from './suppression.ts';

const matchers = (...texts: string[]) => texts.map(parseMatcher);

function raise(monitor: Monitor, id: string, labels: Record<string, string>): void {
  const all = { alertname: 'r', severity: 'WARNING', ...labels };
  const data = { rule: all.alertname, subject: null, severity: 'WARNING', message: '', labels: all } as const;
  monitor.apply({ type: 'AlertRaised', entity: id, data });
}

function silence(
  monitor: Monitor,
  id: string,
  texts: string[],
  more: { ends_ms?: number; alert_ids?: string[] },
): void {
  const { ends_ms = null, alert_ids = null } = more;
  const data = { matchers: matchers(...texts), starts_ms: monitor.at_ms, ends_ms, alert_ids, by: 'ada', comment: '' };
  monitor.apply({ type: 'SilenceCreated', entity: id, data });
}

const why = (monitor: Monitor, id: string, rules = NO_RULES) =>
  suppression(monitor.state, monitor.state.tables.alerts.get(id)!, monitor.at_ms, rules);

test('a matcher selects by a whole value, with * for any text, and an absent label is empty', () => {
  const labels = { worker: 'gpu-7-b', severity: 'WARNING' };
  const selects = (text: string) => matches(parseMatcher(text), labels);
  for (const text of [
    'worker=gpu-7-b',
    'worker=gpu-*',
    'worker=*-b',
    'worker=g*7*b',
    'worker=*',
    'worker!=gpu-8',
    'job=',
    'worker!=',
  ]) {
    assert.equal(selects(text), true, text);
  }
  for (const text of [
    'worker=gpu',
    'worker=gpu-7*7-b',
    'worker=*-b-b',
    'worker!=gpu*',
    'job!=',
    'constructor!=',
    'worker=',
  ]) {
    assert.equal(selects(text), false, text);
  }
  for (const text of ['worker', '=x', 'Worker=x', '__proto__=x', `a=${'x'.repeat(257)}`]) {
    assert.throws(() => parseMatcher(text), /is not a matcher/, text);
  }
});

test('a silence suppresses the alerts that all its matchers select, until it ends', () => {
  const monitor = new Monitor();
  raise(monitor, 'alert-1', { worker: 'w-1' });
  raise(monitor, 'alert-2', { queue: 'main' });
  silence(monitor, 'silence-1', ['worker=w-*', 'severity=WARNING'], { ends_ms: monitor.at_ms + HOUR_MS });
  assert.deepEqual(why(monitor, 'alert-1'), { by: 'silence', id: 'silence-1' });
  assert.equal(why(monitor, 'alert-2'), null);
  monitor.later(HOUR_MS - 1);
  assert.deepEqual(why(monitor, 'alert-1'), { by: 'silence', id: 'silence-1' });
  monitor.later(1);
  assert.equal(why(monitor, 'alert-1'), null);
});

test('a silence until resolved ends with an alert that was pending and never fired', () => {
  const monitor = new Monitor();
  const labels = { alertname: 'r', severity: 'WARNING', worker: 'w1' };
  const data = { rule: 'r', subject: null, severity: 'WARNING', message: '', labels } as const;
  monitor.apply({ type: 'AlertPending', entity: 'alert-1', data });
  silence(monitor, 'silence-1', ['worker=w1'], { alert_ids: ['alert-1'] });
  monitor.apply({ type: 'AlertCleared', entity: 'alert-1', data: {} });
  assert.equal(monitor.state.tables.silences.size, 0);
});

test('a silence until resolved ends with the last of its alerts', () => {
  const monitor = new Monitor();
  for (const n of [1, 2, 3]) raise(monitor, `alert-${n}`, { worker: `w-${n}` });
  silence(monitor, 'silence-1', ['worker=*'], { alert_ids: ['alert-1', 'alert-2'] });
  monitor.apply({ type: 'AlertResolved', entity: 'alert-1', data: { by: 'condition' } });
  assert.deepEqual(why(monitor, 'alert-3'), { by: 'silence', id: 'silence-1' });
  monitor.state = restore(snapshotRows(monitor.state));
  assert.deepEqual(why(monitor, 'alert-3'), { by: 'silence', id: 'silence-1' });
  monitor.apply({ type: 'AlertResolved', entity: 'alert-2', data: { by: 'ada' } });
  assert.equal(why(monitor, 'alert-3'), null);
  assert.equal(monitor.state.tables.silences.size, 0);
});

test('an acknowledged alert notifies nobody until it is raised again', () => {
  const monitor = new Monitor();
  raise(monitor, 'alert-1', {});
  monitor.apply({ type: 'AlertAcknowledged', entity: 'alert-1', data: { by: 'ada' } });
  assert.deepEqual(why(monitor, 'alert-1'), { by: 'acknowledged', id: 'ada' });
  monitor.apply({ type: 'AlertResolved', entity: 'alert-1', data: { by: 'condition' } });
  monitor.apply({ type: 'AlertCleared', entity: 'alert-1', data: {} });
  raise(monitor, 'alert-2', {});
  assert.equal(why(monitor, 'alert-2'), null);
});

test('an alert inhibits those with equal labels while it fires, and never itself', () => {
  const inhibition = { source: matchers('alertname=worker_lost'), target: matchers('worker!='), equal: ['worker'] };
  const rules = { ...NO_RULES, inhibitions: [inhibition] };
  const monitor = new Monitor();
  raise(monitor, 'alert-1', { alertname: 'worker_lost', worker: 'w-1' });
  raise(monitor, 'alert-2', { alertname: 'job_stuck', worker: 'w-1', job: 'job-1' });
  raise(monitor, 'alert-3', { alertname: 'job_stuck', worker: 'w-2', job: 'job-2' });
  assert.deepEqual(
    ['alert-1', 'alert-2', 'alert-3'].map((id) => why(monitor, id, rules)),
    [null, { by: 'inhibition', id: 'alert-1' }, null],
  );
  monitor.apply({ type: 'AlertResolved', entity: 'alert-1', data: { by: 'condition' } });
  assert.equal(why(monitor, 'alert-2', rules), null);
});

test('a mute time follows the clocks of its zone, over midnight and over changes of the clocks', () => {
  const mute = { name: 'night', match: [], zone: 'Europe/Berlin', weekdays: [1, 5], from: 22 * 60, until: 6 * 60 };
  const muted = (time: string) => isMuted(mute, parseTime(time));
  assert.equal(muted('2026-03-27T20:59:59Z'), false, 'Friday 21:59 in winter');
  assert.equal(muted('2026-03-27T21:00:00Z'), true, 'Friday 22:00');
  assert.equal(muted('2026-03-28T04:59:59Z'), true, 'Saturday 05:59, begun on Friday');
  assert.equal(muted('2026-03-28T05:00:00Z'), false);
  assert.equal(muted('2026-03-28T22:00:00Z'), false, 'Saturday night');
  assert.equal(muted('2026-03-30T20:00:00Z'), true, 'Monday 22:00 in summer');
  assert.equal(muted('2026-03-30T19:59:59Z'), false);
  const day = { ...mute, weekdays: [0], from: 0, until: 24 * 60, zone: 0 };
  assert.equal(isMuted(day, parseTime('2026-03-29T00:00:00Z')), true);
  assert.equal(isMuted(day, parseTime('2026-03-29T23:59:59Z') + MINUTE_MS), false);
});
