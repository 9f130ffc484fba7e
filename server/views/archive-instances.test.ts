/** Upkeep of the archive by several instances, one of which may be suspended. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, MINUTE_MS } from '../../protocol/time.ts';
import { StoreError } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { findArchivedJob, readArchivedJob } from './archived-records.ts';
import { assertArchive, assertNamed, drain, OLD_STORE_MS, SOON } from './testing-archive.ts';
import { openOldStore, TestMonitor, WatchedStore } from './testing-monitor.ts';

test('if two instances do the same upkeep, one succeeds; every job is found, and no unreferenced object is left', async () => {
  const clock = new TurnedClock(OLD_STORE_MS);
  const { store, jobs } = await openOldStore(clock);
  const sizes = { index_at: 5, shard_max: 4 };
  const openOne = () => TestMonitor.open({ store, clock, settings: SOON, shared: true, index_sizes: sizes });
  const [one, two] = [await openOne(), await openOne()];
  for (let day = 0; day < 4; day++) {
    for (let turn = 0; turn < 12; turn++) {
      await Promise.all([one.archive.runOnce(), two.archive.runOnce()]);
      await clock.turn(250);
    }
    for (const { engine } of [one, two]) {
      await engine.journal.catchUp();
      await assertArchive(store, engine.state, jobs);
    }
    clock.leap(11 * MINUTE_MS + (day === 2 ? 40 : 1) * DAY_MS);
    await clock.turn(250);
  }
  assert.equal(one.engine.state.scalars.loose_jobs, 0);
  clock.leap(11 * MINUTE_MS);
  await drain(one);
  await drain(two);
  await assertNamed(store, one.engine.state);
  await one.stop();
  await two.stop();
});

test('an object replaced during a suspend is not damage: the instance reads the journal on and retries', async () => {
  const clock = new TurnedClock(OLD_STORE_MS);
  const { store, jobs } = await openOldStore(clock);
  const sizes = { index_at: 5, shard_max: 4 };
  const one = await TestMonitor.open({ store, clock, settings: SOON, shared: true, index_sizes: sizes });
  for (let turn = 0; turn < 12; turn++) await one.archive.runOnce();
  assert.equal(one.engine.state.scalars.loose_jobs, 0);
  const slow = new WatchedStore(store);
  const other = await TestMonitor.open({ store: slow, clock, settings: SOON, shared: true, index_sizes: sizes });
  slow.onCall = ({ key }) => {
    if (key.startsWith('journal/')) throw new StoreError('unavailable', 'store_unavailable', 'later');
    return undefined;
  };
  for (let day = 0; day < 4; day++) {
    for (let job = 0; job < 6; job++) {
      await one.submit(`job-${day}-${job}`);
      await one.do({ type: 'cancel_job', job_id: `job-${day}-${job}` });
    }
    await drain(one);
    clock.leap(11 * MINUTE_MS + (day === 2 ? 40 : 1) * DAY_MS);
    await clock.turn(250);
  }
  const { state } = other.engine;
  const old = async (job_id: string) => readArchivedJob(new WatchedStore(store), state, job_id);
  const gone = await Promise.all(
    [...jobs.keys()].map((job_id) =>
      old(job_id).then(
        () => false,
        () => true,
      ),
    ),
  );
  assert.ok(gone.some((is) => is));
  slow.onCall = () => undefined;
  const found = Promise.all([...jobs.keys()].map((job_id) => findArchivedJob({ engine: other.engine, store }, job_id)));
  await clock.turn(60_000);
  assert.deepEqual(
    (await found).map((archived) => archived?.job),
    [...jobs.values()],
  );
  for (const monitor of [one, other]) await monitor.stop();
});
