/** Several writers of one Redis: the newest document stays, whichever writes last. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { WRITE_JOB, writeJobArguments } from '../../protocol/job-cache.ts';
import { startRedis } from '../../test/servers/redis.ts';
import { MemoryStore } from '../objects/memory.ts';
import { StoreError } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { WatchedStore } from '../views/testing-monitor.ts';
import { openCached, turnSeconds } from './testing-cache.ts';

/**
 * Two instances on one store and one Redis, with job-1 held by worker-1. Each learns of the other's writes when it
 * catches up.
 */
async function twoInstances(t: TestContext) {
  const redis = await startRedis(t);
  const reader = await redis.client();
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const store = new MemoryStore(clock);
  const settings = { retention_ms: 600_000 };
  const watched = new WatchedStore(store);
  const one = await openCached(t, redis.url, { clock, store, shared: true, settings });
  const other = await openCached(t, redis.url, { clock, store: watched, shared: true, settings });
  await one.register('worker-1');
  await one.submit('job-1');
  await one.claim('worker-1');
  await other.engine.journal.catchUp();
  const cached = async () => JSON.parse((await reader.get('job:job-1')) ?? 'null');
  return { redis, reader, clock, watched, one, other, cached };
}

test('[A84] two instances write the same documents to one Redis', async (t) => {
  const { one, other, cached } = await twoInstances(t);
  await one.cache.flush();
  const written = await cached();
  await other.cache.flush();
  assert.deepEqual(await cached(), written);
  assert.equal(written.as_of_seq, one.job('job-1').version);
  assert.deepEqual([one.cache.status.superseded, other.cache.status.superseded], [0, 0]);
});

test('[A84] an instance that is late does not replace a newer document', async (t) => {
  const { one, other, cached, clock } = await twoInstances(t);
  one.progress('job-1', 45);
  await clock.turn(20);
  await one.cache.flush();
  assert.ok(other.job('job-1').version < one.job('job-1').version, 'the other instance has not read the progress');
  await other.cache.flush();
  assert.equal((await cached()).progress.percentage, 45);
  assert.equal(other.cache.status.superseded, 1);
});

test('[A84] an instance or reader that is late does not bring back a job that has ended', async (t) => {
  const { one, other, cached, reader } = await twoInstances(t);
  await one.cache.flush();
  const active = await cached();
  await one.complete('job-1');
  await one.cache.flush();
  await other.cache.flush();
  assert.equal(await cached(), null);
  assert.equal(other.cache.status.superseded, 1);
  const fill = writeJobArguments('job-1', JSON.stringify(active), active.as_of_seq);
  assert.equal(await reader.eval(WRITE_JOB, fill), 0);
  assert.equal(await cached(), null);
});

/** Every order of these. */
function* ordersOf<T>(items: readonly T[]): Generator<T[]> {
  if (items.length === 0) yield [];
  for (const [n, item] of items.entries()) {
    for (const rest of ordersOf(items.toSpliced(n, 1))) yield [item, ...rest];
  }
}

test('[A84] in whatever order the writes of a job arrive, the last state of the job stays', async (t) => {
  const redis = await startRedis(t);
  const reader = await redis.client();
  const active = (as_of_seq: number) => ({ document: JSON.stringify({ as_of_seq }), as_of_seq });
  const end = (as_of_seq: number) => ({ document: '', as_of_seq });
  const lives = [
    [active(1), active(2), active(10), end(11)],
    [active(1), active(2), end(3), active(4), active(5)],
    [active(1), end(2), active(3), end(4), end(4)],
  ];
  for (const life of lives) {
    const last = life.at(-1)!.document || null;
    for (const order of ordersOf(life)) {
      await reader.flushDb();
      for (const { document, as_of_seq } of order) {
        await reader.eval(WRITE_JOB, writeJobArguments('job-1', document, as_of_seq));
      }
      assert.equal(await reader.get('job:job-1'), last, JSON.stringify(order));
    }
  }
});

test('an instance that learns late of an end does not remove a job that was redriven since', async (t) => {
  const { one, other, cached } = await twoInstances(t);
  await one.fail('job-1');
  await other.engine.journal.catchUp();
  await one.do({ type: 'retry_job', job_id: 'job-1' });
  await one.cache.flush();
  assert.equal(other.job('job-1').state, 'FAILED');
  await other.cache.flush();
  assert.equal((await cached()).state, 'QUEUED');
});

test('an instance that was suspended reads on before it writes what it has noted', async (t) => {
  const { one, other, cached, clock, watched, reader } = await twoInstances(t);
  await one.cache.flush();
  watched.onCall = ({ key }) => {
    if (key.startsWith('journal/')) throw new StoreError('unavailable', 'store_unavailable', 'later');
  };
  await one.complete('job-1');
  clock.leap(400_000);
  // By now the mark of the end has expired, too.
  await reader.flushAll();
  await other.cache.flush();
  assert.equal(await cached(), null);
  assert.equal(other.cache.status.pending, 1);
  watched.onCall = () => undefined;
  await turnSeconds(other, 60);
  assert.equal(await cached(), null);
  assert.equal(await reader.get('job-ended:job-1'), String(one.job('job-1').version));
});

test('an instance whose fold is replaced by a snapshot corrects what it wrote of jobs whose end it missed', async (t) => {
  const { one, other, reader, clock, watched } = await twoInstances(t);
  await one.submit('job-waits');
  await other.engine.journal.catchUp();
  await other.cache.flush();
  watched.onCall = ({ key }) => {
    if (key.startsWith('journal/')) throw new StoreError('unavailable', 'store_unavailable', 'later');
  };
  // As if only the other instance had written to Redis.
  one.cache.abandon();
  await one.do({ type: 'cancel_job', job_id: 'job-waits' });
  await one.submit('job-2');
  await one.engine.journal.snapshot();
  await one.submit('job-3');
  await one.engine.journal.snapshot();
  await clock.turn(900_000);
  assert.ok((await one.engine.journal.truncate()) > 0);
  assert.ok(await reader.get('job:job-waits'));
  watched.onCall = () => undefined;
  await turnSeconds(other, 300);
  assert.equal(other.engine.state.seq, one.engine.state.seq);
  assert.equal(await reader.get('job:job-waits'), null);
});
