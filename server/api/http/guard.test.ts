/** Who may do what: every operation, resource of the feed and page, for every role, over HTTP and the WebSocket. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { KEY_ROLES, type KeyRole } from '../../../protocol/api-keys.ts';
import { FEED_RESOURCES } from '../../../protocol/feed.ts';
import { FeedClient } from '../../../test/servers/feed-client.ts';
import { ADMIN_KEY, type ApiResponse, type Caller, openMonitor } from '../../../test/servers/monitor.ts';
import { FEED_PERMISSIONS } from '../../access/feed-permissions.ts';
import { ROLES, WITHOUT_KEY } from '../../access/roles.ts';
import { hashOfKey } from '../../access/secrets.ts';
import type { Endpoint } from '../endpoint.ts';
import { endpoints } from './app.ts';

const monitor = await openMonitor({ after }, { admin_key_hash: hashOfKey(ADMIN_KEY) });
const admin = monitor.withKey(ADMIN_KEY);
const keys = {} as Record<KeyRole, string>;

before(async () => {
  for (const role of KEY_ROLES) keys[role] = (await admin.post('/keys', { role })).body.key;
});

/** A request that is refused by its schema, if not before, and has no effect. */
const nonsense = async (caller: Caller, { method, path }: Endpoint): Promise<ApiResponse> => {
  const at = path.replace(/:[a-z_]+/g, 'nothing');
  const body = method === 'GET' ? {} : { body: '{"nonsense":1}', headers: { 'content-type': 'application/json' } };
  const stop = new AbortController();
  try {
    return await caller.call(method, `/api/v1${at}${path === '/events' ? '?resource=nothing' : ''}`, {
      ...body,
      signal: stop.signal,
    });
  } finally {
    stop.abort();
  }
};

const mayEnter = ({ status, body }: ApiResponse): boolean => status !== 401 && !ROLE_CODES.has(body?.code);
const ROLE_CODES = new Set(['role_not_allowed', 'key_narrowed', 'other_worker']);

describe('[S1] every operation over HTTP', () => {
  for (const endpoint of endpoints) {
    const { operation, permission } = endpoint;
    test(`${operation} is for callers with ${permission}, and for no others`, async () => {
      const without = await nonsense(monitor, endpoint);
      assert.equal(mayEnter(without), WITHOUT_KEY.includes(permission), without.text.slice(0, 200));
      if (!WITHOUT_KEY.includes(permission)) {
        assert.deepEqual([without.status, without.body.code], [401, 'key_required']);
        assert.equal(without.headers.get('www-authenticate'), 'Bearer');
      }
      for (const role of KEY_ROLES) {
        const response = await nonsense(monitor.withKey(keys[role]), endpoint);
        const allowed = ROLES[role].includes(permission);
        assert.equal(mayEnter(response), allowed, `${role}: ${response.status} ${response.text.slice(0, 200)}`);
        if (allowed) continue;
        assert.equal(response.status, 403);
        const named = KEY_ROLES.filter((name) => ROLES[name].includes(permission));
        assert.match(response.body.detail, new RegExp(`${operation} needs a key of the role ${named.join(' or ')}$`));
      }
    });
  }
});

test('[S1] without a key a caller may only ask who it is, sign out, and use a link', () => {
  const open = endpoints.filter(({ permission }) => WITHOUT_KEY.includes(permission));
  assert.deepEqual(
    open.map(({ operation }) => operation),
    ['session.get', 'session.end', 'links.open', 'links.upload'],
  );
});

test('[S1] every operation over the WebSocket is for the same roles', async (t) => {
  for (const role of KEY_ROLES) {
    const client = await FeedClient.open(t, monitor.url, keys[role]);
    for (const { operation, permission, path, http_only } of endpoints) {
      if (http_only) continue;
      const names = [...path.matchAll(/:([a-z_]+)/g)].map(([, name]) => [name, 'nothing']);
      const parts = { params: Object.fromEntries(names), query: { nonsense: 1 } };
      const { status, code } = await client.call(operation, parts).then(
        (answer) => answer,
        (error) => error,
      );
      const allowed = ROLES[role].includes(permission);
      assert.equal(code === 'role_not_allowed', !allowed, `${role} ${operation}: ${status} ${code}`);
    }
  }
  await assert.rejects(FeedClient.open(t, monitor.url));
});

test('[S1] every resource of the feed is for the roles of its permission, over WebSocket and SSE', async (t) => {
  for (const role of KEY_ROLES) {
    const client = await FeedClient.open(t, monitor.url, keys[role]);
    for (const resource of FEED_RESOURCES) {
      const allowed = ROLES[role].includes(FEED_PERMISSIONS[resource]);
      const id = `${role}-${resource}`;
      client.send({ action: 'subscribe', resource, job_id: 'nothing', worker_id: 'nothing', id });
      const reply = await client.until((message) => message.id === id);
      assert.equal(reply.code === 'role_not_allowed', !allowed, `${role} ${resource}: ${JSON.stringify(reply)}`);
      if (allowed) continue;
      const sse = await monitor.withKey(keys[role]).get(`/events?resource=${resource}&job_id=a&worker_id=b`);
      assert.deepEqual([sse.status, sse.body.code], [403, 'role_not_allowed']);
    }
  }
});

test('probes and the API document need no key; metrics need the role read', async () => {
  for (const path of ['/livez', '/readyz', '/api/v1/openapi.json', '/docs/']) {
    assert.equal((await monitor.call('GET', path)).status, 200, path);
  }
  assert.equal((await monitor.call('GET', '/metrics')).status, 401);
  const statuses = KEY_ROLES.map(async (role) => (await monitor.withKey(keys[role]).call('GET', '/metrics')).status);
  assert.deepEqual(await Promise.all(statuses), [200, 403, 403, 200, 200]);
});

test('a route without a declared permission cannot be added', async () => {
  const { default: Fastify } = await import('fastify');
  const { addGuard } = await import('./guard.ts');
  const app = Fastify();
  addGuard(app, { current: () => null, allowed_origins: '', noRoute: () => new Error() as never });
  assert.throws(() => app.get('/forgotten', async () => 'x'), /GET \/forgotten declares no permission/);
  await app.close();
});

describe('a key', () => {
  test('may also be sent as X-API-Key, which wins over another Authorization', async () => {
    const headers = { 'x-api-key': keys.read, authorization: 'Basic cHJveHk6c2VjcmV0' };
    assert.equal((await monitor.get('/jobs', headers)).status, 200);
    assert.equal((await monitor.get('/jobs', { authorization: `bearer ${keys.read}` })).status, 200);
    assert.equal((await monitor.get('/jobs', { authorization: `Basic ${keys.read}` })).status, 401);
  });

  test('that is wrong in any way gets the same 401, whether its id exists or not', async () => {
    const other = (await admin.post('/keys', { role: 'read' })).body.key as string;
    const { formatKey, parseKey } = await import('../../../protocol/key.ts');
    const wrong = [
      'x',
      other.slice(0, -1),
      formatKey({ ...parseKey(other)!, secret: parseKey(keys.read)!.secret }),
      formatKey({ ...parseKey(other)!, id: '00000000000' }),
    ];
    const seen = await Promise.all(
      wrong.map(async (key) => {
        const { status, body } = await monitor.withKey(key).get('/jobs');
        const { request_id: _, ...problem } = body;
        return JSON.stringify([status, problem]);
      }),
    );
    assert.equal(new Set(seen).size, 1);
    assert.match(seen[0]!, /^\[401,.*key_invalid/);
  });

  test('in a URL is refused, even where none is needed, and is repeated nowhere', async () => {
    for (const path of [
      `/api/v1/jobs?api_key=${keys.read}`,
      `/api/v1/jobs?access_token=abc`,
      `/api/v1/jobs/${keys.read}`,
      `/api/v1/events?x=1&api-key=${keys.read}`,
      `/livez?key=${keys.read}`,
      `/${keys.read}`,
      `/api/v1/jobs?q=${keys.read.replace('_', '%5F')}`,
      `/ws?token=${keys.read}`,
      `/%zz${keys.read}`,
    ]) {
      const { status, text } = await rawGet(path);
      assert.equal(status, 400, path);
      assert.ok(!text.includes(keys.read.slice(20)), text);
    }
  });
});

/** fetch repairs URLs, and does not allow setting a Host. */
function rawGet(path: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const call = request(monitor.url, { path, headers }, (response) => {
    let text = '';
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
  });
  call.on('error', reject);
  call.end();
  return promise;
}

test('with keys a monitor answers under any name; pages of other origins remain refused', async () => {
  const headers = { host: 'monitor.example.com', authorization: `Bearer ${keys.read}` };
  assert.equal((await rawGet('/api/v1/jobs', headers)).status, 200);
  assert.equal((await rawGet('/api/v1/jobs', { host: 'monitor.example.com' })).status, 401);
  const foreign = await rawGet('/api/v1/jobs', { ...headers, origin: 'https://evil.example' });
  assert.deepEqual([foreign.status, /foreign_origin/.test(foreign.text)], [403, true]);
});
