/** Lists beyond memory: every archived job once, newest hour first, with pages of any size, at a bounded cost. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FINISHED_STATES } from '../../protocol/job.ts';
import { HOUR_MS } from '../../protocol/time.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import { State } from '../state-machine/state/state.ts';
import { TurnedClock } from '../testing-clock.ts';
import { archivedJobs, archivedPage } from './archived-jobs.ts';
import { archivedJobKey, type FinishedState, finishedJobKey } from './keys.ts';
import { TestMonitor, WatchedStore } from './testing-monitor.ts';

const NOW = '2025-07-07T19:30:00Z';

/** A store with jobs that ended at these times, in turn completed, failed and cancelled, and a state without them. */
async function archiveOf(ends: readonly string[], idOf = (index: number) => `job-${String(index).padStart(5, '0')}`) {
  const clock = new TurnedClock(NOW);
  const store = new WatchedStore(new MemoryStore(clock));
  const jobs: { job_id: string; completed_ms: number; state: FinishedState }[] = [];
  for (const [index, end] of ends.entries()) {
    const completed_ms = Date.parse(end);
    const record = { ordinal: index, version: 1, created_ms: completed_ms, history: [] };
    const job = { job_id: idOf(index), completed_ms, state: FINISHED_STATES[index % 3]!, ...record };
    await store.put(archivedJobKey(job.job_id), Buffer.from(JSON.stringify(job)));
    await store.put(finishedJobKey(job.state, job.completed_ms, job.job_id), Buffer.from('{}'));
    jobs.push(job);
  }
  const state = new State();
  state.scalars.at_ms = clock.now();
  state.scalars.loose_jobs = jobs.length;
  const hour = ({ completed_ms }: { completed_ms: number }) => Math.floor(completed_ms / HOUR_MS);
  const expected = jobs
    .sort((a, b) => hour(b) - hour(a) || (`${a.job_id}.` < `${b.job_id}.` ? -1 : 1))
    .map(({ job_id }) => job_id);
  store.calls.length = 0;
  return { store, state, expected };
}

const lists = (store: WatchedStore) => store.calls.filter(({ name }) => name === 'list').length;

async function all(store: WatchedStore, state: State): Promise<string[]> {
  const ids: string[] = [];
  for await (const { job } of archivedJobs(store, state)) ids.push(job.job_id);
  return ids;
}

const SPREAD = [
  '2025-07-07T19:10:00Z',
  '2025-07-07T19:20:00Z',
  '2025-07-07T19:20:00Z',
  '2025-07-07T03:00:00Z',
  '2025-07-06T23:59:59Z',
  '2025-07-01T00:00:00Z',
  '2025-06-30T23:00:00Z',
  '2025-01-31T12:00:00Z',
  '2024-12-31T23:00:00Z',
  '2023-02-01T05:00:00Z',
  '2023-02-01T05:00:00Z',
];

test('every archived job is listed once, newest hour first', async () => {
  const { store, state, expected } = await archiveOf(SPREAD);
  assert.deepEqual(await all(store, state), expected);
});

test('pages of any size join to the whole list', async () => {
  const { store, state, expected } = await archiveOf(SPREAD);
  for (const limit of [1, 2, 3, 7, 100]) {
    const ids: string[] = [];
    let before: string | undefined;
    for (;;) {
      const page = await archivedPage(store, state, { before, limit });
      ids.push(...page.jobs.map(({ job_id }) => job_id));
      if (page.next === null) break;
      before = page.next;
    }
    assert.deepEqual(ids, expected, `limit ${limit}`);
  }
});

test('a position returned by archivedJobs continues right after it', async () => {
  const { store, state, expected } = await archiveOf(SPREAD);
  for await (const { job, position } of archivedJobs(store, state)) {
    const rest: string[] = [];
    for await (const later of archivedJobs(store, state, position)) rest.push(later.job.job_id);
    assert.deepEqual(rest, expected.slice(expected.indexOf(job.job_id) + 1));
  }
});

test('within an hour ids that are prefixes of each other keep the order of their keys', async () => {
  const ids = ['a', 'a-b', 'a_b', 'a0', 'A', 'b', 'ab'];
  const { store, state, expected } = await archiveOf(
    ids.map(() => '2025-07-07T19:00:00Z'),
    (index) => ids[index]!,
  );
  assert.deepEqual(await all(store, state), expected);
  const page = await archivedPage(store, state, { limit: 3 });
  const rest = await archivedPage(store, state, { limit: 10, before: page.next! });
  assert.deepEqual(
    [...page.jobs, ...rest.jobs].map(({ job_id }) => job_id),
    expected,
  );
});

test('a state filter lists only jobs with that end', async () => {
  const { store, state } = await archiveOf(SPREAD);
  const page = await archivedPage(store, state, { limit: 100, states: ['FAILED'] });
  assert.deepEqual([...new Set(page.jobs.map((job) => job.state))], ['FAILED']);
  assert.equal(page.jobs.length, 4);
});

test('jobs that are in memory, and views of jobs that are not archived, are left out', async () => {
  const { store, state, expected } = await archiveOf(SPREAD);
  state.tables.jobs.set(expected[2]!, {} as JobRecord);
  await store.delete(archivedJobKey(expected[3]!));
  assert.deepEqual(
    await all(store, state),
    expected.filter((_, index) => index !== 2 && index !== 3),
  );
});

test('an empty archive costs nothing; with counted but missing jobs it costs one list per state', async () => {
  const { store, state } = await archiveOf([]);
  const empty = { jobs: [], next: null, unreadable: [] };
  assert.deepEqual(await archivedPage(store, state, { limit: 100 }), empty);
  assert.equal(store.calls.length, 0);
  state.scalars.loose_jobs = 1;
  assert.deepEqual(await archivedPage(store, state, { limit: 100 }), empty);
  assert.equal(lists(store), 3);
});

test('two years without a job cost a list a month', async () => {
  const { store, state, expected } = await archiveOf(['2023-07-01T00:00:00Z']);
  const page = await archivedPage(store, state, { limit: 100 });
  assert.deepEqual(
    page.jobs.map(({ job_id }) => job_id),
    expected,
  );
  assert.ok(lists(store) <= 25 + 4, `${lists(store)} lists`);
});

test('a page exceeds its bound of lists by at most a few, and the next page continues from there', async () => {
  const ends = Array.from(
    { length: 40 },
    (_, index) => `20${String(10 + Math.floor(index / 4))}-0${(index % 4) + 1}-15T00:00:00Z`,
  );
  const { store, state, expected } = await archiveOf(ends);
  const ids: string[] = [];
  let pages = 0;
  for (let before: string | undefined; ; pages++) {
    store.calls.length = 0;
    const page = await archivedPage(store, state, { before, limit: 1000, lists_max: 50 });
    assert.ok(lists(store) <= 55, `${lists(store)} lists`);
    ids.push(...page.jobs.map(({ job_id }) => job_id));
    if (page.next === null) break;
    before = page.next;
  }
  assert.ok(pages > 1);
  assert.deepEqual(ids, expected);
});

test('a filter without matches reads at most reads_max per page', async () => {
  const { store, state } = await archiveOf(Array.from({ length: 100 }, () => '2025-07-07T19:00:00Z'));
  const page = await archivedPage(store, state, { limit: 10, test: () => false, reads_max: 32 });
  assert.deepEqual(page.jobs, []);
  assert.notEqual(page.next, null);
  assert.ok(store.calls.filter(({ name }) => name === 'get').length <= 48);
});

test('a day with more jobs than one list returns is listed by the hour, without omissions', async () => {
  const ends = Array.from({ length: 3_300 }, (_, index) =>
    new Date(Date.UTC(2025, 6, 6, index % 5 === 0 ? 2 : 20)).toISOString(),
  );
  const { store, state, expected } = await archiveOf(ends);
  const page = await archivedPage(store, state, { limit: 50 });
  assert.deepEqual(
    page.jobs.map(({ job_id }) => job_id),
    expected.slice(0, 50),
  );
  assert.ok(lists(store) <= 30, `${lists(store)} lists`);
  assert.deepEqual(await all(store, state), expected);
});

test('an invalid position is refused with a hint', async () => {
  const { store, state } = await archiveOf([]);
  for (const before of ['', 'x', '2025-07-07', '2025-13-07T19/job-1', '2025-07-07T19/../x', '2025-07-07T19/a/b']) {
    await assert.rejects(archivedPage(store, state, { before, limit: 1 }), { code: 'invalid_cursor' }, before);
  }
});

test('jobs of a real monitor are listed as it archived them', async () => {
  const clock = new TurnedClock(NOW);
  const store = new MemoryStore(clock);
  const monitor = await TestMonitor.open({ store, clock, settings: { finished_max: 0 } });
  await monitor.register('worker-1');
  for (let job = 0; job < 5; job++) {
    await monitor.submit(`job-${job}`);
    await monitor.claim('worker-1');
    await monitor.complete(`job-${job}`);
    await clock.turn(HOUR_MS);
    await monitor.archive.runOnce();
  }
  const { jobs, next } = await archivedPage(store, monitor.engine.state, { limit: 10 });
  assert.deepEqual(
    jobs.map(({ job_id }) => job_id),
    ['job-4', 'job-3', 'job-2', 'job-1', 'job-0'],
  );
  assert.equal(next, null);
  await monitor.stop();
});
