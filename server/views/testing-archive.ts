/** For tests of the archive: monitors whose jobs leave memory at once, and the invariants of their archive. */
import assert from 'node:assert/strict';
import type { Settings } from '../config.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { TurnedClock } from '../testing-clock.ts';
import { archivedJobs } from './archived-jobs.ts';
import { readArchivedJob } from './archived-records.ts';
import { PACKS, SHARDS } from './keys.ts';
import { keysIn, TestMonitor, WatchedStore } from './testing-monitor.ts';

export const NOW = '2025-07-07T19:30:00Z';
export const OLD_STORE_MS = '2025-07-09T13:30:00Z';
export const SOON = { finished_max: 0, view_puts_per_second: 100_000 };

export async function openArchive(settings: Partial<Settings> = {}, sizes?: { index_at: number; shard_max: number }) {
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
export async function end(monitor: TestMonitor, ...job_ids: string[]): Promise<JobRecord[]> {
  await monitor.submit(...job_ids);
  for (const job_id of job_ids) await monitor.do({ type: 'cancel_job', job_id });
  return job_ids.map((job_id) => monitor.job(job_id));
}

export async function drain(monitor: TestMonitor): Promise<void> {
  while ((await monitor.archive.runOnce()) > 0);
}

/** Each is found unchanged by at most two reads, and once in a list; no other is found. */
export async function assertArchive(
  store: ObjectStore,
  state: State,
  jobs: ReadonlyMap<string, JobRecord>,
): Promise<void> {
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

/** Every object in the store is named by the journal, and none that it names is missing. */
export async function assertNamed(store: ObjectStore, { tables }: State): Promise<void> {
  assert.deepEqual(await keysIn(store, PACKS), [...tables.packs.keys()].sort());
  assert.deepEqual(await keysIn(store, SHARDS), [...tables.archive_shards.values()].map(({ key }) => key).sort());
}

/** Small whole numbers, from a seed. */
export function numbers(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}
