/** Tenants over the API: settings, pauses, quotas. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN_KEY, type Caller, openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO, claim, register, submit } from '../../../test/servers/steps.ts';
import { hashOfKey } from '../../access/secrets.ts';
import { TurnedClock } from '../../testing-clock.ts';

const clock = new TurnedClock('2026-03-01T23:00:00Z');
const monitor = await openMonitor({ after }, { admin_key_hash: hashOfKey(ADMIN_KEY), clock });
const admin = monitor.withKey(ADMIN_KEY);

const create = async (creation: object): Promise<Caller> =>
  monitor.withKey((await admin.post('/keys', creation)).body.key);
const codeOf = ({ status, body }: { status: number; body: { code?: string } }) => [status, body?.code];

let shop: Caller;

before(async () => {
  shop = await create({ role: 'submit', tenant: 'shop' });
});

test('a tenant has the defaults until it is set; a PUT replaces all settings, a DELETE restores the defaults', async () => {
  await admin.put('/tenants/print', { weight: 3, max_running: 2 });
  const { status, body } = await admin.put('/tenants/print', { jobs_per_day: 10 });
  assert.equal(status, 200);
  const { as_of_seq: _, ...tenant } = body;
  assert.deepEqual(tenant, {
    tenant: 'print',
    weight: 1,
    max_running: null,
    jobs_per_day: 10,
    audio_hours_per_day: null,
    upload_bytes_per_day: null,
    paused: false,
    paused_at: null,
    waiting: 0,
    running: 0,
    usage: { day: '2026-03-01', jobs: 0, audio_hours: 0, upload_bytes: 0, resets_at: '2026-03-02T00:00:00Z' },
  });
  assert.equal((await admin.delete('/tenants/print')).body.jobs_per_day, null);
  assert.deepEqual(codeOf(await admin.get('/tenants/print')), [404, 'tenant_not_found']);
});

test('wrong settings get clear errors', async () => {
  for (const body of [{ weight: 0 }, { weight: 1.5 }, { max_running: 0 }, { jobs_per_day: -1 }, { quota: 1 }, []]) {
    assert.deepEqual(codeOf(await admin.put('/tenants/shop', body)), [400, 'invalid_body'], JSON.stringify(body));
  }
  assert.deepEqual(codeOf(await admin.put('/tenants/Shop', {})), [400, 'invalid_params']);
  assert.deepEqual(codeOf(await admin.post('/tenants/nobody/pause')), [404, 'tenant_not_found']);
});

test('a key of a tenant sees its own alone; any other sees all if it may look at the whole fleet', async () => {
  await admin.put('/tenants/other', {});
  const names = ({ body }: { body: { items: { tenant: string }[] } }) => body.items.map(({ tenant }) => tenant);
  assert.deepEqual(names(await shop.get('/tenants')), ['shop']);
  assert.deepEqual(names(await (await create({ role: 'read' })).get('/tenants')), ['default', 'other', 'shop']);
  assert.deepEqual(codeOf(await shop.get('/tenants/other')), [404, 'tenant_not_found']);
  assert.deepEqual(names(await (await create({ role: 'submit' })).get('/tenants')), []);
  const own = await create({ role: 'operate', tenant: 'shop' });
  assert.deepEqual(codeOf(await own.put('/tenants/shop', {})), [403, 'key_narrowed']);
});

test('the jobs of a paused tenant wait, say why, and go on when it is resumed', async () => {
  await register(admin, 'w');
  const { job_id } = await submit(shop);
  assert.equal((await admin.post('/tenants/shop/pause')).body.paused, true);
  assert.deepEqual(await claim(admin, 'w', 10), []);
  const why = (await shop.get(`/jobs/${job_id}/why`)).body;
  assert.deepEqual([why.answer, why.queue], ['Tenant shop is paused.', null]);
  const { remedy } = (await admin.get(`/jobs/${job_id}/why`)).body;
  assert.equal(remedy.path, '/api/v1/tenants/shop/resume');
  const { waiting, running } = (await admin.call(remedy.method, remedy.path)).body;
  assert.deepEqual([waiting, running], [1, 0]);
  assert.deepEqual(
    (await claim(admin, 'w', 10)).map(({ id }) => id),
    [job_id],
  );
  assert.equal((await shop.get('/tenants/shop')).body.running, 1);
});

test('a waiting claim gets a job as soon as its tenant is resumed', async () => {
  const { job_id } = await submit(shop);
  await admin.post('/tenants/shop/pause');
  const waiting = admin.post('/workers/w/claim', { wait_seconds: 20 });
  await admin.get('/jobs');
  await admin.post('/tenants/shop/resume');
  assert.equal((await waiting).body.jobs[0].job.job_id, job_id);
});

test('a batch beyond a quota is refused as a whole, with the time at which the day ends', async () => {
  await admin.put('/tenants/daily', { jobs_per_day: 3 });
  const daily = await create({ role: 'submit', tenant: 'daily' });
  const batch = (jobs: number) =>
    daily.post('/jobs/batch', { jobs: Array.from({ length: jobs }, () => ({ audio_url: AUDIO })) });
  assert.equal((await batch(2)).status, 200);
  const over = await batch(2);
  assert.deepEqual(codeOf(over), [429, 'quota_exceeded']);
  assert.deepEqual([over.body.quota, over.body.of, over.body.limit, over.body.used], ['jobs_per_day', 'tenant', 3, 2]);
  const left_seconds = Math.ceil((Date.parse('2026-03-02T00:00:00Z') - clock.now()) / 1000);
  assert.equal(over.headers.get('retry-after'), String(left_seconds));
  assert.equal(over.headers.get('ratelimit-policy'), '"jobs_per_day";q=3;w=86400');
  assert.equal(over.headers.get('ratelimit'), `"jobs_per_day";r=1;t=${left_seconds}`);
  assert.equal((await daily.get('/jobs')).body.items.length, 2);
  assert.equal((await daily.get('/tenants/daily')).body.usage.jobs, 2);
});

test('uploads count once, and nothing is kept of one beyond the quota', async () => {
  const key = await create({ role: 'submit', tenant: 'media', upload_bytes_per_day: 10 });
  const upload = (text: string, headers = {}) =>
    key.post('/uploads?name=a.wav', text, { 'content-type': 'audio/wav', ...headers });
  const first = await upload('1234567', { 'idempotency-key': 'once' });
  assert.equal(first.status, 201);
  assert.equal((await upload('1234567', { 'idempotency-key': 'once' })).body.upload_id, first.body.upload_id);
  assert.deepEqual(codeOf(await upload('1234')), [429, 'quota_exceeded']);
  const streamed = await key.call('POST', '/api/v1/uploads?name=a.wav', {
    body: new Blob(['12345678']).stream(),
    headers: { 'content-type': 'audio/wav' },
  });
  assert.deepEqual(codeOf(streamed), [429, 'quota_exceeded']);
  const kept: string[] = [];
  for await (const { key: name } of monitor.store.list('uploads/')) kept.push(name);
  assert.deepEqual(
    kept.filter((name) => !name.includes(first.body.upload_id) && /upload-/.test(name)),
    [],
  );
  assert.equal((await upload('123')).status, 201);
  assert.equal((await key.get('/tenants/media')).body.usage.upload_bytes, 10);
});
