/** A crash before or after any effect of the upkeep. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, MINUTE_MS } from '../../protocol/time.ts';
import { extent } from '../../test/thorough.ts';
import { TurnedClock } from '../testing-clock.ts';
import { archivedPage } from './archived-jobs.ts';
import { readArchivedJob } from './archived-records.ts';
import { ARCHIVED_JOBS } from './keys.ts';
import { assertNamed, drain, OLD_STORE_MS, SOON } from './testing-archive.ts';
import { keysIn, openOldStore, TestMonitor, WatchedStore } from './testing-monitor.ts';

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

/** Steps completed before a crash are not repeated. */
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

/** Between the effects at which it crashes. */
const STEP = extent(1, 3);

for (const applied of [false, true]) {
  test(`a crash ${applied ? 'after' : 'before'} any effect of the upkeep neither loses nor duplicates a job`, async () => {
    const sizes = { index_at: 8, shard_max: 8 };
    const settings = { ...SOON, job_views_days: 10 };
    let crashes = 0;
    for (let at = applied ? 1 : STEP; ; at += STEP) {
      const clock = new TurnedClock(OLD_STORE_MS);
      const { store: memory, jobs } = await openOldStore(clock);
      const store = new WatchedStore(memory);
      const monitor = await TestMonitor.open({ store, clock, settings, index_sizes: sizes });
      let effects = 0;
      let crashed: () => void = () => {};
      const crash = new Promise<'crashed'>((resolve) => {
        crashed = () => resolve('crashed');
      });
      // From this effect on no call returns, as for a dead process.
      store.onCall = ({ name, key }, done) => {
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
    assert.ok(crashes * STEP > 50, `only ${crashes} crashes`);
  });
}
