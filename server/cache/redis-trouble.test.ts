/** A Redis that is lost, slow, full, read-only or forbidden harms nothing, and is reported once. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startRedis, type TestRedis } from '../../test/servers/redis.ts';
import { freePort } from '../../test/servers/start.ts';
import { type CachedMonitor, openCached, turnSeconds } from './testing-cache.ts';

/** A monitor with job-1 in the cache, held by worker-1. */
async function withHeldJob(t: TestContext, redis: TestRedis): Promise<CachedMonitor> {
  const monitor = await openCached(t, redis.url);
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  await monitor.claim('worker-1');
  await monitor.cache.flush();
  return monitor;
}

const aMinute = (monitor: CachedMonitor) => turnSeconds(monitor, 60);

const linesOf = (monitor: CachedMonitor, level: string) => monitor.cacheLog.filter((line) => line.startsWith(level));

test('Redis stops and comes back empty: jobs continue, one warning, one line when it is back, and it is filled again', async (t) => {
  const redis = await startRedis(t);
  const monitor = await withHeldJob(t, redis);
  await monitor.submit('job-2', 'job-ends');
  await monitor.cache.flush();
  await redis.stop();
  await monitor.claim('worker-1', 2);
  await monitor.complete('job-ends');
  await aMinute(monitor);
  assert.equal(monitor.cache.status.up, false);
  assert.match(monitor.cache.status.problem!, /^redis:\/\/127\.0\.0\.1:\d+\/0: ECONNREFUSED/);
  assert.ok(monitor.cache.status.failures > 2);
  await redis.start();
  await aMinute(monitor);
  const reader = await redis.client();
  assert.deepEqual((await reader.keys('job:*')).sort(), ['job:job-1', 'job:job-2']);
  assert.deepEqual([linesOf(monitor, 'warn').length, linesOf(monitor, 'info').length], [1, 2]);
  assert.match(monitor.cacheLog.at(-1)!, /takes writes again/);
  assert.deepEqual([monitor.cache.status.up, monitor.cache.status.problem], [true, null]);
});

test('a start without Redis logs one line with a hint; the cache begins when Redis is there', async (t) => {
  const port = await freePort();
  const monitor = await openCached(t, `redis://user:secret@127.0.0.1:${port}/2`);
  await monitor.submit('job-1');
  assert.equal(monitor.cache.status.pending, 0, 'nothing piles up');
  await aMinute(monitor);
  assert.deepEqual(monitor.cacheLog, [
    `warn: cache: redis://127.0.0.1:${port}/2: ECONNREFUSED 127.0.0.1:${port}; readers use the store until it is back. Start Redis, or correct --cache.`,
  ]);
});

test('a Redis that refuses the password is logged in one line, without the password', async (t) => {
  const redis = await startRedis(t, { requirepass: 'right' });
  for (const credentials of ['', 'user:wr%40ng@', ':wr%40ng@']) {
    const monitor = await openCached(t, redis.url.replace('//', `//${credentials}`));
    await aMinute(monitor);
    assert.equal(monitor.cacheLog.length, 1);
    assert.match(monitor.cacheLog[0]!, /(NOAUTH|WRONGPASS).*Correct the user and password in --cache\.$/);
    assert.doesNotMatch(monitor.cacheLog[0]!, /wr(@|%40)ng/);
  }
  const monitor = await openCached(t, redis.url.replace('//', '//:right@'));
  assert.equal(monitor.cache.status.up, true);
});

test('for a user without permission the hint lists the permissions, and these suffice', async (t) => {
  const redis = await startRedis(t);
  const admin = await redis.client();
  await admin.aclSetUser('tmon', ['on', '>s/cret', 'resetkeys', '-@all', '+@connection']);
  const url = redis.url.replace('//', '//tmon:s%2Fcret@');
  const monitor = await openCached(t, `${url}/3`);
  assert.equal(monitor.cacheLog.length, 1);
  const words = /ACL SETUSER NAME (.*) \(and (\+select) for a DB\)/.exec(monitor.cacheLog[0]!);
  assert.ok(words);
  await admin.aclSetUser('tmon', [...`${words[1]} ${words[2]}`.split(' ')]);
  await monitor.submit('job-1');
  await aMinute(monitor);
  await admin.select(3);
  assert.ok(await admin.get('job:job-1'));
});

const REFUSALS = [
  {
    name: 'read-only replica',
    does: ['REPLICAOF', '127.0.0.1', '1'],
    undoes: ['REPLICAOF', 'NO', 'ONE'],
    hint: /name its primary/,
  },
  {
    name: 'Redis out of memory',
    does: ['CONFIG', 'SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction'],
    undoes: ['CONFIG', 'SET', 'maxmemory', '0'],
    hint: /Raise maxmemory/,
  },
];

for (const { name, does, undoes, hint } of REFUSALS) {
  test(`a ${name} harms nothing, is reported once, and takes jobs when it has recovered`, async (t) => {
    const redis = await startRedis(t);
    const admin = await redis.client();
    const monitor = await withHeldJob(t, redis);
    await admin.sendCommand(does);
    await monitor.submit('job-2');
    await aMinute(monitor);
    assert.equal(linesOf(monitor, 'warn').length, 1);
    assert.match(linesOf(monitor, 'warn')[0]!, hint);
    await admin.sendCommand(undoes);
    await aMinute(monitor);
    assert.deepEqual((await admin.keys('job:*')).sort(), ['job:job-1', 'job:job-2']);
    assert.deepEqual([linesOf(monitor, 'warn').length, linesOf(monitor, 'info').length], [1, 2]);
  });
}

test('an unresponsive Redis that accepts connections is dropped after two seconds, and delays no command', async (t) => {
  const redis = await startRedis(t);
  const monitor = await withHeldJob(t, redis);
  redis.suspend();
  await monitor.submit('job-2');
  const flushed = monitor.cache.flush();
  await monitor.complete('job-1');
  await monitor.clock.turn(2_000);
  await flushed;
  assert.match(monitor.cache.status.problem!, /no response within 2000 ms/);
  assert.equal(monitor.cache.status.pending, 0);
  redis.resume();
  await aMinute(monitor);
  const reader = await redis.client();
  assert.deepEqual(await reader.keys('job:*'), ['job:job-2']);
});

test('a stop does not wait for an unresponsive Redis', async (t) => {
  const redis = await startRedis(t);
  const monitor = await withHeldJob(t, redis);
  await monitor.submit('job-2');
  redis.suspend();
  const stopped = monitor.cache.stop();
  await monitor.clock.turn(1_000);
  await stopped;
  assert.deepEqual(linesOf(monitor, 'warn'), []);
});
