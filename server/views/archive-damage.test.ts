/** Lost and damaged objects of the archive: each is reported, and nothing else stops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import { TurnedClock } from '../testing-clock.ts';
import { damageIn } from './archive-objects.ts';
import { archivedPage } from './archived-jobs.ts';
import { readArchivedJob } from './archived-records.ts';
import { PACKS, SHARDS } from './keys.ts';
import { assertArchive, drain, OLD_STORE_MS } from './testing-archive.ts';
import { keysIn, openOldStore, TestMonitor, textAt, viewsIn, WatchedStore } from './testing-monitor.ts';

test('whichever object of the archive is lost or damaged, it is reported, its neighbours are served, and shards are rebuilt', async () => {
  const clock = new TurnedClock(OLD_STORE_MS);
  const { store, jobs } = await openOldStore(clock);
  const sizes = { index_at: 5, shard_max: 8 };
  const monitor = await TestMonitor.open({ store, clock, index_sizes: sizes });
  await drain(monitor);
  const { state } = monitor.engine;
  assert.ok(state.tables.archive_shards.size > 1);
  for (const key of [...(await keysIn(store, PACKS)), ...(await keysIn(store, SHARDS))]) {
    const whole = Buffer.from(await textAt(store, key));
    for (const damage of ['missing', 'cut', 'flipped']) {
      const bytes = Buffer.from(whole);
      bytes[whole.length >> 1]! ^= 4;
      if (damage === 'missing') await store.delete(key);
      else await store.put(key, damage === 'cut' ? whole.subarray(0, whole.length >> 1) : bytes);
      const cold = new WatchedStore(store);
      let lost = 0;
      for (const [job_id, record] of jobs) {
        const found = await readArchivedJob(cold, state, job_id).catch((error: { code: string; message: string }) => {
          assert.equal(error.code, 'archive_damaged');
          assert.ok(error.message.startsWith(`${key} is `), error.message);
          return 'lost' as const;
        });
        if (found === 'lost') lost += 1;
        else assert.deepEqual(found?.job, record);
      }
      assert.ok(lost > 0 && lost < jobs.size, `${lost} of ${jobs.size} behind ${key}`);
      assert.deepEqual([...damageIn(cold).keys()], [key]);
      const page = await archivedPage(cold, state, { limit: 100 });
      const inPack = key.startsWith(PACKS);
      assert.equal(page.jobs.length, inPack ? jobs.size - lost : jobs.size);
      assert.deepEqual(
        page.unreadable.map((one) => one.key),
        inPack ? [key] : [],
      );
    }
    await store.put(key, whole);
  }
  await monitor.stop();

  const [shard] = await keysIn(store, SHARDS);
  await store.delete(shard!);
  const again = await TestMonitor.open({ store, clock, index_sizes: { index_at: 1000, shard_max: 8 } });
  await readArchivedJob(store, again.engine.state, 'job-000').catch(() => undefined);
  for (const job_id of jobs.keys()) await readArchivedJob(store, again.engine.state, job_id).catch(() => undefined);
  await drain(again);
  await assertArchive(store, again.engine.state, jobs);
  assert.match(again.log.join('\n'), new RegExp(`archive: ${shard} is missing`));
  await again.stop();
});

test('a shard that is lost together with a pack waits for the pack, and does not stop other upkeep', async () => {
  const clock = new TurnedClock(OLD_STORE_MS);
  const { store, jobs } = await openOldStore(clock);
  const first = await TestMonitor.open({ store, clock, index_sizes: { index_at: 5, shard_max: 8 } });
  await drain(first);
  await first.stop();
  const [shard] = await keysIn(store, SHARDS);
  const [pack] = await keysIn(store, PACKS);
  const whole = Buffer.from(await textAt(store, pack!));
  await store.delete(shard!);
  await store.delete(pack!);
  const monitor = await TestMonitor.open({ store, clock, settings: { job_views_days: 10 } });
  const { engine } = monitor;
  for (const job_id of jobs.keys()) await readArchivedJob(store, engine.state, job_id).catch(() => undefined);
  clock.leap(40 * DAY_MS);
  await monitor.submit('job-now');
  const views = await viewsIn(store);
  await drain(monitor);
  assert.ok((await viewsIn(store)).size < views.size);
  await store.put(pack!, whole);
  clock.leap(HOUR_MS);
  await drain(monitor);
  await assertArchive(store, engine.state, jobs);
  await monitor.stop();
});
