/** What Redis contains while jobs arrive, change and end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedis } from '../../test/servers/redis.ts';
import { MemoryStore } from '../objects/memory.ts';
import { TurnedClock } from '../testing-clock.ts';
import { textAt } from '../views/testing-monitor.ts';
import { openCached } from './testing-cache.ts';

const START = '2025-07-07T19:30:00Z';

test('[A84] an active job is in Redis for 300 s, as the document of its view', async (t) => {
  const redis = await startRedis(t);
  const reader = await redis.client();
  const clock = new TurnedClock(START);
  const store = new MemoryStore(clock);
  const monitor = await openCached(t, redis.url, { clock, store });
  await monitor.submit('job-1');
  await monitor.cache.flush();
  await monitor.publisher.flush();
  const cached = JSON.parse((await reader.get('job:job-1'))!);
  assert.deepEqual(cached, JSON.parse(await textAt(store, 'jobs/active/job-1/state.json')));
  assert.equal(cached.as_of_seq, monitor.job('job-1').version);
  assert.equal(await reader.ttl('job:job-1'), 300);
});

test('[A81] each change of a job replaces its document, and its end removes it', async (t) => {
  const redis = await startRedis(t);
  const reader = await redis.client();
  const monitor = await openCached(t, redis.url);
  const cached = async () => JSON.parse((await reader.get('job:job-1')) ?? 'null');
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  await monitor.cache.flush();
  assert.equal((await cached()).state, 'QUEUED');
  await monitor.claim('worker-1');
  await monitor.cache.flush();
  assert.equal((await cached()).state, 'PROCESSING');
  monitor.progress('job-1', 45);
  await monitor.clock.turn(20);
  await monitor.cache.flush();
  assert.equal((await cached()).progress.percentage, 45);
  await reader.expire('job:job-1', 10);
  monitor.progress('job-1', 46);
  await monitor.clock.turn(20);
  await monitor.cache.flush();
  assert.equal(await reader.ttl('job:job-1'), 300);
  await monitor.complete('job-1');
  await monitor.cache.flush();
  assert.equal(await cached(), null);
  assert.equal(await reader.get('job-ended:job-1'), String(monitor.job('job-1').version));
  assert.equal(await reader.ttl('job-ended:job-1'), 300);
});

test('a change is written 50 ms later, and all changes of one job until then are one write', async (t) => {
  const redis = await startRedis(t);
  const monitor = await openCached(t, redis.url);
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  await monitor.claim('worker-1');
  for (const percentage of [10, 20]) {
    monitor.progress('job-1', percentage);
    await monitor.clock.turn(20);
  }
  assert.deepEqual([monitor.cache.status.written, monitor.cache.status.pending], [0, 1]);
  await monitor.clock.turn(10);
  assert.equal(monitor.cache.status.pending, 0, 'the write is under way');
  await monitor.cache.flush();
  assert.deepEqual([monitor.cache.status.written, monitor.cache.status.pending], [1, 0]);
});

test('many jobs are sent together: Redis reads them from the connection at once, not one by one', async (t) => {
  const redis = await startRedis(t);
  const reader = await redis.client();
  const monitor = await openCached(t, redis.url);
  const reads = async () => Number(/total_reads_processed:(\d+)/.exec(await reader.info('stats'))![1]);
  await monitor.submit(...Array.from({ length: 450 }, (_, n) => `job-${n}`));
  const before = await reads();
  await monitor.cache.flush();
  const after = await reads();
  assert.equal((await reader.keys('job:*')).length, 450);
  assert.ok(after - before < 450 / 4, `${after - before} reads`);
});

test('a job that a worker holds stays in Redis; one that waits expires, and is not written again for nothing', async (t) => {
  const redis = await startRedis(t);
  const reader = await redis.client();
  const monitor = await openCached(t, redis.url);
  await monitor.register('worker-1');
  await monitor.submit('job-held', 'job-cancelling', 'job-waits');
  await monitor.claim('worker-1', 2);
  await monitor.do({ type: 'cancel_job', job_id: 'job-cancelling' });
  await monitor.cache.flush();
  for (const id of ['job-held', 'job-cancelling', 'job-waits']) await reader.expire(`job:${id}`, 75);
  await monitor.clock.turn(225_000);
  await monitor.cache.flush();
  for (const id of ['job-held', 'job-cancelling']) assert.equal(await reader.ttl(`job:${id}`), 300);
  assert.ok((await reader.ttl('job:job-waits')) <= 75);
});

test('an emptied Redis is filled again: with changed jobs at once, with held jobs before 300 s are over', async (t) => {
  const redis = await startRedis(t);
  const reader = await redis.client();
  const monitor = await openCached(t, redis.url);
  await monitor.register('worker-1');
  await monitor.submit('job-1', 'job-2');
  await monitor.claim('worker-1');
  await monitor.cache.flush();
  await reader.flushAll();
  await monitor.submit('job-3');
  await monitor.cache.flush();
  assert.deepEqual(await reader.keys('job:*'), ['job:job-3']);
  await monitor.clock.turn(225_000);
  await monitor.cache.flush();
  assert.deepEqual((await reader.keys('job:*')).sort(), ['job:job-1', 'job:job-3']);
});

test('a start writes what workers hold and what changed in the last 300 s, and removes what ended since', async (t) => {
  const redis = await startRedis(t);
  const reader = await redis.client();
  const clock = new TurnedClock(START);
  const store = new MemoryStore(clock);
  const first = await openCached(t, redis.url, { clock, store });
  await first.register('worker-1');
  await first.submit('job-old', 'job-held', 'job-ends');
  await first.claim('worker-1', 3);
  await first.fail('job-old', true);
  await first.cache.flush();
  await clock.turn(400_000);
  await first.submit('job-new');
  await first.complete('job-ends');
  // It ends before the cache learns of it.
  first.cache.abandon();
  first.crash();
  await reader.del('job:job-old');
  assert.ok(await reader.get('job:job-ends'));
  const second = await openCached(t, redis.url, { clock, store });
  await second.cache.flush();
  assert.deepEqual((await reader.keys('job:*')).sort(), ['job:job-held', 'job:job-new']);
});

test('a value under the key of a job that is not a document is replaced', async (t) => {
  const redis = await startRedis(t);
  const reader = await redis.client();
  const monitor = await openCached(t, redis.url);
  const foreign = ['not json', '[]', '7', 'null', '{"as_of_seq":"x"}', '{"as_of_seq":{}}'];
  for (const [n, text] of foreign.entries()) await reader.set(`job:job-${n}`, text);
  await reader.rPush('job:job-list', 'x');
  await reader.rPush('job-ended:job-list', 'x');
  const ids = [...foreign.keys().map((n) => `job-${n}`), 'job-list'];
  await monitor.submit(...ids);
  await monitor.cache.flush();
  for (const id of ids) assert.equal(JSON.parse((await reader.get(`job:${id}`))!).job_id, id);
  assert.equal(monitor.cache.status.failures, 0);
});

test('a stop writes the noted jobs', async (t) => {
  const redis = await startRedis(t);
  const reader = await redis.client();
  const monitor = await openCached(t, redis.url);
  await monitor.submit('job-1');
  await monitor.engine.stop();
  await monitor.cache.stop();
  assert.equal(JSON.parse((await reader.get('job:job-1'))!).state, 'QUEUED');
});
