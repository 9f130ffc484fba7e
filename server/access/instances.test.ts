/** Keys in a whole monitor: several instances on one store agree on them, and no secret is kept anywhere. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { KEY_ROLES } from '../../protocol/api-keys.ts';
import { parseKey } from '../../protocol/key.ts';
import { FeedClient } from '../../test/servers/feed-client.ts';
import { Caller } from '../../test/servers/monitor.ts';
import { hold, submit } from '../../test/servers/steps.ts';
import { systemClock } from '../clock.ts';
import { readSettings, type Settings } from '../config.ts';
import { startMonitor } from '../main.ts';
import { MemoryStore } from '../objects/memory.ts';

/** As several instances see a bucket. */
class Bucket extends MemoryStore {
  override readonly shared = true;
}

/** A monitor for which others may stand in: this machine under a name that it does not know. */
async function start(t: TestContext, store: MemoryStore, settings: Partial<Settings> = {}) {
  const logged: string[] = [];
  const own = { store: 'memory:', listen: '127.1:0', tail_poll_ms: 20, ...settings };
  const log = (_: string, message: string) => void logged.push(message);
  const monitor = await startMonitor(readSettings(own, {}), { store, log });
  t.after(() => monitor.stop());
  return { ...monitor, logged, caller: new Caller(monitor.url) };
}

test('[S8] a key that one instance revokes is refused by all, and its open sockets are closed on all', async (t) => {
  const store = new Bucket(systemClock);
  const first = await start(t, store);
  const admin = first.caller.withKey(first.first_key!);
  const { body } = await admin.post('/keys', { role: 'read' });
  const others = [await start(t, store), await start(t, store)];
  assert.deepEqual(
    others.map(({ first_key }) => first_key),
    [null, null],
  );
  const sockets = await Promise.all([first, ...others].map(({ url }) => FeedClient.open(t, url, body.key)));
  assert.equal((await admin.delete(`/keys/${body.id}`)).status, 200);
  for (const { closed } of sockets) assert.equal((await closed).code, 4001);
  for (const { caller } of [first, ...others]) {
    assert.equal((await caller.withKey(body.key).get('/jobs')).body.code, 'key_revoked');
  }
});

test('a key, a session and a ticket count at another instance at once, before it looks for news by itself', async (t) => {
  const store = new Bucket(systemClock);
  const first = await start(t, store);
  const other = await start(t, store, { tail_poll_ms: 3_600_000 });
  const admin = first.caller.withKey(first.first_key!);
  const { key } = (await admin.post('/keys', { role: 'read' })).body;
  assert.equal((await other.caller.withKey(key).get('/jobs')).status, 200);
  const { headers } = await first.caller.withKey(key).post('/session');
  const cookie = headers.get('set-cookie')!.split(';')[0]!;
  const { body } = await other.caller.get('/session', { cookie, 'sec-fetch-site': 'same-origin' });
  assert.equal(body.signed_in, true);
  const { ticket } = (await first.caller.withKey(key).post('/tickets')).body;
  await FeedClient.open(t, `${other.url}?ticket=${ticket}`);
  await assert.rejects(FeedClient.open(t, `${first.url}?ticket=${ticket}`));
  assert.equal((await other.caller.withKey('tmk_wrong').get('/jobs')).body.code, 'key_invalid');
});

test('[S6] no secret is in the journal, a snapshot, a view, the archive, the log or an error', async (t) => {
  const store = new MemoryStore(systemClock);
  const settings = { snapshot_segments: 5, finished_max: 0, log_level: 'trace', view_transition_ms: 0 };
  const monitor = await start(t, store, settings);
  const admin = monitor.caller.withKey(monitor.first_key!);
  const keys = [monitor.first_key!];
  const errors: string[] = [];
  for (let round = 0; round < 40; round++) {
    const role = KEY_ROLES[round % KEY_ROLES.length]!;
    const made = (await admin.post('/keys', { role, name: `key ${round}` })).body;
    const rotated = (await admin.post(`/keys/${made.id}/rotate`, {})).body;
    keys.push(made.key, rotated.key);
    const caller = monitor.caller.withKey(rotated.key);
    const url = `/api/v1/jobs/${made.key}?api_key=${rotated.key}`;
    for (const path of [url, `/${made.key}`, '/api/v1/keys', `/api/v1/jobs?q=${made.key}`]) {
      errors.push((await caller.call('GET', path)).text);
    }
    errors.push((await caller.post('/jobs', { audio_url: 5, key: 'x' })).text);
    if (round % 3 === 0) await admin.delete(`/keys/${made.id}`);
  }
  errors.push((await admin.get('/keys')).text);
  const worker = monitor.caller.withKey((await admin.post('/keys', { role: 'admin' })).body.key);
  await hold(worker);
  await admin.delete(`/jobs/${(await submit(worker)).job_id}`);
  await monitor.stop();

  const secrets = keys.map((key) => parseKey(key)!.secret);
  let snapshots = 0;
  let objects = 0;
  const holders: string[] = [];
  for await (const { key } of store.list('')) {
    const found = await store.get(key);
    const text = found.found ? Buffer.from(found.bytes).toString('latin1') : '';
    objects += 1;
    snapshots += key.startsWith('snapshots/') ? 1 : 0;
    if (secrets.some((secret) => text.includes(secret))) holders.push(key);
  }
  assert.ok(objects > 100 && snapshots > 0, `${objects} objects, ${snapshots} of snapshots`);
  for (const text of [...errors, ...monitor.logged]) {
    if (secrets.some((secret) => text.includes(secret))) holders.push(text.slice(0, 200));
  }
  assert.deepEqual(holders, []);
});
