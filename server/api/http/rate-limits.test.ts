/** [S11] Rates of keys and addresses, over HTTP and the WebSocket. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FeedClient } from '../../../test/servers/feed-client.ts';
import { ADMIN_KEY, type MonitorOptions, openMonitor } from '../../../test/servers/monitor.ts';
import { hashOfKey } from '../../access/secrets.ts';
import { TurnedClock } from '../../testing-clock.ts';

async function open(t: TestContext, settings: MonitorOptions) {
  const clock = new TurnedClock('2026-01-05T08:00:00Z');
  const monitor = await openMonitor(t, { clock, admin_key_hash: hashOfKey(ADMIN_KEY), ...settings });
  return { clock, monitor, admin: monitor.withKey(ADMIN_KEY) };
}

test('a key beyond its rate gets 429 and when to come back; another key, a probe and the key itself later do not', async (t) => {
  const { clock, monitor, admin } = await open(t, { key_requests_per_second: 2 });
  const other = monitor.withKey((await admin.post('/keys', { role: 'read' })).body.key);
  for (let left = 8; left >= 0; left--) {
    const { status, headers } = await admin.get('/jobs');
    assert.deepEqual([status, headers.get('ratelimit-policy')], [200, '"key";q=10;w=5']);
    assert.match(headers.get('ratelimit') ?? '', new RegExp(`^"key";r=${left};t=`));
  }
  const { status, headers, body } = await admin.post('/jobs', { audio_url: 's3://a/b' });
  assert.deepEqual([status, body.code, headers.get('retry-after')], [429, 'rate_limited', '1']);
  assert.equal((await other.get('/jobs')).body.items.length, 0);
  assert.equal((await monitor.call('GET', '/livez')).status, 200);
  clock.leap(500);
  assert.equal((await admin.get('/jobs')).status, 200);
  assert.equal((await admin.get('/jobs')).status, 429);
});

test('calls over the WebSocket count as requests of their key', async (t) => {
  const { monitor } = await open(t, { key_requests_per_second: 1 });
  const socket = await FeedClient.open(t, monitor.url, ADMIN_KEY);
  const codes: (string | undefined)[] = [];
  for (let call = 0; call < 5; call++) codes.push((await socket.call('jobs.list')).code);
  assert.deepEqual(codes, [undefined, undefined, undefined, undefined, 'rate_limited']);
});

test('an address beyond its rate is refused before its key is looked at', async (t) => {
  const { monitor, admin } = await open(t, { address_requests_per_second: 1, trusted_proxies: 'loopback' });
  const from = (address: string) => monitor.get('/jobs', { 'x-forwarded-for': address });
  for (let tries = 0; tries < 5; tries++) assert.equal((await from('203.0.113.7')).status, 401);
  assert.equal((await from('203.0.113.7')).status, 429);
  assert.equal((await from('203.0.113.8')).status, 401);
  assert.equal((await admin.get('/jobs', { 'x-forwarded-for': '203.0.113.9' })).status, 200);
});
