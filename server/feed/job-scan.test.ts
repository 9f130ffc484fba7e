/** One pass finds the jobs of all waiting filters, in slices, and the events of that time are not lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../clock.ts';
import { JobScan } from './job-scan.ts';
import { openFeed, TestReader } from './testing-feed.ts';

test('all waiting filters share one pass over the jobs', async () => {
  const { monitor } = await openFeed();
  for (let n = 0; n < 20; n += 1) await monitor.submit(`job-${n}`);
  let passes = 0;
  const clock: Clock = { now: () => 0, monotonic: () => 0, after: () => () => {} };
  const scan = new JobScan(clock, () => {
    passes += 1;
    return { state: monitor.engine.state, position: { seq: 21, index: -1 } };
  });
  const found = await Promise.all(
    Array.from({ length: 100 }, (_, n) => scan.find(n % 2 === 0 ? { priority: 'normal' } : { tag: `t-${n}` })),
  );
  assert.equal(passes, 1);
  assert.deepEqual(
    found.slice(0, 2).map(({ jobs }) => jobs.length),
    [20, 0],
  );
  await scan.find({ priority: 'normal' });
  assert.equal(passes, 2);
  await monitor.stop();
});

test('a scan of many jobs takes several turns of the event loop', async () => {
  const { monitor } = await openFeed();
  await monitor.submit(...Array.from({ length: 2_000 }, (_, n) => `job-${n}`));
  let now_ms = 0;
  const clock: Clock = { now: () => 0, monotonic: () => (now_ms += 10), after: () => () => {} };
  const scan = new JobScan(clock, () => ({ state: monitor.engine.state, position: { seq: 2, index: -1 } }));
  let turns = 0;
  let done = false;
  const count = () => {
    turns += 1;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  const { jobs } = await scan.find({ tag: 'none of them' });
  done = true;
  assert.deepEqual([jobs.length, turns >= 7], [0, true]);
  await monitor.stop();
});

test('a pass ends before the next begins', async () => {
  const { monitor } = await openFeed();
  for (let n = 0; n < 3; n += 1) await monitor.submit(...Array.from({ length: 1_000 }, (_, i) => `job-${n}-${i}`));
  let now_ms = 0;
  const clock: Clock = { now: () => 0, monotonic: () => (now_ms += 10), after: () => () => {} };
  const ended: string[] = [];
  let second: Promise<unknown> | undefined;
  const scan = new JobScan(clock, () => {
    // Added during the first pass, which it would finish long before.
    second ??= scan.find({ priority: 'normal' }).then(() => ended.push('second'));
    return { state: monitor.engine.state, position: { seq: 4, index: -1 } };
  });
  await scan.find({ tag: 'none of them' }).then(() => ended.push('first'));
  await second;
  assert.deepEqual(ended, ['first', 'second']);
  await monitor.stop();
});

test('events during the scan of a subscription are sent after its jobs, nothing twice', async () => {
  const { monitor, hub } = await openFeed();
  await monitor.submit('job-1');
  const reader = new TestReader(hub);
  const following = reader.follow('jobs', { filter: { priority: 'normal' } });
  const submitted = (async () => {
    for (let n = 2; n < 30; n += 1) await monitor.submit(`job-${n}`);
  })();
  await Promise.all([following, submitted]);
  const [first, ...rest] = reader.messages;
  assert.equal(first.type, 'state');
  const known = first.items.map(({ job_id }: { job_id: string }) => job_id);
  const updated = rest.filter(({ state }) => state === 'QUEUED').map(({ job_id }) => job_id);
  assert.deepEqual([...known, ...updated].sort(), Array.from({ length: 29 }, (_, n) => `job-${n + 1}`).sort());
  await monitor.stop();
});
