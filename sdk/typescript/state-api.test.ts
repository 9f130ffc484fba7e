/**
 * StateAPI with node-redis, a real Redis and the store that a real monitor leaves behind: no monitor runs while it reads.
 * The adapter is that of its first lines.
 */
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Job } from '../../protocol/job.ts';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { type Monitor, openMonitor } from '../../test/servers/monitor.ts';
import { startRedis } from '../../test/servers/redis.ts';
import { complete, fail, hold, submit } from '../../test/servers/steps.ts';
import { ApiError, NotFoundError, ServerFaultError, StateAPI, UnavailableError } from './index.ts';

const noneIf = (name: string) => (error: Error & { code?: string }) => {
  if (error.name === name || error.code === name) return null;
  throw error;
};

/** What a monitor leaves in a directory when it stops. */
async function leftBehind(t: TestContext, settings: object, live: (monitor: Monitor) => Promise<Job>) {
  const directory = temporaryDirectory(t);
  const monitor = await openMonitor(t, { store: `dir:${directory}`, ...settings });
  // What is expected of it changes with time, so that objects of the store have what was expected when it was queued.
  const job = { ...(await live(monitor)), queue_position: null };
  await monitor.stop();
  const s3 = { getObject: (key: string) => readFile(join(directory, key), 'utf8').catch(noneIf('ENOENT')) };
  const write = async (key: string, text: string) => {
    await mkdir(dirname(join(directory, key)), { recursive: true });
    await writeFile(join(directory, key), text);
  };
  return {
    job,
    s3,
    write,
    remove: (key: string) => rm(join(directory, key)),
    active: `jobs/active/${job.job_id}/state.json`,
  };
}

async function redisAnd(t: TestContext) {
  const redis = await startRedis(t);
  const client = await redis.client();
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  return { redis, client, lines, log };
}

test('[A81] [A82] a job that the monitor left in Redis is read from there', async (t) => {
  const { redis, client } = await redisAnd(t);
  const { job, s3, remove, active } = await leftBehind(t, { cache: redis.url }, (monitor) => submit(monitor));
  await remove(active);
  const states = new StateAPI({ redis: client, s3 });
  assert.deepEqual([states.redis, states.s3], [client, s3]);
  const state = await states.getJobState(job.job_id);
  assert.deepEqual(state, job);
  assert.equal(state.id, job.job_id);
});

test('[A83] [A84] a job that is not in Redis is read from the store, and kept in Redis for 300 s', async (t) => {
  const { client, log } = await redisAnd(t);
  const { job, s3, remove, active } = await leftBehind(t, {}, (monitor) => submit(monitor));
  const states = new StateAPI({ redis: client, s3, log });
  assert.deepEqual(await states.getJobState(job.job_id), job);
  assert.deepEqual(JSON.parse((await client.get(`job:${job.job_id}`))!), job);
  assert.equal(await client.ttl(`job:${job.job_id}`), 300);
  await remove(active);
  assert.deepEqual(await states.getJobState(job.job_id), job);
});

test('[A84] a reader does not replace a newer document, and does not bring back a job that has ended', async (t) => {
  const { client } = await redisAnd(t);
  const { job, s3 } = await leftBehind(t, {}, (monitor) => submit(monitor));
  const key = `job:${job.job_id}`;
  const newer = JSON.stringify({ ...job, as_of_seq: job.as_of_seq + 1 });
  // The newer document arrives while the store is read.
  const racing = (value: [string, string]) => ({
    getObject: async (name: string) => {
      const text = await s3.getObject(name);
      await client.set(...value);
      return text;
    },
  });
  await new StateAPI({ redis: client, s3: racing([key, newer]) }).getJobState(job.job_id);
  assert.equal(await client.get(key), newer);
  await client.del(key);
  const ended: [string, string] = [`job-ended:${job.job_id}`, String(job.as_of_seq + 1)];
  await new StateAPI({ redis: client, s3: racing(ended) }).getJobState(job.job_id);
  assert.equal(await client.get(key), null);
});

test('nothing older than minSeq is returned', async (t) => {
  const { client } = await redisAnd(t);
  const { job, s3 } = await leftBehind(t, {}, (monitor) => submit(monitor));
  const { job_id, as_of_seq } = job;
  const older = { ...job, state: 'SUBMITTED', as_of_seq: as_of_seq - 1 };
  await client.set(`job:${job_id}`, JSON.stringify(older));
  const states = new StateAPI({ redis: client, s3 });
  assert.deepEqual(await states.getJobState(job_id), older);
  assert.deepEqual(await states.getJobState(job_id, { minSeq: as_of_seq }), job);
  assert.deepEqual(JSON.parse((await client.get(`job:${job_id}`))!), job);
  await assert.rejects(states.getJobState(job_id, { minSeq: as_of_seq + 1 }), (error: UnavailableError) => {
    assert.ok(error instanceof UnavailableError);
    assert.deepEqual([error.code, error.retryAfterSeconds], ['seq_not_reached', 1]);
    return true;
  });
});

test('a finished job is found by the hour of its end, a dead letter without it', async (t) => {
  const { client } = await redisAnd(t);
  const completed = await leftBehind(t, {}, async (monitor) => complete(monitor, await hold(monitor)));
  const states = new StateAPI({ redis: client, s3: completed.s3 });
  assert.deepEqual(await states.getJobState(completed.job.job_id), completed.job);
  assert.equal(await client.get(`job:${completed.job.job_id}`), null, 'the cache is for active jobs');

  const old = { ...completed.job, job_id: 'job-old' };
  await completed.write('jobs/completed/2025/07/07/hour=17/job-old.json', JSON.stringify(old));
  await assert.rejects(states.getJobState('job-old'), { code: 'job_not_found' });
  for (const endedAt of ['2025-07-07T17:59:59Z', new Date('2025-07-07T19:00:00+02:00')]) {
    assert.deepEqual(await states.getJobState('job-old', { endedAt }), old);
  }
  await assert.rejects(states.getJobState('job-old', { endedAt: 'yesterday' }), { code: 'bad_time' });

  const failed = await leftBehind(t, {}, async (monitor) => fail(monitor, await hold(monitor)));
  const { completed_at, job_id } = failed.job;
  const [, day, hour] = /^(.+)T(\d\d)/.exec(completed_at!)!;
  await failed.remove(`jobs/failed/${day!.replaceAll('-', '/')}/hour=${hour}/${job_id}.json`);
  assert.deepEqual(await new StateAPI({ redis: null, s3: failed.s3 }).getJobState(job_id), failed.job);
});

test('a job that is nowhere, a damaged object, an id that is none and a store that fails are different errors', async (t) => {
  const { client, log } = await redisAnd(t);
  const { s3, write } = await leftBehind(t, {}, (monitor) => submit(monitor));
  const states = new StateAPI({ redis: client, s3, log });
  await assert.rejects(
    states.getJobState('job-none'),
    (error) => error instanceof NotFoundError && error.status === 404,
  );
  for (const text of [
    '',
    '{"job_id":"job-cut","as',
    'null',
    '[]',
    '{"job_id":"another","as_of_seq":1}',
    '{"job_id":"job-cut"}',
  ]) {
    await write('jobs/active/job-cut/state.json', text);
    await assert.rejects(states.getJobState('job-cut'), (error) => {
      assert.ok(error instanceof ServerFaultError);
      assert.match(error.message, /^jobs\/active\/job-cut\/state\.json is not the document/);
      assert.match(error.hint!, /tmon rebuild/);
      return true;
    });
  }
  for (const id of ['', '../secret', 'a/b', 'é']) {
    await assert.rejects(states.getJobState(id), (error) => error instanceof ApiError && error.code === 'bad_id');
  }
  const denied = { getObject: () => Promise.reject(new Error('AccessDenied')) };
  await assert.rejects(new StateAPI({ redis: null, s3: denied }).getJobState('job-1'), /AccessDenied/);
});

test('what is no document in Redis is passed over and replaced', async (t) => {
  const { client, lines, log } = await redisAnd(t);
  const { job, s3 } = await leftBehind(t, {}, (monitor) => submit(monitor));
  const states = new StateAPI({ redis: client, s3, log });
  for (const text of ['', '{', 'null', '7', '{"job_id":"another","as_of_seq":0}']) {
    await client.set(`job:${job.job_id}`, text);
    assert.deepEqual(await states.getJobState(job.job_id), job);
    assert.deepEqual(JSON.parse((await client.get(`job:${job.job_id}`))!), job);
  }
  assert.deepEqual(lines, []);
});

test('without Redis the store is read, with one warning and a pause before the next try', async (t) => {
  const { redis, client, lines, log } = await redisAnd(t);
  const { job, s3 } = await leftBehind(t, {}, (monitor) => submit(monitor));
  const states = new StateAPI({ redis: client, s3, log });
  await redis.stop();
  for (let n = 0; n < 3; n += 1) assert.deepEqual(await states.getJobState(job.job_id), job);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^transcription-monitor: the cache can't be read: .+; reading the store until it can$/);
});

test('a Redis that answers nothing holds a reader up for redisTimeoutMs, once; when it answers again, it is said', async (t) => {
  const { redis, client, lines, log } = await redisAnd(t);
  const { job, s3 } = await leftBehind(t, {}, (monitor) => submit(monitor));
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const states = new StateAPI({ redis: client, s3, log });
  redis.suspend();
  const read = states.getJobState(job.job_id);
  t.mock.timers.tick(1_000);
  assert.deepEqual(await read, job);
  assert.deepEqual(await states.getJobState(job.job_id), job);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /no response within 1000 ms/);
  redis.resume();
  now = 5_000;
  assert.deepEqual(await states.getJobState(job.job_id), job);
  assert.equal(lines.length, 2);
  assert.match(lines[1]!, /the cache can be read again$/);
  assert.equal(await client.ttl(`job:${job.job_id}`), 300);
});

test('a Redis that can only be read is read, with one warning that it cannot be filled', async (t) => {
  const { client, lines, log } = await redisAnd(t);
  const { job, s3, write, remove, active } = await leftBehind(t, {}, (monitor) => submit(monitor));
  const states = new StateAPI({ redis: client, s3, log });
  await states.getJobState(job.job_id);
  await client.replicaOf('127.0.0.1', 1);
  await remove(active);
  const other = { ...job, job_id: 'job-other' };
  await write('jobs/active/job-other/state.json', JSON.stringify(other));
  for (let n = 0; n < 2; n += 1) {
    assert.deepEqual(await states.getJobState('job-other'), other);
    assert.deepEqual(await states.getJobState(job.job_id), job);
  }
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /the cache can't be filled: .*read only/i);
});
