/**
 * The archive's upkeep: few objects however jobs end, every job found and listed throughout, and no unreferenced object
 * left.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_KNOWN } from '../../protocol/sighting.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../protocol/time.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import { TurnedClock } from '../testing-clock.ts';
import { keepAttemptLog } from './attempt-logs.ts';
import { ARCHIVED_JOBS, PACKS, SHARDS } from './keys.ts';
import { assertArchive, assertNamed, drain, end, numbers, OLD_STORE_MS, openArchive, SOON } from './testing-archive.ts';
import { keysIn, openOldStore, rebuiltFrom, TestMonitor, viewsIn, WatchedStore } from './testing-monitor.ts';

test('five jobs an hour leave less than a tenth of an object each behind', async () => {
  const { clock, store, monitor } = await openArchive();
  const jobs = new Map<string, JobRecord>();
  for (let hour = 0; hour < 60; hour++) {
    for (let nth = 0; nth < 5; nth++) {
      for (const job of await end(monitor, `job-${hour}-${nth}`)) jobs.set(job.job_id, job);
      await monitor.archive.runOnce();
      await clock.turn(HOUR_MS / 5);
    }
  }
  await clock.turn(2 * DAY_MS);
  await drain(monitor);
  await clock.turn(11 * MINUTE_MS);
  await drain(monitor);
  const objects = (await keysIn(store, PACKS)).length + (await keysIn(store, SHARDS)).length;
  assert.ok(objects / jobs.size < 0.1, `${objects} objects for ${jobs.size} jobs`);
  await assertArchive(store, monitor.engine.state, jobs);
  await assertNamed(store, monitor.engine.state);
  await clock.turn(40 * DAY_MS);
  await drain(monitor);
  await clock.turn(11 * MINUTE_MS);
  await drain(monitor);
  assert.equal((await keysIn(store, PACKS)).length, 1, 'the packs of a month are merged once it is long over');
  await assertArchive(store, monitor.engine.state, jobs);
  await monitor.stop();
});

for (const seed of [1, 2, 3, 4]) {
  test(`through packing, merging, indexing and splitting, every job is found unchanged: history ${seed}`, async () => {
    const { clock, store, monitor } = await openArchive({}, { index_at: 12, shard_max: 8 });
    const next = numbers(seed);
    const jobs = new Map<string, JobRecord>();
    let names = 0;
    for (let step = 0; step < 60; step++) {
      switch (next(6)) {
        case 0:
        case 1: {
          const ids = Array.from({ length: 1 + next(6) }, () => `${'abcdefgh'[next(8)]}-${names++}`);
          for (const job of await end(monitor, ...ids)) jobs.set(job.job_id, job);
          break;
        }
        case 2: {
          // A source reports a job, possibly again: it continues in memory, and is archived once more.
          const job_id = `seen-${next(5)}`;
          const told_ms = monitor.engine.journal.now();
          const ended = { state: 'COMPLETED' as const, started_ms: told_ms - 1000, ended_ms: told_ms };
          await monitor.observe('log:/a', { ...NOTHING_KNOWN, ...ended, job_id, told_ms });
          const here = monitor.engine.state.job(job_id);
          if (here) jobs.set(job_id, here);
          break;
        }
        case 3:
          await clock.turn([MINUTE_MS, HOUR_MS, DAY_MS, 40 * DAY_MS][next(4)]!);
          break;
        default:
          await monitor.archive.runOnce();
      }
    }
    await drain(monitor);
    await assertArchive(store, monitor.engine.state, jobs);
    await clock.turn(11 * MINUTE_MS);
    await drain(monitor);
    await assertArchive(store, monitor.engine.state, jobs);
    await assertNamed(store, monitor.engine.state);
    assert.ok(monitor.engine.state.tables.archive_shards.size > 1);
    await monitor.publisher.flush();
    const { views } = await rebuiltFrom(store, clock);
    assert.deepEqual([...(await viewsIn(store)).keys()], [...views.keys()]);
    await monitor.stop();
    const again = await TestMonitor.open({ store, clock, settings: SOON });
    await assertArchive(store, again.engine.state, jobs);
    await again.stop();
  });
}

test('if the journal does not accept a pack, only the pack is deleted', async () => {
  const clock = new TurnedClock(OLD_STORE_MS);
  const { store: memory, jobs } = await openOldStore(clock);
  const store = new WatchedStore(memory);
  const monitor = await TestMonitor.open({ store, clock });
  const { engine } = monitor;
  let first = true;
  store.onCall = (call, done) => {
    if (!done || !first || call.name !== 'putIfAbsent' || !call.key.startsWith(PACKS)) return undefined;
    first = false;
    // Another instance moves something else.
    const basis = { basis_seq: engine.state.scalars.archive_seq, made_ms: engine.journal.now() };
    return monitor.do({ type: 'index_archive', ...basis, packs: [], shards: [] }, '~other').then(() => undefined);
  };
  await monitor.archive.runOnce();
  assert.equal(first, false);
  await assertArchive(memory, engine.state, jobs);
  await assertNamed(memory, engine.state);
  await clock.turn(2 * HOUR_MS);
  await drain(monitor);
  clock.leap(HOUR_MS);
  await drain(monitor);
  assert.deepEqual(await keysIn(memory, ARCHIVED_JOBS), []);
  await assertArchive(memory, engine.state, jobs);
  await monitor.stop();
});

test('an unreferenced object is deleted after a day, and not earlier', async () => {
  const { clock, store, monitor } = await openArchive();
  const [job] = await end(monitor, 'job-1');
  await monitor.publisher.flush();
  store.onCall = (call, done) => {
    if (!done && call.name === 'putIfAbsent' && call.key.startsWith('journal/')) return new Promise(() => {});
    return undefined;
  };
  void monitor.archive.runOnce().catch(() => undefined);
  await clock.turn(100);
  monitor.crash();
  store.onCall = () => undefined;
  const again = await TestMonitor.open({ store, clock, settings: { finished_window_ms: 100 * DAY_MS } });
  const orphans = await keysIn(store, PACKS);
  assert.equal(orphans.length, 1);
  await clock.turn(23 * HOUR_MS);
  await again.submit('job-2');
  await drain(again);
  await clock.turn(11 * MINUTE_MS);
  await drain(again);
  assert.deepEqual(await keysIn(store, PACKS), orphans);
  await clock.turn(25 * HOUR_MS);
  await again.submit('job-3');
  await drain(again);
  await clock.turn(11 * MINUTE_MS);
  await drain(again);
  assert.deepEqual(await keysIn(store, PACKS), []);
  assert.deepEqual(again.job('job-1'), job);
  await again.stop();
});

test('views of a job and the logs of its attempts are deleted job_views_days after the day of its end, a rebuild does not restore them, and it is still found', async () => {
  const { clock, store, monitor } = await openArchive({ job_views_days: 30 });
  const jobs = new Map<string, JobRecord>();
  await monitor.register('worker-1');
  for (let day = 0; day < 3; day++) {
    await monitor.submit(`job-${day}`, `other-${day}`);
    await monitor.claim('worker-1');
    const attempt = { job_id: `job-${day}`, attempt: 1, lease: 'worker-1' };
    await keepAttemptLog(store, attempt, { end_bytes: 3, text: 'hi\n' });
    await monitor.complete(`job-${day}`);
    await monitor.do({ type: 'cancel_job', job_id: `other-${day}` });
    for (const id of [`job-${day}`, `other-${day}`]) jobs.set(id, monitor.job(id));
    await drain(monitor);
    await clock.turn(DAY_MS);
  }
  await clock.turn(28 * DAY_MS);
  await monitor.submit('job-now');
  await drain(monitor);
  const ofJobs = async () =>
    [...(await viewsIn(store)).keys()].filter((key) => /^jobs\/(completed|cancelled)|\/history\//.test(key));
  assert.deepEqual(await ofJobs(), [
    'jobs/cancelled/2025/07/08/hour=19/other-1.json',
    'jobs/cancelled/2025/07/09/hour=19/other-2.json',
    'jobs/completed/2025/07/08/hour=19/job-1.json',
    'jobs/completed/2025/07/09/hour=19/job-2.json',
    'workers/active/worker-1/jobs/history/job-1.json',
    'workers/active/worker-1/jobs/history/job-2.json',
  ]);
  const logs = async () => (await Array.fromAsync(store.list('jobs/logs/'))).map(({ key }) => key);
  assert.deepEqual(await logs(), ['jobs/logs/job-1/1.json', 'jobs/logs/job-2/1.json']);
  for (const key of await logs()) await store.delete(key);
  await monitor.publisher.flush();
  assert.deepEqual(await viewsIn(store), (await rebuiltFrom(store, clock)).views);
  await clock.turn(2 * DAY_MS);
  await monitor.submit('job-then');
  await drain(monitor);
  assert.deepEqual(await ofJobs(), []);
  await assertArchive(store, monitor.engine.state, jobs);
  await monitor.stop();
});
