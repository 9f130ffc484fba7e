/** The archive's upkeep: few objects however jobs end, every job found and listed throughout, old stores repacked, nothing lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../protocol/time.ts';
import type { Settings } from '../config.ts';
import { MemoryStore } from '../objects/memory.ts';
import { type ObjectStore, StoreError } from '../objects/store.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { TurnedClock } from '../testing-clock.ts';
import { damageIn } from './archive-objects.ts';
import { archivedJobs, archivedPage } from './archived-jobs.ts';
import { findArchivedJob, readArchivedJob } from './archived-records.ts';
import { ARCHIVED_JOBS, PACKS, SHARDS } from './keys.ts';
import { keysIn, openOldStore, rebuiltFrom, TestMonitor, textAt, viewsIn, WatchedStore } from './testing-monitor.ts';

const NOW = '2025-07-07T19:30:00Z';
const OLD_STORE_MS = '2025-07-09T13:30:00Z';
const SOON = { finished_max: 0, view_puts_per_second: 100_000 };

async function open(settings: Partial<Settings> = {}, sizes?: { index_at: number; shard_max: number }) {
  const clock = new TurnedClock(NOW);
  const store = new WatchedStore(new MemoryStore(clock));
  const monitor = await TestMonitor.open({
    store,
    clock,
    settings: { ...SOON, ...settings },
    ...(sizes && { index_sizes: sizes }),
  });
  return { clock, store, monitor };
}

/** Ends these, and returns their records. */
async function end(monitor: TestMonitor, ...job_ids: string[]): Promise<JobRecord[]> {
  await monitor.submit(...job_ids);
  for (const job_id of job_ids) await monitor.do({ type: 'cancel_job', job_id });
  return job_ids.map((job_id) => monitor.job(job_id));
}

async function drain(monitor: TestMonitor): Promise<void> {
  while ((await monitor.archive.runOnce()) > 0);
}

/** Each is found as it was by at most two reads, in a list once, and no other is. */
async function assertArchive(store: ObjectStore, state: State, jobs: ReadonlyMap<string, JobRecord>): Promise<void> {
  for (const [job_id, record] of jobs) {
    const cold = new WatchedStore(store);
    assert.deepEqual((await readArchivedJob(cold, state, job_id))?.job, record);
    assert.ok(cold.calls.length <= (state.scalars.loose_jobs > 0 ? 3 : 2), `${cold.calls.length} reads for ${job_id}`);
  }
  assert.equal(await readArchivedJob(store, state, 'never-was'), undefined);
  const listed: string[] = [];
  for await (const { job } of archivedJobs(new WatchedStore(store), state)) listed.push(job.job_id);
  assert.deepEqual([...listed].sort(), [...jobs.keys()].sort());
}

/** Nothing is in the store that the journal does not name, and nothing that it names is missing. */
async function assertNamed(store: ObjectStore, { tables }: State): Promise<void> {
  assert.deepEqual(await keysIn(store, PACKS), [...tables.packs.keys()].sort());
  assert.deepEqual(await keysIn(store, SHARDS), [...tables.archive_shards.values()].map(({ key }) => key).sort());
}

/** Small whole numbers, from a seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

test('five jobs an hour leave less than a tenth of an object each behind', async () => {
  const { clock, store, monitor } = await open();
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
  assert.equal((await keysIn(store, PACKS)).length, 1, 'those of a month, once it is long over');
  await assertArchive(store, monitor.engine.state, jobs);
  await monitor.stop();
});

for (const seed of [1, 2, 3, 4]) {
  test(`whatever is packed, merged, indexed, split and replaced, every job is found as it was: history ${seed}`, async () => {
    const { clock, store, monitor } = await open({}, { index_at: 12, shard_max: 8 });
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
          // A source tells of one that it may have told of before: it goes on in memory, and is archived once more.
          const job_id = `seen-${next(5)}`;
          const told_ms = monitor.engine.journal.now();
          const ended = { state: 'COMPLETED' as const, started_ms: told_ms - 1000, ended_ms: told_ms };
          await monitor.observe('log:/a', { ...UNTOLD, ...ended, job_id, told_ms });
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

const UNTOLD = {
  worker_id: null,
  percentage: null,
  stage: null,
  audio_duration: null,
  duration: null,
  segments: null,
  s3_path: null,
  error: null,
};

test('a store with an object for each job is read as it is, then repacked, and nothing of it is lost', async () => {
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
  assert.deepEqual(await viewsIn(store), (await rebuiltFrom(store, clock)).views);
  await monitor.stop();
});

test('a damaged object of the old form stays where it is and is named; all others are repacked', async () => {
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

test('of a pack that the journal does not take nothing is deleted but the pack', async () => {
  const clock = new TurnedClock(OLD_STORE_MS);
  const { store: memory, jobs } = await openOldStore(clock);
  const store = new WatchedStore(memory);
  const monitor = await TestMonitor.open({ store, clock });
  const { engine } = monitor;
  let first = true;
  store.meet = (call, done) => {
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

test('an object of the old form that is put back after all were repacked is found again', async () => {
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

test('an object that no journal names is deleted a day later, and no earlier', async () => {
  const { clock, store, monitor } = await open();
  const [job] = await end(monitor, 'job-1');
  await monitor.publisher.flush();
  store.meet = (call, done) => {
    if (!done && call.name === 'putIfAbsent' && call.key.startsWith('journal/')) return new Promise(() => {});
    return undefined;
  };
  void monitor.archive.runOnce().catch(() => undefined);
  await clock.turn(100);
  monitor.crash();
  store.meet = () => undefined;
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

test('of two instances at the same upkeep one is taken; every job is found, and nothing unnamed is left', async () => {
  const clock = new TurnedClock(OLD_STORE_MS);
  const { store, jobs } = await openOldStore(clock);
  const sizes = { index_at: 5, shard_max: 4 };
  const open = () => TestMonitor.open({ store, clock, settings: SOON, shared: true, index_sizes: sizes });
  const [one, two] = [await open(), await open()];
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

test('what a suspended instance finds replaced is not damage: it reads the journal on and looks again', async () => {
  const clock = new TurnedClock(OLD_STORE_MS);
  const { store, jobs } = await openOldStore(clock);
  const sizes = { index_at: 5, shard_max: 4 };
  const one = await TestMonitor.open({ store, clock, settings: SOON, shared: true, index_sizes: sizes });
  for (let turn = 0; turn < 12; turn++) await one.archive.runOnce();
  assert.equal(one.engine.state.scalars.loose_jobs, 0);
  const slow = new WatchedStore(store);
  const other = await TestMonitor.open({ store: slow, clock, settings: SOON, shared: true, index_sizes: sizes });
  slow.meet = ({ key }) => {
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
  slow.meet = () => undefined;
  const found = Promise.all([...jobs.keys()].map((job_id) => findArchivedJob({ engine: other.engine, store }, job_id)));
  await clock.turn(60_000);
  assert.deepEqual(
    (await found).map((archived) => archived?.job),
    [...jobs.values()],
  );
  for (const monitor of [one, other]) await monitor.stop();
});

test('whichever object of the archive is lost or damaged, it is named, its neighbours are served, and shards are made anew', async () => {
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

test('a shard that is lost together with a pack waits for the pack, and stops no other upkeep', async () => {
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

test('views of a job are deleted job_views_days after the day of its end, a rebuild does not bring them back, and it is found', async () => {
  const { clock, store, monitor } = await open({ job_views_days: 30 });
  const jobs = new Map<string, JobRecord>();
  await monitor.register('worker-1');
  for (let day = 0; day < 3; day++) {
    await monitor.submit(`job-${day}`, `other-${day}`);
    await monitor.claim('worker-1');
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
  await monitor.publisher.flush();
  assert.deepEqual(await viewsIn(store), (await rebuiltFrom(store, clock)).views);
  await clock.turn(2 * DAY_MS);
  await monitor.submit('job-then');
  await drain(monitor);
  assert.deepEqual(await ofJobs(), []);
  await assertArchive(store, monitor.engine.state, jobs);
  await monitor.stop();
});

/** Repacks an old store, archives more, merges, indexes, sweeps and deletes views. */
const UPKEEP: readonly ((monitor: TestMonitor, clock: TurnedClock) => Promise<unknown>)[] = [
  (monitor) => drain(monitor),
  (monitor) => endAnew(monitor, 'new-1', 'new-2'),
  (monitor) => drain(monitor),
  async (_, clock) => clock.leap(2 * DAY_MS),
  (monitor) => endAnew(monitor, 'new-3'),
  (monitor) => drain(monitor),
  async (_, clock) => clock.leap(40 * DAY_MS),
  (monitor) => endAnew(monitor, 'new-4'),
  (monitor) => drain(monitor),
  async (_, clock) => clock.leap(11 * MINUTE_MS),
  (monitor) => drain(monitor),
];

/** What a crash left done is not done again. */
async function endAnew(monitor: TestMonitor, ...job_ids: string[]): Promise<void> {
  const { engine } = monitor;
  for (const job_id of job_ids) {
    if (engine.state.tables.commands.has(`submit ${job_id}`)) continue;
    await monitor.do({ type: 'submit_jobs', jobs: [{ job_id, audio_url: 's3://audio/x.mp3' }] }, `submit ${job_id}`);
  }
  for (const job_id of job_ids) {
    if (engine.state.job(job_id)?.state === 'QUEUED') await monitor.do({ type: 'cancel_job', job_id });
  }
}

for (const applied of [false, true]) {
  test(`a crash ${applied ? 'after' : 'before'} any effect of the upkeep loses no job and doubles none`, async () => {
    const sizes = { index_at: 8, shard_max: 8 };
    const settings = { ...SOON, job_views_days: 10 };
    let crashes = 0;
    for (let at = 1; ; at++) {
      const clock = new TurnedClock(OLD_STORE_MS);
      const { store: memory, jobs } = await openOldStore(clock);
      const store = new WatchedStore(memory);
      const monitor = await TestMonitor.open({ store, clock, settings, index_sizes: sizes });
      let effects = 0;
      let crashed: () => void = () => {};
      const crash = new Promise<'crashed'>((resolve) => {
        crashed = () => resolve('crashed');
      });
      // From this effect on nothing is answered any more, as for a process that is dead.
      store.meet = ({ name, key }, done) => {
        if (!done && name !== 'get' && name !== 'list' && /^(archive|journal)\//.test(key)) effects += 1;
        if (effects < at || (effects === at && applied && !done)) return undefined;
        crashed();
        return new Promise(() => {});
      };
      let step = 0;
      let ending: 'crashed' | 'played' = 'played';
      for (; step < UPKEEP.length && ending === 'played'; step++) {
        const played = UPKEEP[step]!(monitor, clock).then(() => 'played' as const);
        played.catch(() => undefined);
        ending = await Promise.race([played, crash]);
      }
      monitor.crash();
      if (ending === 'played') break;
      crashes += 1;
      const again = await TestMonitor.open({ store: memory, clock, settings, index_sizes: sizes });
      for (const play of UPKEEP.slice(step - 1)) await play(again, clock);
      clock.leap(2 * DAY_MS);
      await again.submit('job-last');
      await drain(again);
      clock.leap(11 * MINUTE_MS);
      await drain(again);
      const { state } = again.engine;
      for (const [job_id, record] of jobs) {
        assert.deepEqual(
          (await readArchivedJob(memory, state, job_id))?.job,
          record,
          `${job_id}, crash at effect ${at}`,
        );
      }
      const page = await archivedPage(memory, state, { limit: 1000 });
      const listed = page.jobs.map(({ job_id }) => job_id).sort();
      assert.deepEqual(listed, [...jobs.keys(), 'new-1', 'new-2', 'new-3', 'new-4'].sort(), `crash at effect ${at}`);
      await assertNamed(memory, state);
      assert.deepEqual(await keysIn(memory, ARCHIVED_JOBS), []);
      again.crash();
    }
    assert.ok(crashes > 50, `only ${crashes} crashes`);
  });
}
