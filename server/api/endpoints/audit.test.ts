/** The record of who did what: who, by which key, from where; filtered, in pages, from journals of before, too. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { AuditEntry } from '../../../protocol/audit.ts';
import { FeedClient } from '../../../test/servers/feed-client.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { ADMIN_KEY, openMonitor } from '../../../test/servers/monitor.ts';
import { hold, submit } from '../../../test/servers/steps.ts';
import { hashOfKey } from '../../access/secrets.ts';
import { systemClock } from '../../clock.ts';
import { segmentKey } from '../../journal/keys.ts';
import { MemoryStore } from '../../objects/memory.ts';

const settings = { admin_key_hash: hashOfKey(ADMIN_KEY), trusted_proxies: 'loopback' };
const monitor = await openMonitor({ after }, settings);
const admin = monitor.withKey(ADMIN_KEY);
const create = async (creation: object) => (await admin.post('/keys', creation)).body as { id: string; key: string };

async function audit(query = ''): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  let cursor = '';
  for (;;) {
    const { status, body, text } = await admin.get(`/audit?limit=2${query}${cursor}`);
    assert.equal(status, 200, text);
    entries.push(...body.items);
    if (body.next_cursor === null) return entries;
    cursor = `&cursor=${body.next_cursor}`;
  }
}

test('[S29] every change has the key, the request and the address that made it', async (t) => {
  const { key, id } = await create({ role: 'submit', name: 'web shop' });
  const shop = monitor.withKey(key);
  const { body } = await shop.post('/jobs', { audio_url: 's3://a/b' }, { 'x-forwarded-for': '203.0.113.7' });
  const socket = await FeedClient.open(t, monitor.url, key);
  await socket.call('jobs.cancel', { params: { job_id: body.job_id } });
  const entries = await audit(`&entity=${body.job_id}`);
  assert.deepEqual(
    entries.map(({ event, actor, key_id, key_name, address }) => [event, actor, key_id, key_name, address]),
    [
      ['JobCancelled', `key:${id}`, id, 'web shop', '127.0.0.1'],
      ['JobQueued', `key:${id}`, id, 'web shop', '203.0.113.7'],
      ['JobSubmitted', `key:${id}`, id, 'web shop', '203.0.113.7'],
    ],
  );
  for (const { request_id } of entries) assert.match(request_id ?? '', /^(req|call)-\w+$/);
  assert.equal(entries[1]!.request_id, entries[2]!.request_id);
});

test('entries are filtered by key, event, entity and time, newest first, and no page repeats or leaves out one', async () => {
  const { key, id } = await create({ role: 'operate' });
  const operator = monitor.withKey(key);
  const jobs: string[] = [];
  for (let n = 0; n < 5; n++) jobs.unshift((await submit(operator)).job_id);
  const own = await audit(`&key_id=${id}&event=JobSubmitted`);
  assert.deepEqual(
    own.map(({ entity }) => entity),
    jobs,
  );
  assert.deepEqual(await audit(`&key_id=${id}&event=KeyCreated`), []);
  const all = await audit();
  const places = all.map(({ seq, index }) => seq * 1000 + index);
  assert.deepEqual(
    places,
    [...new Set(places)].sort((a, b) => b - a),
  );
  assert.deepEqual(await audit('&before=2020-01-01T00:00:00Z'), []);
  assert.deepEqual(await audit('&after=2100-01-01T00:00:00Z'), []);
  assert.equal((await admin.get('/audit?cursor=x')).body.code, 'invalid_cursor');
});

test('what the monitor does by itself is left out unless it is asked for, and a heartbeat always', async () => {
  await hold(admin);
  const actors = new Set((await audit()).map(({ actor }) => actor));
  assert.ok(!actors.has('monitor') && actors.size > 0);
  assert.ok((await audit('&actor=monitor')).every(({ actor }) => actor === 'monitor'));
  assert.ok((await audit()).every(({ event }) => event !== 'WorkerBeat'));
});

test('[S30] the record is verified from its first byte to its last, and a changed one is named', async (t) => {
  const store = new MemoryStore(systemClock);
  const changed = (await openMonitor(t, { ...settings, objects: store })).withKey(ADMIN_KEY);
  await submit(changed);
  assert.equal((await changed.post('/audit/verify')).body.intact, true);
  const keys: string[] = [];
  for await (const { key } of store.list('journal/')) keys.push(key);
  const segment = keys.at(-1)!;
  const read = await store.get(segment);
  assert.ok(read.found);
  const bytes = Uint8Array.from(read.bytes);
  bytes[bytes.length >> 1]! ^= 1;
  await store.delete(segment);
  await store.putIfAbsent(segment, bytes);
  const found = (await changed.post('/audit/verify')).body;
  assert.equal(found.intact, false);
  assert.ok(
    found.findings.some(({ verdict }: { verdict: string }) => verdict === 'fail'),
    JSON.stringify(found),
  );
});

test('events of a journal without origins have none', async (t) => {
  const open = await openMonitor(t);
  await submit(open);
  const { items } = (await open.get('/audit?event=JobSubmitted')).body;
  assert.deepEqual(
    items.map(({ actor, key_id, request_id, address }: AuditEntry) => [actor, key_id, request_id, address]),
    [['api', null, null, null]],
  );
});

test('what the journal no longer has is read on from the audit, page by page', async (t) => {
  const clock = new JumpingClock();
  const old = await openMonitor(t, { clock, ...settings, retention_ms: 600_000, snapshot_segments: 1 });
  const owner = old.withKey(ADMIN_KEY);
  const jobs: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    jobs.unshift((await submit(owner)).job_id);
    clock.jump(3_600_000);
  }
  for (let tries = 0; tries < 20 && (await old.store.get(segmentKey(1))).found; tries += 1) {
    await submit(owner, { tags: ['later'] });
    await clock.pass(600_000);
  }
  assert.equal((await old.store.get(segmentKey(1))).found, false);
  const found: string[] = [];
  let cursor = '';
  do {
    const { body } = await owner.get(`/audit?event=JobSubmitted&limit=2${cursor}`);
    found.push(...body.items.map(({ entity }: AuditEntry) => entity));
    cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`;
  } while (cursor !== '');
  assert.deepEqual(found.slice(-3), jobs);
  assert.equal(new Set(found).size, found.length);
  const one = (await owner.get(`/audit?entity=${jobs[2]}`)).body;
  assert.deepEqual([one.items.length, one.next_cursor], [1, null]);
});
