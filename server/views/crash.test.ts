/**
 * Crashes and faults at every single call to the store, one history each: afterwards the views equal those that a
 * rebuild makes from journal and archive, and no job is lost or duplicated.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extent } from '../../test/thorough.ts';
import { MemoryStore } from '../objects/memory.ts';
import { StoreError } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { readArchivedJob } from './archived-records.ts';
import { HISTORY, HISTORY_SETTINGS, HISTORY_START, play, playOne } from './testing-history.ts';
import { rebuiltFrom, TestMonitor, viewsIn, WatchedStore } from './testing-monitor.ts';

const JOBS = ['job-1', 'job-2', 'job-3', 'job-4', 'job-5'];
const OURS = /^(jobs|workers|queues|alerts|system|metrics|archive)\/|^meta\/views/;

async function open() {
  const clock = new TurnedClock(HISTORY_START);
  const memory = new MemoryStore(clock);
  const store = new WatchedStore(memory);
  const monitor = await TestMonitor.open({ store, clock, settings: HISTORY_SETTINGS });
  return { clock, memory, store, monitor };
}

/** Each job is in memory or in the archive, and its views are those of a rebuild. */
async function assertWhole(memory: MemoryStore, clock: TurnedClock, monitor: TestMonitor, what: string) {
  await monitor.publisher.flush();
  assert.deepEqual(await viewsIn(memory), (await rebuiltFrom(memory, clock)).views, what);
}

test('without a fault the views equal those of a rebuild, and the archive has the jobs that left memory', async () => {
  const { clock, memory, monitor } = await open();
  await play(HISTORY, monitor, clock);
  await assertWhole(memory, clock, monitor, 'at the end');
  const archived = [];
  for (const job_id of JOBS) if (await readArchivedJob(memory, monitor.engine.state, job_id)) archived.push(job_id);
  assert.deepEqual(archived, ['job-1', 'job-2', 'job-3', 'job-4']);
  assert.deepEqual(
    JOBS.filter((job_id) => monitor.engine.state.job(job_id)),
    ['job-5'],
  );
  assert.equal(monitor.engine.state.worker('worker-2'), undefined);
  await monitor.stop();
});

/** Between the calls at which something fails. */
const STEP = extent(1, 3);

for (const applied of [false, true]) {
  test(`a crash ${applied ? 'after' : 'before'} any call's effect is repaired by the next start`, async () => {
    let crashes = 0;
    for (let at = applied ? 1 : STEP; ; at += STEP) {
      const { clock, memory, store, monitor } = await open();
      let calls = 0;
      let crashed: () => void = () => {};
      const crash = new Promise<'crashed'>((resolve) => {
        crashed = () => resolve('crashed');
      });
      // From this call on no call returns, as for a dead process.
      store.onCall = (_call, done) => {
        if (!done) calls += 1;
        if (calls < at || (calls === at && applied && !done)) return undefined;
        crashed();
        return new Promise(() => {});
      };
      let step = 0;
      let end: 'crashed' | 'played' = 'played';
      for (; step < HISTORY.length && end === 'played'; step++) {
        const played = playOne(HISTORY[step]!, monitor, clock).then(() => 'played' as const);
        played.catch(() => undefined);
        end = await Promise.race([played, crash]);
      }
      monitor.crash();
      if (end === 'played') break;
      crashes += 1;
      const again = await TestMonitor.open({ store: memory, clock, settings: HISTORY_SETTINGS });
      await assertWhole(memory, clock, again, `after a crash at call ${at}`);
      await play(HISTORY.slice(step - 1), again, clock);
      await assertWhole(memory, clock, again, `at the end, after a crash at call ${at}`);
      for (const job_id of JOBS) {
        const found = again.engine.state.job(job_id) ?? (await readArchivedJob(memory, again.engine.state, job_id));
        const submitted = again.engine.state.scalars.next_ordinal > 0;
        assert.ok(found || !submitted, `${job_id} is lost after a crash at call ${at}`);
      }
      await again.stop();
    }
    assert.ok(crashes * STEP > 200, `only ${crashes} crashes`);
  });
}

test('a store that fails any one call to the views or the archive only delays it', async () => {
  for (let at = 1; ; at += STEP) {
    const { clock, memory, store, monitor } = await open();
    let calls = 0;
    let failed = false;
    store.onCall = (call, done) => {
      if (done || !OURS.test(call.key)) return undefined;
      calls += 1;
      if (calls !== at) return undefined;
      failed = true;
      throw new StoreError('unavailable', 'store_unavailable', 'later');
    };
    for (const step of HISTORY) {
      // A duty of the monitor would be repeated.
      await playOne(step, monitor, clock).catch(() => playOne(step, monitor, clock));
    }
    await monitor.publisher.flush().catch(() => undefined);
    await assertWhole(memory, clock, monitor, `after call ${at} failed`);
    await monitor.stop();
    if (!failed) break;
  }
});
