/** Several publishers on one store leave the views that one of them would have written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../clock.ts';
import { MemoryStore } from '../objects/memory.ts';
import { StoreError } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { rebuiltFrom, TestMonitor, viewsIn, WatchedStore } from './testing-monitor.ts';

test('two instances on one store leave the views of one, also if one archives what the other has yet to write', async () => {
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const store = new MemoryStore(clock);
  const settings = { finished_max: 0 };
  const one = await TestMonitor.open({ store, clock, settings, shared: true });
  const slow = new WatchedStore(store);
  const other = await TestMonitor.open({ store: slow, clock, settings, shared: true });
  await one.register('worker-1');
  await one.submit('job-1', 'job-2');
  await one.claim('worker-1', 2);
  await other.engine.journal.catchUp();
  // The other's first put of the job arrives after the job has ended and the end was published.
  slow.onCall = (call, done) => (!done && call.key.startsWith('jobs/active/job-1/') ? sleep(clock, 20_000) : undefined);
  await clock.turn(2_000);
  await one.complete('job-1');
  await one.terminate('worker-1');
  await clock.turn(2_000);
  assert.equal(await one.archive.runOnce(), 1);
  slow.onCall = () => undefined;
  await clock.turn(120_000);
  for (const monitor of [one, other]) await monitor.publisher.flush();
  assert.equal(other.engine.state.seq, one.engine.state.seq);
  assert.deepEqual(await viewsIn(store), (await rebuiltFrom(store, clock)).views);
  for (const monitor of [one, other]) await monitor.stop();
});

test('an instance whose fold a snapshot replaces corrects late views of records that have left memory meanwhile', async () => {
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const store = new MemoryStore(clock);
  const settings = { finished_max: 0, retention_ms: 600_000, job_views_days: 0 };
  const one = await TestMonitor.open({ store, clock, settings, shared: true });
  const slow = new WatchedStore(store);
  const other = await TestMonitor.open({ store: slow, clock, settings, shared: true });
  await one.register('worker-1');
  await one.register('worker-2');
  await one.submit('job-1', 'job-2');
  await one.claim('worker-1', 2);
  await other.engine.journal.catchUp();
  const known = other.engine.state.seq;
  // The other instance no longer reads the journal, and its views arrive late.
  slow.onCall = (call, done) => {
    if (call.key.startsWith('journal/')) throw new StoreError('unavailable', 'store_unavailable', 'later');
    return !done && /^(jobs|workers)\/active\//.test(call.key) ? sleep(clock, 60_000) : undefined;
  };
  await clock.turn(2_000);
  await one.complete('job-1');
  await one.terminate('worker-1');
  await clock.turn(2_000);
  assert.equal(await one.archive.runOnce(), 1);
  await one.engine.journal.snapshot();
  await one.submit('job-3');
  await one.engine.journal.snapshot();
  await clock.turn(900_000);
  assert.ok((await one.engine.journal.truncate()) > 0);
  assert.equal(other.engine.state.seq, known);
  slow.onCall = () => undefined;
  await clock.turn(300_000);
  for (const monitor of [one, other]) await monitor.publisher.flush();
  assert.equal(other.engine.state.seq, one.engine.state.seq);
  assert.deepEqual(await viewsIn(store), (await rebuiltFrom(store, clock)).views);
  for (const monitor of [one, other]) await monitor.stop();
});
