/** What a subscription receives: first, on resuming, and after gaps. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { segmentKey } from '../journal/keys.ts';
import { MemoryStore } from '../objects/memory.ts';
import { forgetJobs } from '../state-machine/testing.ts';
import { settled, TurnedClock } from '../testing-clock.ts';
import { SENT_MAX } from './outbox.ts';
import { jobUpdatesOf, openFeed, TestReader } from './testing-feed.ts';

const BEGINNING = { seq: 1, index: -1 };

test('the first message is the current state, then come its changes, nothing twice', async () => {
  const { monitor, hub } = await openFeed();
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  const reader = new TestReader(hub);
  await reader.follow('job', { id: 'job-1' });
  assert.equal(reader.messages[0].type, 'state');
  assert.equal(reader.messages[0].state, 'QUEUED');
  await monitor.claim('worker-1');
  await monitor.complete('job-1');
  await monitor.submit('job-2');
  assert.deepEqual(
    reader.messages.map(({ type, state, seq }) => [type, state, seq]),
    [
      ['state', 'QUEUED', 3],
      ['update', 'PROCESSING', 3],
      ['update', 'COMPLETED', 4],
    ],
  );
  await monitor.stop();
});

test('a reader that resumes gets exactly the missed events from memory', async () => {
  const feed = await openFeed();
  const { monitor, hub } = feed;
  await monitor.submit('job-1', 'job-2', 'job-3');
  for (const since of [BEGINNING, { seq: 0, index: -1 }, { seq: 1, index: 2 }, hub.position]) {
    const reader = new TestReader(hub);
    await reader.follow('jobs', { since });
    assert.deepEqual(reader.positions, await jobUpdatesOf(feed, since));
    assert.ok(reader.messages.every(({ type }) => type === 'update'));
  }
  await monitor.stop();
});

test('a reader that resumes after a restart gets exactly the missed events from the segments', async () => {
  const before = await openFeed();
  const live = new TestReader(before.hub);
  await live.follow('jobs', { since: BEGINNING });
  await before.monitor.register('worker-1');
  for (let i = 0; i < 40; i += 1) await before.monitor.submit(`job-${i}`);
  await before.monitor.claim('worker-1', 10);
  await before.monitor.complete('job-3');
  await before.monitor.stop();

  const after = await openFeed(before.store, before.clock);
  const back = new TestReader(after.hub);
  await back.follow('jobs', { since: BEGINNING });
  assert.equal(back.messages.length, 40 * 2 + 10 + 1);
  assert.deepEqual(back.messages, live.messages);
  await after.monitor.submit('job-live');
  assert.equal(back.messages.at(-1).job_id, 'job-live');
  await after.monitor.stop();
});

test('no event is lost between catching up and following, whenever a segment arrives', async () => {
  const before = await openFeed();
  for (let i = 0; i < 20; i += 1) await before.monitor.submit(`old-${i}`);
  await before.monitor.stop();
  const after = await openFeed(before.store, before.clock);
  const reader = new TestReader(after.hub);
  const following = reader.follow('jobs', { since: BEGINNING });
  // A segment arrives at each step of the catch-up.
  const submitted = (async () => {
    for (let i = 0; i < 200; i += 1) await after.monitor.submit(`new-${i}`);
  })();
  await Promise.all([following, submitted]);
  assert.deepEqual(reader.positions, await jobUpdatesOf(after, BEGINNING));
  await after.monitor.stop();
});

test('a truncated position is a reset with the current state', async () => {
  const before = await openFeed();
  await before.monitor.submit('job-1');
  await before.monitor.submit('job-2');
  await before.monitor.stop();
  const after = await openFeed(before.store, before.clock);
  await after.store.delete(segmentKey(1));
  const reader = new TestReader(after.hub);
  await reader.follow('jobs', { since: BEGINNING });
  assert.equal(reader.messages.length, 1);
  assert.equal(reader.messages[0].type, 'reset');
  assert.deepEqual(
    reader.messages[0].items.map(({ job_id }: { job_id: string }) => job_id),
    ['job-2', 'job-1'],
  );
  assert.deepEqual(reader.positions, [after.hub.position]);
  await after.monitor.stop();
});

test('a position in the future is looked up at the tail, then a reset', async () => {
  const { monitor, hub } = await openFeed();
  await monitor.submit('job-1');
  let catch_ups = 0;
  const reader = new TestReader(hub, {
    catchUp: async () => {
      catch_ups += 1;
      // Another instance's segment is read here.
      if (catch_ups === 1) await monitor.submit('job-2');
    },
  });
  await reader.follow('jobs', { since: { seq: 3, index: -1 } });
  assert.equal(reader.messages.length, 0, 'it was only a moment ahead of this instance');
  await reader.follow('jobs', { since: { seq: 100, index: 0 } });
  assert.equal(catch_ups, 2);
  assert.equal(reader.messages[0].type, 'reset');
  await monitor.stop();
});

test('the journal is read only up to the last change of the job', async () => {
  const before = await openFeed();
  await before.monitor.submit('quiet');
  for (let i = 0; i < 30; i += 1) await before.monitor.submit(`job-${i}`);
  await before.monitor.stop();
  const after = await openFeed(before.store, before.clock);
  const read: number[] = [];
  const eventsOf = after.monitor.engine.eventsOf.bind(after.monitor.engine);
  after.monitor.engine.eventsOf = (seq: number) => {
    read.push(seq);
    return eventsOf(seq);
  };
  const reader = new TestReader(after.hub);
  await reader.follow('job', { id: 'quiet', since: { seq: 2, index: -1 } });
  assert.deepEqual(read, []);
  const last = new TestReader(after.hub);
  await last.follow('job', { id: 'quiet', since: { seq: 1, index: 0 } });
  assert.deepEqual(read, [1]);
  assert.deepEqual(last.positions, [{ seq: 1, index: 1 }]);
  await after.monitor.do({ type: 'cancel_job', job_id: 'quiet' });
  assert.deepEqual(
    reader.messages.map(({ state }) => state),
    ['CANCELLED'],
  );
  await after.monitor.stop();
});

test('the state of an archived job comes from the archive', async () => {
  const { monitor, hub } = await openFeed();
  await monitor.register('worker-1');
  await monitor.submit('job-1');
  await monitor.claim('worker-1');
  await monitor.complete('job-1');
  const record = monitor.job('job-1');
  await monitor.do(forgetJobs([record], monitor.engine.journal.now()));
  assert.equal(monitor.engine.state.job('job-1'), undefined);
  const reader = new TestReader(hub, { job: async () => record });
  await reader.follow('job', { id: 'job-1' });
  assert.equal(reader.messages[0].state, 'COMPLETED');
  assert.equal(reader.messages[0].percentage, 100);
  await monitor.stop();
});

test('a filter matches archived jobs too', async () => {
  const { monitor, hub } = await openFeed();
  await monitor.do({
    type: 'submit_jobs',
    jobs: [
      { job_id: 'job-1', audio_url: 's3://audio/1.mp3', priority: 'high' },
      { job_id: 'job-2', audio_url: 's3://audio/2.mp3', priority: 'low' },
    ],
  });
  for (const job_id of ['job-1', 'job-2']) await monitor.do({ type: 'cancel_job', job_id });
  const records = new Map(['job-1', 'job-2'].map((id) => [id, monitor.job(id)]));
  await monitor.do(forgetJobs([...records.values()], monitor.engine.journal.now()));
  const reader = new TestReader(hub, { job: async (id) => records.get(id) });
  await reader.follow('jobs', { filter: { priority: 'high' }, since: BEGINNING });
  assert.deepEqual(
    reader.messages.map(({ job_id, state }) => `${job_id} ${state}`),
    ['job-1 SUBMITTED', 'job-1 QUEUED', 'job-1 CANCELLED'],
  );
  await monitor.stop();
});

test('without a filter no archived job is read; with one, each archived job is read once', async () => {
  const { monitor, hub } = await openFeed();
  await monitor.submit('job-1');
  await monitor.do({ type: 'cancel_job', job_id: 'job-1' });
  const record = monitor.job('job-1');
  await monitor.do(forgetJobs([record], monitor.engine.journal.now()));
  const read: string[] = [];
  const job = async (id: string) => {
    read.push(id);
    return record;
  };
  await new TestReader(hub, { job }).follow('jobs', { since: BEGINNING });
  assert.deepEqual(read, []);
  await new TestReader(hub, { job }).follow('jobs', { filter: { priority: 'normal' }, since: BEGINNING });
  assert.deepEqual(read, ['job-1']);
  await monitor.stop();
});

test('a reader that is slow while it catches up is waited for, not disconnected', async () => {
  const feed = await openFeed();
  const { monitor, hub } = feed;
  const names = Array.from({ length: 3_000 }, (_, i) => `job-${i}`);
  for (let i = 0; i < names.length; i += 1000) await monitor.submit(...names.slice(i, i + 1000));
  const reader = new TestReader(hub);
  reader.reads = false;
  const following = reader.follow('jobs', { since: BEGINNING });
  await settled();
  assert.ok(JSON.stringify(reader.messages).length < 2 * SENT_MAX, 'it is sent more than it reads');
  reader.catchUp();
  await following;
  assert.equal(reader.resume, undefined);
  assert.deepEqual(reader.positions, await jobUpdatesOf(feed, BEGINNING));
  await monitor.stop();
});

test('a reader disconnected as too slow resumes from the position it got, without loss or repetition', async () => {
  const feed = await openFeed();
  const { monitor, hub } = feed;
  const slow = new TestReader(hub);
  await slow.follow('jobs', { since: BEGINNING });
  slow.reads = false;
  for (let i = 0; slow.resume === undefined; i += 1)
    await monitor.submit(...Array.from({ length: 500 }, (_, j) => `job-${i}-${j}`));
  const back = new TestReader(hub);
  await back.follow('jobs', { since: slow.resume! });
  assert.deepEqual([...slow.positions, ...back.positions], await jobUpdatesOf(feed, BEGINNING));
  await monitor.stop();
});

test('a replaced fold is a reset, also of a job that has left memory meanwhile', async () => {
  const { monitor, hub } = await openFeed();
  await monitor.submit('job-1');
  const record = monitor.job('job-1');
  const reader = new TestReader(hub, { job: async () => ({ ...record, state: 'CANCELLED' }) });
  await reader.follow('job', { id: 'job-1' });
  await reader.follow('jobs');
  // As after a snapshot that overtook this instance.
  monitor.engine.reset();
  await settled();
  assert.deepEqual(
    reader.messages.slice(2).map(({ type, resource, state, items }) => [type, resource, state ?? items]),
    [
      ['reset', 'jobs', []],
      ['reset', 'job', 'CANCELLED'],
    ],
  );
  monitor.crash();
});

test('a store that cannot be read fails this subscription alone', async () => {
  const before = await openFeed();
  await before.monitor.submit('job-1');
  await before.monitor.stop();
  const after = await openFeed(before.store, before.clock);
  after.monitor.engine.eventsOf = async () => {
    throw new Error('refused');
  };
  const reader = new TestReader(after.hub);
  await reader.follow('jobs', { since: BEGINNING });
  assert.equal(reader.faults.length, 1);
  await reader.follow('jobs');
  assert.equal(reader.messages[0].type, 'state');
  await after.monitor.stop();
});

test('a subscription that ended while it was catching up sends nothing more', async () => {
  const before = await openFeed(new MemoryStore(new TurnedClock('2026-01-01T00:00:00Z')));
  await before.monitor.submit('job-1');
  await before.monitor.stop();
  const after = await openFeed(before.store, before.clock);
  const reader = new TestReader(after.hub);
  let release = (_: readonly never[]) => {};
  after.monitor.engine.eventsOf = () => new Promise((resolve) => (release = resolve));
  const following = reader.follow('jobs', { since: BEGINNING });
  reader.outbox.close();
  release([]);
  await following;
  assert.deepEqual(reader.messages, []);
  await after.monitor.stop();
});

test('a fault after a subscription has ended is not reported', async () => {
  const { monitor, hub } = await openFeed();
  const reader = new TestReader(hub);
  const subscription = await reader.follow('jobs');
  subscription.fault(new Error('while it lasts'));
  assert.equal(reader.faults.length, 1);
  subscription.end();
  subscription.fault(new Error('afterwards'));
  assert.equal(reader.faults.length, 1);
  await monitor.stop();
});

test('a subscription that has ended receives nothing more', async () => {
  const { monitor, hub } = await openFeed();
  const reader = new TestReader(hub);
  const subscription = await reader.follow('jobs');
  assert.equal(subscription.live, true);
  subscription.end();
  assert.equal(subscription.live, false);
  await monitor.submit('job-1');
  assert.equal(reader.messages.length, 1);
  await monitor.stop();
});

test('a subscription that ends before its first message can be sent sends none', async () => {
  const { monitor, hub } = await openFeed();
  const reader = new TestReader(hub);
  reader.reads = false;
  reader.outbox.reply('{}'.padEnd(SENT_MAX));
  const subscription = await reader.follow('jobs');
  subscription.end();
  reader.catchUp();
  await settled();
  assert.equal(reader.messages.length, 1);
  await monitor.submit('job-1');
  assert.equal(reader.messages.length, 1);
  await monitor.stop();
});
