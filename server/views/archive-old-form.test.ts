/** Archives with one object per job: read unchanged, repacked, and nothing is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOUR_MS } from '../../protocol/time.ts';
import { TurnedClock } from '../testing-clock.ts';
import { archivedPage } from './archived-jobs.ts';
import { readArchivedJob } from './archived-records.ts';
import { ARCHIVED_JOBS } from './keys.ts';
import { assertArchive, assertNamed, drain, OLD_STORE_MS, SOON } from './testing-archive.ts';
import { keysIn, openOldStore, rebuiltFrom, TestMonitor, textAt, viewsIn } from './testing-monitor.ts';

/** Without the fields that documents have had since: views of finished jobs are not written again for them. */
const SINCE =
  /^ *"(final|audio_url_expires_at|require_complete|warnings|suspect|fault|verdict|actions|expected_percentage|queue_position|expected_start|expected_completion)":/;
const asThen = (views: ReadonlyMap<string, string>) =>
  new Map(
    [...views].map(([key, text]) => {
      const lines = text.split('\n').filter((line) => !SINCE.test(line));
      return [key, lines.map((line) => line.replace(/,$/, '')).join('\n')];
    }),
  );

test('a store with one object per job is read unchanged, then repacked without loss', async () => {
  const clock = new TurnedClock(OLD_STORE_MS);
  const { store, jobs } = await openOldStore(clock);
  const monitor = await TestMonitor.open({ store, clock });
  assert.equal(monitor.engine.state.scalars.loose_jobs, jobs.size);
  await assertArchive(store, monitor.engine.state, jobs);
  const before = await viewsIn(store);
  await drain(monitor);
  assert.equal(monitor.engine.state.scalars.loose_jobs, 0);
  assert.deepEqual(await keysIn(store, ARCHIVED_JOBS), []);
  await assertArchive(store, monitor.engine.state, jobs);
  await assertNamed(store, monitor.engine.state);
  await monitor.publisher.flush();
  assert.deepEqual([...(await viewsIn(store)).keys()], [...before.keys()]);
  assert.deepEqual(asThen(await viewsIn(store)), asThen((await rebuiltFrom(store, clock)).views));
  await monitor.stop();
});

test('a damaged object of the old form stays in place and is reported; all others are repacked', async () => {
  const clock = new TurnedClock(OLD_STORE_MS);
  const { store, jobs } = await openOldStore(clock);
  const [lost] = jobs.keys();
  await store.put(`${ARCHIVED_JOBS}${lost}.json`, Buffer.from('{"job_id":'));
  const monitor = await TestMonitor.open({ store, clock });
  const page = await archivedPage(store, monitor.engine.state, { limit: 100 });
  assert.equal(page.jobs.length, jobs.size - 1);
  assert.deepEqual(
    page.unreadable.map(({ key }) => key),
    [`${ARCHIVED_JOBS}${lost}.json`],
  );
  await drain(monitor);
  assert.deepEqual(await keysIn(store, ARCHIVED_JOBS), [`${ARCHIVED_JOBS}${lost}.json`]);
  assert.match(monitor.log.join('\n'), new RegExp(`archive/jobs/${lost}.json is damaged`));
  await assert.rejects(readArchivedJob(store, monitor.engine.state, lost!), { code: 'archive_damaged' });
  const others = new Map([...jobs].filter(([job_id]) => job_id !== lost));
  for (const [job_id, record] of others) {
    assert.deepEqual((await readArchivedJob(store, monitor.engine.state, job_id))?.job, record);
  }
  await store.delete(`${ARCHIVED_JOBS}${lost}.json`);
  await clock.turn(HOUR_MS);
  await drain(monitor);
  assert.equal(monitor.engine.state.scalars.loose_jobs, 0);
  await monitor.stop();
});

test('an object of the old form that is restored after repacking is found again', async () => {
  const clock = new TurnedClock(OLD_STORE_MS);
  const { store, jobs } = await openOldStore(clock);
  const [lost = ''] = await keysIn(store, ARCHIVED_JOBS);
  const text = await textAt(store, lost);
  await store.delete(lost);
  const first = await TestMonitor.open({ store, clock, settings: SOON });
  await drain(first);
  assert.equal(first.engine.state.scalars.loose_jobs, 0);
  await first.stop();
  await store.put(lost, Buffer.from(text));
  const again = await TestMonitor.open({ store, clock, settings: SOON });
  await drain(again);
  await assertArchive(store, again.engine.state, jobs);
  await again.stop();
});
