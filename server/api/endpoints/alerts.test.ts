/** Alerts, silences and rules over HTTP. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alert, Silence } from '../../../protocol/alert.ts';
import type { SystemHealth } from '../../../protocol/system.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { fail, hold, submit } from '../../../test/servers/steps.ts';

/** A monitor with a dead letter, and the alert about it. */
async function alerting(t: Parameters<typeof openMonitor>[0]) {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock });
  const { job_id } = await fail(monitor, await hold(monitor));
  clock.jump(5_000);
  const { items } = await monitor.until('/system/alerts', (page) => page.items.length === 1);
  const alert = items[0] as Alert;
  const listed = async (status = 'firing') => (await monitor.get(`/system/alerts?status=${status}`)).body.items;
  const later = (seconds: number) => new Date(clock.now() + seconds * 1000).toISOString();
  return { clock, monitor, alert, job_id, listed, later };
}

const ABOUT_DEAD = [{ name: 'alertname', op: '=', value: 'jobs_*' }];

test('[A46] [A54] [A62] an alert has its rule, labels, texts and times, in the list, by itself and in the health', async (t) => {
  const { monitor, alert } = await alerting(t);
  const { id, created_at, fired_at, fingerprint, as_of_seq, ...rest } = alert;
  assert.deepEqual(rest, {
    rule: 'jobs_dead_lettered',
    subject: 'dlq',
    severity: 'WARNING',
    status: 'firing',
    labels: { alertname: 'jobs_dead_lettered', severity: 'WARNING', queue: 'dlq' },
    message: 'Jobs have failed permanently and are in the dead-letter queue',
    description: '`tmon queue dlq` lists them; redrive them when the cause is gone, or purge them.',
    runbook_url: null,
    acknowledged: null,
    resolved_at: null,
    resolved_by: null,
    suppressed: null,
  });
  assert.equal(created_at, fired_at);
  assert.equal(Date.parse(created_at) % 5_000, 0);
  assert.match(fingerprint, /^[0-9a-f]{16}$/);
  const { suppressed, ...alone } = alert as Alert & { suppressed: null };
  assert.deepEqual((await monitor.get(`/system/alerts/${id}`)).body, alone);
  const { alerts } = (await monitor.get<SystemHealth>('/system/health')).body;
  assert.deepEqual(alerts, [{ id, severity: 'WARNING', message: alert.message, created_at }]);
  assert.equal((await monitor.get('/system/alerts/alert-none')).status, 404);
});

test('an alert is acknowledged once, key or none, and by whom is shown', async (t) => {
  const { monitor, alert, listed } = await alerting(t);
  const path = `/system/alerts/${alert.id}/acknowledge`;
  const { status, body } = await monitor.post<Alert>(path, { by: 'ada' });
  assert.deepEqual([status, body.acknowledged?.by, body.status], [200, 'ada', 'firing']);
  assert.deepEqual((await monitor.post<Alert>(path, { by: 'bob' })).body.acknowledged, body.acknowledged);
  assert.deepEqual((await listed())[0].suppressed, { by: 'acknowledged', id: 'ada' });
  await monitor.post(`/system/alerts/${alert.id}/resolve`, { by: 'ada' });
  assert.equal((await monitor.get<Alert>(`/system/alerts/${alert.id}`)).body.resolved_by, 'ada');
  const late = await monitor.post(path);
  assert.deepEqual([late.status, late.body.code], [409, 'alert_resolved']);
  assert.equal((await monitor.post('/system/alerts/alert-none/acknowledge')).status, 404);
});

test('a silence suppresses its alerts until its time is over, or it is ended', async (t) => {
  const { clock, monitor, listed, later } = await alerting(t);
  const create = (ends_at: string) =>
    monitor.post<Silence>('/system/silences', { matchers: ABOUT_DEAD, ends_at, created_by: 'ada', comment: 'known' });
  const { status, body } = await create(later(600));
  assert.deepEqual([status, body.created_by, body.comment, body.until_resolved], [201, 'ada', 'known', null]);
  assert.deepEqual((await listed())[0].suppressed, { by: 'silence', id: body.id });
  assert.deepEqual((await monitor.get('/system/silences')).body.items, [body]);
  assert.equal((await monitor.delete(`/system/silences/${body.id}`)).status, 200);
  assert.equal((await listed())[0].suppressed, null);
  assert.equal((await monitor.delete(`/system/silences/${body.id}`)).status, 404);

  await create(later(600));
  clock.jump(601_000);
  assert.equal((await listed())[0].suppressed, null);
  await monitor.until('/system/silences', ({ items }) => items.length === 0);
});

test('a silence until resolved ends when its alert is resolved', async (t) => {
  const { clock, monitor, alert, job_id, listed } = await alerting(t);
  const silence = { matchers: ABOUT_DEAD, until_resolved: true, created_by: 'ada', comment: '' };
  const { status, body } = await monitor.post<Silence>('/system/silences', silence);
  assert.deepEqual([status, body.ends_at, body.until_resolved], [201, null, [alert.id]]);
  assert.equal((await listed())[0].suppressed.id, body.id);
  await monitor.post(`/jobs/${job_id}/retry`);
  clock.jump(5_000);
  await monitor.until('/system/silences', ({ items }) => items.length === 0);
  const again = await monitor.post('/system/silences', silence);
  assert.deepEqual([again.status, again.body.code], [409, 'nothing_to_silence']);
});

test('a silence without an end, with an unknown label, or that is over already is refused with the reason', async (t) => {
  const { monitor, later } = await alerting(t);
  const cases: [object, string, RegExp][] = [
    [{}, 'silence_without_end', /requires an end/],
    [{ ends_at: later(60), until_resolved: true }, 'silence_with_two_ends', /exclude each other/],
    [{ ends_at: later(60), matchers: [{ name: 'wrker', op: '=', value: 'x' }] }, 'unknown_label', /no label wrker/],
    [{ ends_at: later(-60) }, 'silence_over', /past/],
    [{ starts_at: later(120), ends_at: later(60) }, 'silence_over', /before the silence begins/],
    [{ ends_at: later(400 * 86_400) }, 'silence_too_long', /a year/],
    [{ ends_at: later(60), matchers: [] }, 'invalid_body', /matchers/],
    [{ ends_at: later(60), matchers: [{ name: 'worker', op: '=~', value: 'x' }] }, 'invalid_body', /op/],
    [{ ends_at: 'tomorrow' }, 'invalid_body', /ends_at/],
    [{ ends_at: later(60), created_by: '' }, 'invalid_body', /created_by/],
    [{ ends_at: later(60), for: '1h' }, 'invalid_body', /for/],
  ];
  for (const [change, code, detail] of cases) {
    const body = { matchers: ABOUT_DEAD, created_by: 'ada', comment: '', ...change };
    const answer = await monitor.post('/system/silences', body);
    assert.deepEqual([answer.status, answer.body.code], [400, code], JSON.stringify(change));
    assert.match(JSON.stringify(answer.body), detail);
  }
  assert.deepEqual((await monitor.get('/system/silences')).body.items, []);
});

test('alerts are listed by status, in pages that miss and repeat none', async (t) => {
  const { clock, monitor, alert, listed } = await alerting(t);
  assert.deepEqual([await listed('pending'), await listed('resolved')], [[], []]);
  assert.equal((await listed('unresolved')).length, 1);
  await submit(monitor);
  clock.jump(30 * 60_000);
  await monitor.until('/system/alerts', ({ items }) => items.some(({ rule }: Alert) => rule === 'queue_slow'));
  const ids: string[] = [];
  let cursor = '';
  do {
    const { body } = await monitor.get(`/system/alerts?limit=1${cursor}`);
    assert.equal(body.items.length, 1);
    ids.push(body.items[0].id);
    cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`;
  } while (cursor !== '');
  assert.deepEqual(
    ids,
    (await listed()).map(({ id }: Alert) => id),
  );
  assert.equal(ids[0], alert.id);
  await monitor.post(`/system/alerts/${alert.id}/resolve`);
  assert.deepEqual(
    (await listed('resolved')).map(({ id }: Alert) => id),
    [alert.id],
  );
  assert.equal((await monitor.get('/system/alerts?status=open')).status, 400);
  assert.equal((await monitor.get('/system/alerts?cursor=x')).body.code, 'invalid_cursor');
});

test('the rules that apply are shown with their thresholds', async (t) => {
  const { monitor } = await alerting(t);
  const { body } = await monitor.get('/system/alert-rules');
  const slow = body.rules.find(({ name }: { name: string }) => name === 'queue_slow');
  assert.deepEqual(
    [slow.signal, slow.condition, slow.threshold, slow.unit],
    ['queue_age_seconds', 'at_least', 1800, 'seconds'],
  );
  assert.deepEqual([body.problem, body.mute_times], [null, []]);
  assert.deepEqual(body.inhibitions[0].equal, ['worker']);
});
