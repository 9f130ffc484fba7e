/** Batches larger than other bodies: several commits, one response, each job once. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { JobSubmission } from '../../../protocol/job.ts';
import { ADMIN_KEY, type Json, openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO } from '../../../test/servers/steps.ts';
import { hashOfKey } from '../../access/secrets.ts';
import { systemClock } from '../../clock.ts';
import { MemoryStore } from '../../objects/memory.ts';

class WatchedStore extends MemoryStore {
  /** Called once. */
  afterNextCommit: (() => void) | null = null;

  override async putIfAbsent(key: string, bytes: Uint8Array) {
    const result = await super.putIfAbsent(key, bytes);
    if (key.startsWith('journal/')) {
      this.afterNextCommit?.();
      this.afterNextCommit = null;
    }
    return result;
  }
}

const store = new WatchedStore(systemClock);
const running = await openMonitor({ after }, { objects: store, admin_key_hash: hashOfKey(ADMIN_KEY) });
const monitor = running.withKey(ADMIN_KEY);

/** 8 KiB each. */
const jobs = (count: number): JobSubmission[] =>
  Array.from({ length: count }, (_, number) => ({
    audio_url: AUDIO,
    metadata: {
      number: String(number),
      ...Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`m${n}`, 'é'.repeat(500)])),
    },
  }));
const waiting = async (): Promise<number> => (await monitor.get('/queues/main')).body.messages_visible;
const numbersOf = (results: Json[]) => results.map(({ job }) => job.metadata.number);

test('a batch of several MiB is submitted in order, and once however often it is sent', async () => {
  const batch: { jobs: unknown[] } = { jobs: jobs(200) };
  batch.jobs.splice(120, 0, { audio_url: 'not a URL' });
  batch.jobs.push({ audio_url: AUDIO, priority: 'soon' }, {});
  const key = { 'idempotency-key': 'large' };
  const first = await monitor.post('/jobs/batch', batch, key);
  assert.equal(first.status, 200);
  assert.match(first.headers.get('content-type')!, /^application\/json/);
  const statuses = first.body.jobs.map(({ status }: Json) => status);
  assert.deepEqual(statuses, [...Array(120).fill(201), 400, ...Array(80).fill(201), 400, 400]);
  assert.equal(first.body.jobs[120].error.errors[0].field, '/audio_url');
  const good = first.body.jobs.filter(({ status }: Json) => status === 201);
  assert.deepEqual(
    numbersOf(good),
    jobs(200).map(({ metadata }) => metadata!.number),
  );
  assert.equal(await waiting(), 200);
  const ids = (response: Json) => response.body.jobs.map(({ job }: Json) => job?.job_id ?? null);
  const zipped = await monitor.call('POST', '/api/v1/jobs/batch', {
    body: gzipSync(JSON.stringify(batch, null, 1)),
    headers: { ...key, 'content-type': 'application/json', 'content-encoding': 'gzip' },
  });
  assert.deepEqual(ids(zipped), ids(first));
  assert.equal(await waiting(), 200);
  const { status, body } = await monitor.post('/jobs/batch', { jobs: jobs(199) }, key);
  assert.deepEqual([status, body.code], [409, 'idempotency_key_reused']);
  for await (const { key, size_bytes } of store.list('journal/')) assert.ok(size_bytes < 3e6, key);
});

test('a batch whose later commits fail says which jobs; sent again it goes on there', async () => {
  const name = { 'idempotency-key': 'quota' };
  await monitor.put('/tenants/daily', { jobs_per_day: 499 });
  const caller = monitor.withKey((await monitor.post('/keys', { role: 'operate', tenant: 'daily' })).body.key);
  const batch = { jobs: jobs(500) };
  const before = await waiting();
  assert.deepEqual((await caller.post('/jobs/batch', batch, name)).body.code, 'quota_exceeded');
  assert.equal(await waiting(), before, 'as a whole');
  await monitor.put('/tenants/daily', { jobs_per_day: 500 });
  store.afterNextCommit = () => void monitor.put('/tenants/daily', { jobs_per_day: 1 });
  const broken = await caller.post('/jobs/batch', batch, name);
  const count = broken.body.jobs.filter(({ status }: Json) => status === 201).length;
  assert.ok(broken.status === 200 && count > 0 && count < 500, `${count}`);
  const codes = new Set(broken.body.jobs.slice(count).map(({ error }: Json) => error.code));
  assert.deepEqual(codes, new Set(['quota_exceeded']));
  assert.equal(await waiting(), before + count);
  await monitor.put('/tenants/daily', { jobs_per_day: 500 });
  const whole = await caller.post('/jobs/batch', batch, name);
  assert.deepEqual(
    numbersOf(whole.body.jobs),
    jobs(500).map(({ metadata }) => metadata!.number),
  );
  assert.equal(whole.body.jobs[count - 1].job.job_id, broken.body.jobs[count - 1].job.job_id);
  assert.equal(await waiting(), before + 500);
  const tagged = monitor.withKey((await monitor.post('/keys', { role: 'submit', tags: ['a'] })).body.key);
  assert.deepEqual((await tagged.post('/jobs/batch', batch)).body.code, 'tag_required');
});

test('a batch has at most 16 MiB, also unpacked, and at most 1,000 jobs', async () => {
  const post = (body: Uint8Array, headers = {}) =>
    monitor.call('POST', '/api/v1/jobs/batch', { body, headers: { 'content-type': 'application/json', ...headers } });
  const tooLarge = Buffer.alloc(16 * 1024 * 1024 + 1, ' ');
  assert.deepEqual((await post(tooLarge)).body.code, 'body_too_large');
  assert.deepEqual((await post(gzipSync(tooLarge), { 'content-encoding': 'gzip' })).body.code, 'body_too_large');
  const many = Buffer.from(
    JSON.stringify({
      jobs: Array(1_001).fill({
        audio_url: AUDIO,
        webhook_url: null,
        tags: ['x'.repeat(60), 'y'.repeat(60), 'z'.repeat(60), ...'abcdef'.split('').map((x) => x.repeat(40))],
      }),
    }),
  );
  const { status, body } = await post(many);
  assert.deepEqual([many.length > 256 * 1024, status, body.errors?.[0].field], [true, 400, '/jobs']);
  const missing = await post(Buffer.from(`{"jobs":[${' '.repeat(300_000)}]}`));
  assert.deepEqual([missing.status, missing.body.code], [400, 'invalid_body']);
});
