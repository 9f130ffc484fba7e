/** Webhooks of jobs, from the submission to a real receiver with the official verifier; their log, replay and test. */
import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { refusedAddress } from '../../../notifiers/http/addresses.ts';
import type { Notification } from '../../../protocol/notification.ts';
import { AlertsNotification, JobNotification } from '../../../protocol/notification.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { type Json, type MonitorOptions, openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO, complete, fail, hold, submit } from '../../../test/servers/steps.ts';
import { webhookReceiver } from '../../../test/servers/webhook-receiver.ts';
import { assertValid } from '../../state-machine/testing-schemas.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OLD_SECRET = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;

async function open(t: { after(run: () => unknown): void }, options: MonitorOptions = {}) {
  const receiver = await webhookReceiver(t, SECRET);
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, {
    clock,
    allow_private_webhooks: 'true',
    webhook_secret: `${SECRET} ${OLD_SECRET}`,
    ...options,
  });
  const log = async (query = ''): Promise<Notification[]> =>
    (await monitor.get(`/system/notifications${query}`)).body.items;
  const ended = (count: number) =>
    monitor.until(
      '/system/notifications',
      ({ items }: { items: Notification[] }) => items.filter(({ ended_at }) => ended_at !== null).length >= count,
    );
  return { receiver, monitor, clock, log, ended };
}

test('[S17] a webhook gets each end of a job that it asked for, signed, with what the job’s owner needs', async (t) => {
  const { receiver, monitor, log, ended } = await open(t);
  const hook = (path: string, more = {}) => ({ webhook_url: `${receiver.url}/${path}`, ...more });
  const done = await hold(monitor, hook('done', { metadata: { call: '7' }, tags: ['press'] }));
  await complete(monitor, done);
  const failed = await hold(monitor, hook('failed'));
  await fail(monitor, failed);
  const cancelled = await submit(monitor, hook('cancelled'));
  await monitor.delete(`/jobs/${cancelled.job_id}`);
  await complete(monitor, await hold(monitor, hook('not-asked', { webhook_events: ['failed'] })));
  await receiver.until(() => receiver.accepted.size === 3);
  await ended(3);

  const bodies = Object.fromEntries(receiver.received.map(({ path, body }) => [path, body]));
  for (const body of Object.values(bodies)) assertValid(JobNotification, body);
  assert.deepEqual(
    [bodies['/done'].type, bodies['/done'].data.job_id, bodies['/done'].data.metadata, bodies['/done'].data.tags],
    ['job.completed', done.id, { call: '7' }, ['press']],
  );
  assert.deepEqual(
    [bodies['/done'].data.output.s3_path, bodies['/done'].data.s3_path, bodies['/done'].data.error],
    ['s3://transcripts/file.json', AUDIO, null],
  );
  assert.deepEqual([bodies['/failed'].data.state, bodies['/failed'].data.error.code], ['FAILED', 'worker_error']);
  assert.equal(bodies['/cancelled'].type, 'job.cancelled');
  assert.equal(bodies['/not-asked'], undefined);

  const listed = await log();
  assert.deepEqual(
    listed.map(({ type, state, attempts }) => `${type} ${state} ${attempts}`),
    ['job.cancelled delivered 1', 'job.failed delivered 1', 'job.completed delivered 1'],
  );
  assert.deepEqual(
    (await log(`?job_id=${done.id}`)).map(({ id }) => id),
    [listed[2]!.id],
  );
  assert.deepEqual(await log('?state=failed'), []);
  assert.equal(listed[0]!.destination, `${receiver.url}/…lled`);
});

test('[S18] a webhook that fails is sent again under the same webhook-id, with the same body, as the log shows', async (t) => {
  const { receiver, monitor, clock, log, ended } = await open(t);
  receiver.respond = () => (receiver.received.length < 3 ? 500 : 200);
  await complete(monitor, await hold(monitor, { webhook_url: `${receiver.url}/secret-path` }));
  await receiver.until(() => receiver.received.length === 1);
  const waiting = await monitor.until<{ items: Notification[] }>(
    '/system/notifications',
    ({ items }) => items[0]?.last_error !== null,
  );
  assert.match(waiting.items[0]!.last_error!, /was not notified: HTTP 500/);
  assert.doesNotMatch(JSON.stringify(waiting), /secret/);
  assert.equal(waiting.items[0]!.state, 'waiting');
  while (receiver.received.length < 3) await clock.pass(10_000);
  await ended(1);
  assert.equal(new Set(receiver.received.map(({ id }) => id)).size, 1);
  assert.equal(new Set(receiver.received.map(({ body }) => JSON.stringify(body))).size, 1);
  const [notification] = await log();
  assert.deepEqual([notification!.state, notification!.attempts, notification!.last_error], ['delivered', 3, null]);
});

test('[S18] a replay sends the same message again; 410 ends a notification at once', async (t) => {
  const { receiver, monitor, log, ended } = await open(t);
  receiver.respond = () => 410;
  await complete(monitor, await hold(monitor, { webhook_url: receiver.url }));
  await ended(1);
  const [gone] = await log();
  assert.deepEqual([gone!.state, gone!.attempts], ['failed', 1]);
  receiver.respond = () => 200;
  const { status, body } = await monitor.post<Notification>(`/system/notifications/${gone!.id}/replay`);
  assert.deepEqual([status, body.id], [200, gone!.id]);
  await receiver.until(() => receiver.accepted.size === 1);
  assert.deepEqual([receiver.received.length, receiver.accepted.has(gone!.id)], [2, true]);
  assert.equal((await monitor.post('/system/notifications/none/replay')).body.code, 'notification_not_found');
  assert.equal((await monitor.get('/system/notifications/none')).status, 404);
});

test('a test of a webhook is sent and logged like any notification', async (t) => {
  const { receiver, monitor } = await open(t);
  const { status, body } = await monitor.post<Notification>('/system/notifications/test', {
    webhook_url: receiver.url,
  });
  assert.equal(status, 201);
  const ended = await monitor.until<Notification>(
    `/system/notifications/${body.id}`,
    ({ ended_at }) => ended_at !== null,
  );
  assert.deepEqual(
    [ended.state, ended.type, receiver.received[0]!.body.type],
    ['delivered', 'notification.test', 'notification.test'],
  );
});

test('a notifier is tested by its name, and one that is not configured is refused with those that are', async (t) => {
  const receiver = await webhookReceiver(t);
  const { monitor } = await open(t, { notify: `${receiver.url}/alerts` });
  const destination = `${receiver.url}/…erts`;
  const { body } = await monitor.post<Notification>('/system/notifications/test', { destination });
  await receiver.until(() => receiver.accepted.has(body.id));
  const unknown = await monitor.post('/system/notifications/test', { destination: 'nobody' });
  assert.deepEqual(
    [unknown.status, unknown.body.code, unknown.body.hint],
    [404, 'destination_not_found', `There are ${destination}.`],
  );
  for (const wrong of [{}, { destination, webhook_url: receiver.url }]) {
    assert.equal((await monitor.post('/system/notifications/test', wrong)).body.code, 'invalid_body');
  }
});

test('alerts go to the notifiers of --notify, and a failing one is an alert itself', async (t) => {
  const receiver = await webhookReceiver(t);
  const { monitor, clock } = await open(t, { notify: `${receiver.url}/alerts` });
  await fail(monitor, await hold(monitor));
  while (receiver.accepted.size === 0) await clock.pass(5_000);
  const message = [...receiver.accepted.values()][0]![0]!;
  assertValid(AlertsNotification, message.body);
  assert.deepEqual(
    [message.body.type, message.body.data.alerts.map(({ rule }: { rule: string }) => rule)],
    ['alerts.firing', ['jobs_dead_lettered']],
  );
  receiver.respond = () => 500;
  await monitor.post('/queues/dlq/purge', {});
  const failing = async () =>
    (await monitor.get('/system/alerts')).body.items.find(({ rule }: { rule: string }) => rule === 'notifier_failing');
  while ((await failing()) === undefined) await clock.pass(5_000);
  assert.deepEqual((await failing()).labels.destination, `${receiver.url}/…erts`);
  receiver.respond = () => 200;
  while ((await failing()) !== undefined) await clock.pass(5_000);
});

test('pages of the log go from the newest to the oldest, without repeating one', async (t) => {
  const { receiver, monitor, ended } = await open(t);
  for (let n = 0; n < 5; n += 1) await complete(monitor, await hold(monitor, { webhook_url: `${receiver.url}/${n}` }));
  await ended(5);
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Json = (await monitor.get(`/system/notifications?limit=2${cursor && `&cursor=${cursor}`}`)).body;
    ids.push(...page.items.map(({ id }: Notification) => id));
    cursor = page.next_cursor;
  }
  assert.equal(new Set(ids).size, 5);
  const created = (await monitor.get('/system/notifications?limit=5')).body.items.map(({ id }: Notification) => id);
  assert.deepEqual(ids, created);
  assert.equal((await monitor.get('/system/notifications?cursor=x')).status, 400);
});

test('[S14] a webhook with a private address is refused at submission', async (t) => {
  const { receiver, monitor } = await open(t, { allow_private_webhooks: '' });
  for (const webhook_url of [
    receiver.url,
    'http://localhost/x',
    'https://169.254.169.254/',
    'http://[::ffff:10.0.0.1]/',
    'http://2130706433/',
  ]) {
    const { status, body } = await monitor.post('/jobs', { audio_url: AUDIO, webhook_url });
    assert.deepEqual([status, body.code, body.errors[0].field], [400, 'webhook_refused', '/webhook_url'], webhook_url);
    assert.match(body.hint, /--allow-private-webhooks true/);
    assert.equal((await monitor.post('/system/notifications/test', { webhook_url })).body.code, 'webhook_refused');
  }
  assert.equal((await monitor.post('/jobs', { audio_url: AUDIO, webhook_url: 'http://a b/' })).status, 400);
  assert.equal((await monitor.post('/jobs', { audio_url: AUDIO, webhook_events: ['failed'] })).status, 400);
  assert.equal(
    (await monitor.post('/jobs', { audio_url: AUDIO, webhook_url: 'https://a.example/', webhook_events: [] })).status,
    400,
  );
});

test('[S14] a webhook whose host resolves to a private address has failed at its first delivery', async (t) => {
  const { receiver, monitor, ended } = await open(t, { allow_private_webhooks: '' });
  const addresses = await lookup(hostname(), { all: true }).catch(() => []);
  if (!addresses.some(({ address }) => refusedAddress(address) !== null)) {
    return t.skip(`${hostname()} does not resolve to a private address here`);
  }
  const { port } = new URL(receiver.url);
  await complete(monitor, await hold(monitor, { webhook_url: `http://${hostname()}:${port}/hook` }));
  const { items } = await ended(1);
  assert.deepEqual([items[0]!.state, items[0]!.attempts], ['failed', 1]);
  assert.match(items[0]!.last_error!, /was not notified: \S+ is \S+, which is not public/);
  assert.equal(receiver.received.length, 0);
});

test('the API document has the bodies of webhooks', async (t) => {
  const { monitor } = await open(t);
  const { body } = await monitor.get('/openapi.json');
  const schemaOf = (name: string) => body.webhooks[name].post.requestBody.content['application/json'].schema.$ref;
  assert.deepEqual(['job', 'alerts'].map(schemaOf), [
    '#/components/schemas/JobNotification',
    '#/components/schemas/AlertsNotification',
  ]);
  assert.ok(body.components.schemas.JobNotification.properties.data);
});

test('a secret or a setting that is not valid keeps the monitor from starting', async (t) => {
  await assert.rejects(openMonitor(t, { webhook_secret: 'hunter2' }), /webhook_secret is not valid/);
  await assert.rejects(openMonitor(t, { allow_private_webhooks: 'yes' }), /allow_private_webhooks is "yes"/);
});
