/** The publisher when the store fails, or a view can't be made. The test advances the clock; nothing is timed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../objects/store.ts';
import { openWatched, rebuiltFrom, TestMonitor, textAt, viewsIn } from './testing-monitor.ts';

const STATE = 'jobs/active/job-1/state.json';
const CURRENT = 'workers/active/worker-1/jobs/current.json';

test('a view whose put failed is put again, even if its content equals what was written before', async () => {
  const { clock, memory, store, monitor } = await openWatched();
  await monitor.register('worker-1');
  await clock.turn(2_000);
  let lost = false;
  // The object is gone and the response lost: the object's state is unknown.
  store.onCall = (call, done) => {
    if (done || call.key !== CURRENT || lost) return undefined;
    lost = true;
    return memory.delete(CURRENT).then(() => {
      throw new StoreError('unavailable', 'store_unavailable', 'later');
    });
  };
  await monitor.submit('job-1');
  await monitor.claim('worker-1');
  await clock.turn(1_050);
  assert.ok(lost);
  await monitor.fail('job-1');
  await clock.turn(60_000);
  assert.equal(JSON.parse(await textAt(memory, CURRENT)).current_job, null);
  await monitor.stop();
});

test('while the store fails, retries become less frequent; then the current state of everything is written', async () => {
  const { clock, memory, store, monitor } = await openWatched();
  await monitor.register('worker-1');
  await monitor.submit('job-1', 'job-2', 'job-3');
  let tries = 0;
  store.onCall = (call, done) => {
    if (done || call.name !== 'put') return undefined;
    tries += 1;
    throw new StoreError('unavailable', 'store_unavailable', 'the store is away');
  };
  await clock.turn(600_000);
  assert.ok(tries >= 10 && tries < 50, `${tries} tries in ten minutes`);
  assert.equal(monitor.log.filter((line) => line.includes('does not take')).length, 1);
  await monitor.claim('worker-1');
  store.onCall = () => undefined;
  await clock.turn(60_000);
  assert.equal(monitor.publisher.backlog, 0);
  assert.deepEqual(JSON.parse(await textAt(memory, STATE)).state, 'PROCESSING');
  assert.deepEqual(await viewsIn(memory), (await rebuiltFrom(memory, clock)).views);
  await monitor.stop();
});

test('views are behind by as long as they have been due, also while they are tried again, and no more once written', async () => {
  const { clock, store, monitor } = await openWatched();
  await monitor.submit('job-1');
  assert.equal(monitor.publisher.behind_ms, 0);
  store.onCall = (call, done) => {
    if (done || call.name !== 'put') return undefined;
    throw new StoreError('unavailable', 'store_unavailable', 'the store is away');
  };
  await clock.turn(600_000);
  const { behind_ms } = monitor.publisher;
  assert.ok(behind_ms > 595_000 && behind_ms <= 600_000, `${behind_ms} ms`);
  store.onCall = () => undefined;
  await clock.turn(60_000);
  assert.equal(monitor.publisher.behind_ms, 0);
  await monitor.stop();
});

test('a flush on a failing store throws, and its unwritten views stay pending', async () => {
  const { clock, memory, store, monitor } = await openWatched();
  await monitor.submit('job-1');
  store.onCall = (call, done) => {
    if (!done && call.name === 'put') throw new StoreError('refused', 'store_full', 'no space left');
    return undefined;
  };
  await assert.rejects(monitor.publisher.flush(), { code: 'store_full' });
  assert.ok(monitor.publisher.backlog > 0);
  store.onCall = () => undefined;
  await monitor.publisher.flush();
  assert.deepEqual(await viewsIn(memory), (await rebuiltFrom(memory, clock)).views);
  await monitor.stop();
});

test('a view that can never be written does not delay others', async () => {
  const { clock, store, monitor } = await openWatched();
  store.onCall = (call, done) => {
    if (!done && call.key === 'jobs/active/job-1/state.json') {
      throw new StoreError('refused', 'key_conflict', 'an object is in its path');
    }
    return undefined;
  };
  await monitor.submit('job-1', 'job-2');
  await clock.turn(120_000);
  assert.equal(store.puts('jobs/active/job-2/state.json'), 1);
  await monitor.submit('job-3');
  await clock.turn(2_000);
  assert.equal(store.puts('jobs/active/job-3/state.json'), 1);
  store.onCall = () => undefined;
  await monitor.stop();
});

/** Breaks a job's document; returns how often it was tried, and a function that repairs it. */
function breakJob(monitor: TestMonitor, job_id: string): { tries: () => number; repair: () => void } {
  const job = monitor.job(job_id);
  let tries = 0;
  const broken = Object.defineProperty({ ...job }, 'tags', {
    enumerable: true,
    get() {
      tries += 1;
      throw new TypeError('its tags are broken');
    },
  });
  monitor.engine.state.tables.jobs.set(job_id, broken);
  return { tries: () => tries, repair: () => monitor.engine.state.tables.jobs.set(job_id, job) };
}

test('a view whose document throws is retried less and less often, logged once, and written when it can be made', async () => {
  const { clock, memory, monitor } = await openWatched();
  await monitor.submit('job-1', 'job-2');
  const { tries, repair } = breakJob(monitor, 'job-1');
  await clock.turn(5_000);
  const views = await viewsIn(memory);
  assert.deepEqual([views.has(STATE), views.has('jobs/active/job-2/state.json')], [false, true]);
  await clock.turn(300_000);
  assert.ok(tries() > 10 && tries() < 30, `${tries()} tries`);
  const logged = () => monitor.log.filter((line) => /job job-1/.test(line));
  assert.deepEqual(logged(), [
    "error: views: job job-1 can't be made (the only one) and is tried again: its tags are broken",
  ]);
  assert.equal(monitor.publisher.backlog, 1);
  repair();
  await clock.turn(30_000);
  assert.ok((await viewsIn(memory)).has(STATE));
  assert.equal(monitor.publisher.backlog, 0);
  assert.equal(logged()[1], 'info: views: job job-1 is written again');
  await monitor.stop();
});

test('a view that cannot be made does not stop a flush of others, and the next start retries it', async () => {
  const { clock, memory, monitor } = await openWatched();
  await monitor.submit('job-1', 'job-2', 'job-3');
  breakJob(monitor, 'job-1');
  await monitor.publisher.flush();
  assert.deepEqual(
    [...(await viewsIn(memory)).keys()].filter((key) => key.endsWith('state.json')),
    ['jobs/active/job-2/state.json', 'jobs/active/job-3/state.json'],
  );
  await monitor.stop();
  assert.match(monitor.log.at(-1)!, /1 are not written; the next start continues with them/);
  const again = await TestMonitor.open({ store: memory, clock });
  await again.publisher.flush();
  assert.ok((await viewsIn(memory)).has(STATE));
  await again.stop();
});
