/** Views that an instance wrote late, before it ended: they correspond to nothing in any fold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import { MemoryStore } from '../objects/memory.ts';
import { TurnedClock } from '../testing-clock.ts';
import { keysIn, rebuiltFrom, TestMonitor, viewsIn, WatchedStore } from './testing-monitor.ts';

class SharedStore extends MemoryStore {
  override readonly shared: boolean = true;
}

async function open() {
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const store = new SharedStore(clock);
  const watched = new WatchedStore(store);
  const settings = { finished_max: 0, dlq_window_ms: HOUR_MS };
  const one = await TestMonitor.open({ store: watched, clock, settings, shared: true });
  return { clock, store, watched, settings, one };
}

async function drain(monitor: TestMonitor): Promise<void> {
  while ((await monitor.archive.runOnce()) > 0);
  await monitor.publisher.flush();
}

/** Every view of this moment is written again later, if no other has its place by then. */
async function putBackLater(store: MemoryStore): Promise<() => Promise<string[]>> {
  const views = new Map<string, Uint8Array>();
  for (const prefix of ['jobs/', 'alerts/']) {
    for (const key of await keysIn(store, prefix)) {
      const there = await store.get(key);
      if (there.found) views.set(key, there.bytes);
    }
  }
  return async () => {
    const late: string[] = [];
    for (const [key, bytes] of views) if ((await store.putIfAbsent(key, bytes)).created) late.push(key);
    return late;
  };
}

test('views of jobs, dead letters and alerts that a late writer restores are removed, and no others', async () => {
  const { clock, store, one } = await open();
  await one.do({ type: 'launch_worker', worker_id: 'worker-2', launch: {} });
  await one.register('worker-1');
  await one.submit('job-1', 'job-2', 'job-3');
  await one.claim('worker-1', 2);
  await one.fail('job-2');
  await clock.turn(HOUR_MS / 4);
  await one.tick('alert-1', 'alert-2', 'alert-3');
  await one.publisher.flush();
  assert.ok((await keysIn(store, 'alerts/active/')).length > 0);
  assert.ok((await keysIn(store, 'jobs/failed/')).includes('jobs/failed/job-2/state.json'));
  const putBack = await putBackLater(store);
  await one.complete('job-1');
  await one.do({ type: 'cancel_job', job_id: 'job-3' });
  await clock.turn(2 * HOUR_MS);
  await one.tick();
  for (const id of one.engine.state.tables.alerts.keys())
    await one.do({ type: 'resolve_alert', alert_id: id, by: 'me' });
  await drain(one);
  const late = await putBack();
  const folders = new Set(late.map((key) => key.split('/').slice(0, 2).join('/')));
  for (const folder of ['jobs/active', 'jobs/failed', 'alerts/active']) assert.ok(folders.has(folder), folder);
  await clock.turn(DAY_MS);
  await drain(one);
  assert.deepEqual(await viewsIn(store), (await rebuiltFrom(store, clock)).views);
  await one.stop();
});

test('an active job that this instance does not know yet is no stray', async () => {
  const { clock, store, settings, one } = await open();
  await drain(one);
  const other = await TestMonitor.open({ store, clock, settings, shared: true });
  await clock.turn(DAY_MS);
  await other.submit('job-9');
  await other.publisher.flush();
  assert.equal(one.engine.state.job('job-9'), undefined);
  await drain(one);
  assert.ok(one.engine.state.job('job-9'), 'it read the journal on before it decided');
  assert.deepEqual(await viewsIn(store), (await rebuiltFrom(store, clock)).views);
  for (const monitor of [one, other]) await monitor.stop();
});

test('many ended jobs do not cost a list each: the folders of the years are skipped', async () => {
  const { clock, watched, one } = await open();
  await one.register('worker-1');
  for (let n = 0; n < 30; n++) {
    await one.submit(`job-${n}`);
    await one.claim('worker-1');
    await one.fail(`job-${n}`);
    await clock.turn(HOUR_MS);
  }
  await drain(one);
  await clock.turn(DAY_MS);
  watched.calls.length = 0;
  await drain(one);
  const lists = watched.calls.filter(({ name, key }) => name === 'list' && key.startsWith('jobs/failed/'));
  assert.equal(lists.length, 3, 'one before and one after the year, and one for the expiring views');
  await one.stop();
});
