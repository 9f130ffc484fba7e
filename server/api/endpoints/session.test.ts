/** Sessions, tickets and tokens: what each opens, how long, and that each ends with its key. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { EventsClient, FeedClient } from '../../../test/servers/feed-client.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { ADMIN_KEY, Caller, openMonitor } from '../../../test/servers/monitor.ts';
import { submit } from '../../../test/servers/steps.ts';
import { hashOfKey } from '../../access/secrets.ts';

const clock = new JumpingClock();
const monitor = await openMonitor(
  { after },
  { clock, admin_key_hash: hashOfKey(ADMIN_KEY), session_idle_ms: 3_600_000 },
);
const admin = monitor.withKey(ADMIN_KEY);
const create = async (creation: object) => (await admin.post('/keys', creation)).body as { id: string; key: string };

const OWN_PAGE = { 'sec-fetch-site': 'same-origin' };

/** A browser on a page of the monitor: it has the cookie, and never the key. */
async function signIn(key: string) {
  const { status, headers, body, text } = await monitor.withKey(key).post('/session');
  assert.equal(status, 201, text);
  const cookie = headers.get('set-cookie')!;
  const sent = { cookie: cookie.split(';')[0]!, ...OWN_PAGE };
  const get = (path: string, more: Record<string, string> = {}) => monitor.get(path, { ...sent, ...more });
  return { cookie, sent, get, body, text };
}

const codeOf = ({ status, body }: { status: number; body: { code?: string } }) => [status, body?.code];

describe('a session', () => {
  test('is in a cookie that no script reads and no other site sends, and has the role of its key', async () => {
    const { key, id } = await create({ role: 'operate', name: 'ada' });
    const { cookie, body, text, get } = await signIn(key);
    assert.match(cookie, /^tmon_session=tmt_\w+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43\d{3}$/);
    assert.ok(!text.includes('tmt_') && !text.includes(key), text);
    assert.deepEqual([body.role, body.name, body.key_id, body.signed_in], ['operate', 'ada', id, true]);
    assert.ok(body.permissions.includes('operate') && !body.permissions.includes('admin'));
    assert.equal((await get('/jobs')).status, 200);
    assert.deepEqual(codeOf(await get('/keys')), [403, 'role_not_allowed']);
    assert.equal((await get('/session')).body.expires_at, body.expires_at);
  });

  test('is over TLS in a cookie that no other name of the domain can set, and browsers keep to TLS', async (t) => {
    const settings = { admin_key_hash: hashOfKey(ADMIN_KEY), trusted_proxies: 'loopback' };
    const behind = (await openMonitor(t, settings)).withKey(ADMIN_KEY);
    const secure = { 'x-forwarded-proto': 'https', ...OWN_PAGE };
    const { headers } = await behind.post('/session', undefined, secure);
    const cookie = headers.get('set-cookie')!;
    assert.match(cookie, /^__Host-tmon_session=tmt_\w+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+; Secure$/);
    assert.equal(headers.get('strict-transport-security'), 'max-age=31536000');
    const [sent = ''] = cookie.split(';');
    const withCookie = (text: string) => new Caller(behind.url).get('/session', { cookie: text, ...secure });
    assert.equal((await withCookie(sent)).body.signed_in, true);
    assert.equal((await withCookie(sent.replace('__Host-', ''))).body.signed_in, false);
  });

  test('does not count for a request that another site may have made', async () => {
    const { sent, get } = await signIn((await create({ role: 'admin' })).key);
    const { cookie } = sent;
    const from = (headers: Record<string, string>) => monitor.post('/system/silences', {}, { cookie, ...headers });
    assert.deepEqual(codeOf(await from({})), [401, 'key_required']);
    for (const site of ['cross-site', 'same-site', 'none']) {
      const headers = { 'sec-fetch-site': site };
      assert.deepEqual(codeOf(await from(headers)), [401, 'key_required'], JSON.stringify(headers));
    }
    assert.deepEqual(codeOf(await from(OWN_PAGE)), [400, 'invalid_body']);
    assert.equal((await get('/jobs', { 'sec-fetch-site': 'none' })).status, 200);
    assert.deepEqual(codeOf(await get('/jobs', { 'sec-fetch-site': 'cross-site' })), [401, 'key_required']);
  });

  test('ends when it is signed out, with its key, and with its time; its sockets are closed', async (t) => {
    const { key, id } = await create({ role: 'read' });
    const one = await signIn(key);
    const other = await signIn(key);
    const socket = await FeedClient.open(t, monitor.url, undefined, { ...one.sent, origin: monitor.url });
    const ended = await monitor.call('DELETE', '/api/v1/session', { headers: one.sent });
    assert.match(ended.headers.get('set-cookie')!, /^tmon_session=; .*Max-Age=0$/);
    assert.equal(ended.body.signed_in, false);
    assert.equal((await socket.closed).code, 4001);
    assert.deepEqual(codeOf(await one.get('/jobs')), [401, 'key_required']);
    assert.equal((await other.get('/jobs')).status, 200);
    await admin.delete(`/keys/${id}`);
    assert.deepEqual(codeOf(await other.get('/jobs')), [401, 'key_required']);
    const last = await signIn(ADMIN_KEY);
    clock.jump(12 * 3_600_000);
    await submit(admin);
    assert.equal((await last.get('/session')).body.signed_in, false);
  });

  test('ends after an hour without use; what its page does by itself is none', async (t) => {
    const { get, sent } = await signIn((await create({ role: 'read' })).key);
    clock.jump(50 * 60_000);
    assert.equal((await get('/jobs')).status, 200);
    clock.jump(50 * 60_000);
    assert.equal((await get('/session', { 'tmon-background': '1' })).body.signed_in, true);
    const socket = await FeedClient.open(t, monitor.url, undefined, { ...sent, origin: monitor.url });
    clock.jump(11 * 60_000);
    assert.equal((await socket.closed).code, 4001);
    assert.deepEqual(codeOf(await get('/jobs')), [401, 'key_required']);
    assert.equal((await get('/session')).body.signed_in, false);
    await assert.rejects(FeedClient.open(t, monitor.url, undefined, { ...sent, origin: monitor.url }));
  });

  test('ends when the same browser signs in again', async () => {
    const { key } = await create({ role: 'read' });
    const first = await signIn(key);
    const { status } = await monitor.withKey(key).post('/session', undefined, first.sent);
    assert.equal(status, 201);
    assert.deepEqual(codeOf(await first.get('/jobs')), [401, 'key_required']);
    const other = await signIn(key);
    await monitor.withKey(key).post('/session', undefined, { ...other.sent, 'sec-fetch-site': 'cross-site' });
    assert.equal((await other.get('/jobs')).status, 200, 'another site ends no session');
  });

  test('cannot be prolonged by itself, nor made by a token', async () => {
    const { sent } = await signIn((await create({ role: 'read' })).key);
    assert.deepEqual(codeOf(await monitor.post('/session', undefined, sent)), [403, 'key_needed']);
    assert.equal((await monitor.get('/jobs', sent)).status, 200);
  });
});

test('GET /session says what a caller without a key may do, and that the monitor needs one', async () => {
  const { body } = await monitor.get('/session');
  assert.deepEqual(
    [body.keys_required, body.signed_in, body.role, body.permissions],
    [true, false, null, ['open', 'optional']],
  );
  assert.equal((await monitor.withKey('tmk_wrong').get('/session')).status, 401);
});

test('without keys there is nothing to exchange, and everybody may do everything', async (t) => {
  const open = await openMonitor(t);
  assert.deepEqual(codeOf(await open.post('/session')), [409, 'no_keys']);
  const { body } = await open.get('/session');
  assert.deepEqual([body.keys_required, body.signed_in, body.permissions.includes('admin')], [false, false, true]);
});

describe('a ticket', () => {
  test('opens one connection to the feed, over WebSocket or SSE, and nothing else', async (t) => {
    const reader = monitor.withKey((await create({ role: 'read' })).key);
    const { ticket } = (await reader.post('/tickets')).body;
    const socket = await FeedClient.open(t, `${monitor.url}?ticket=${ticket}`);
    assert.equal((await socket.ask({ action: 'ping', id: 'p' })).type, 'pong');
    await assert.rejects(FeedClient.open(t, `${monitor.url}?ticket=${ticket}`));
    const second = (await reader.post('/tickets')).body.ticket;
    await EventsClient.open(t, monitor.url, `?ticket=${second}`);
    assert.deepEqual(codeOf(await monitor.get(`/events?ticket=${second}`)), [401, 'pass_invalid']);
    const third = (await reader.post('/tickets')).body.ticket;
    assert.deepEqual(codeOf(await monitor.get(`/jobs?ticket=${third}`)), [400, 'key_in_url']);
    assert.deepEqual(codeOf(await monitor.withKey(third).get('/jobs')), [401, 'pass_invalid']);
  });

  test('opens none after thirty seconds, or after its key has been revoked', async (t) => {
    const { key, id } = await create({ role: 'read' });
    const { ticket } = (await monitor.withKey(key).post('/tickets')).body;
    clock.jump(30_000);
    await assert.rejects(FeedClient.open(t, `${monitor.url}?ticket=${ticket}`));
    const other = (await monitor.withKey(key).post('/tickets')).body.ticket;
    await admin.delete(`/keys/${id}`);
    await assert.rejects(FeedClient.open(t, `${monitor.url}?ticket=${other}`));
  });

  test('of two connections that use it at the same time, one is opened', async (t) => {
    const { ticket } = (await admin.post('/tickets')).body;
    const opened = await Promise.allSettled([1, 2, 3].map(() => FeedClient.open(t, `${monitor.url}?ticket=${ticket}`)));
    assert.equal(opened.filter(({ status }) => status === 'fulfilled').length, 1);
  });
});

describe('a token for a job', () => {
  test('reads and follows this job, and nothing else', async (t) => {
    const owner = monitor.withKey((await create({ role: 'submit' })).key);
    const { job_id } = await submit(owner);
    const other = (await submit(owner)).job_id;
    const { body } = await owner.post(`/jobs/${job_id}/tokens`, { expires_in_seconds: 60 });
    const holder: Caller = monitor.withKey(body.token);
    assert.equal((await holder.get(`/jobs/${job_id}`)).body.job_id, job_id);
    assert.deepEqual(codeOf(await holder.get(`/jobs/${other}`)), [404, 'job_not_found']);
    const { items } = (await holder.get('/jobs')).body;
    assert.deepEqual(
      items.map((job: { job_id: string }) => job.job_id),
      [job_id],
    );
    for (const [method, path] of [
      ['DELETE', `/jobs/${job_id}`],
      ['GET', '/workers'],
      ['POST', '/jobs'],
    ] as const) {
      assert.equal((await holder.call(method, `/api/v1${path}`)).status, 403, path);
    }
    assert.deepEqual(codeOf(await holder.post(`/jobs/${job_id}/tokens`)), [403, 'key_needed']);
    const socket = await FeedClient.open(t, monitor.url, body.token);
    socket.send({ action: 'subscribe', resource: 'job', job_id: other, id: 'other' });
    assert.equal((await socket.next()).code, 'job_not_found');
    socket.send({ action: 'subscribe', resource: 'job', job_id });
    assert.equal((await socket.next()).job_id, job_id);
    clock.jump(60_000);
    assert.equal((await socket.closed).code, 4001);
    assert.deepEqual(codeOf(await holder.get(`/jobs/${job_id}`)), [401, 'pass_invalid']);
  });

  test('is made only for a job that its maker sees', async () => {
    const { job_id } = await submit(admin);
    const stranger = monitor.withKey((await create({ role: 'submit' })).key);
    assert.deepEqual(codeOf(await stranger.post(`/jobs/${job_id}/tokens`)), [404, 'job_not_found']);
  });
});
