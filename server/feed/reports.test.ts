/** Progress that waits for the journal: followers receive it when it is accepted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled, TurnedClock } from '../testing-clock.ts';
import { openFeed, type TestFeed, TestReader } from './testing-feed.ts';

const CLOCK = () => new TurnedClock('2026-01-01T00:00:00Z');

async function openHeld(): Promise<TestFeed> {
  const feed = await openFeed(undefined, CLOCK(), { reports: true });
  await feed.monitor.register('worker-1');
  await feed.monitor.submit('job-1', 'job-2');
  await feed.monitor.claim('worker-1', 2);
  return feed;
}

const percentagesOf = ({ messages }: TestReader) => messages.map(({ type, percentage }) => [type, percentage]);

test('a report is sent when it is accepted, and again once it is in the journal', async () => {
  const { clock, monitor, hub } = await openHeld();
  const reader = new TestReader(hub);
  await reader.follow('job', { id: 'job-1' });
  monitor.progress('job-1', 10);
  monitor.progress('job-1', 20);
  monitor.progress('job-2', 30);
  await settled();
  const before = [
    ['state', 0],
    ['progress', 10],
    ['progress', 20],
  ];
  assert.deepEqual(percentagesOf(reader), before);
  assert.equal(reader.messages[2].stage, 'TRANSCRIBING');
  await clock.turn(20);
  assert.deepEqual(percentagesOf(reader), [...before, ['update', 20]]);
  await monitor.stop();
});

test('a reader that comes back with the position of a report misses and repeats nothing', async () => {
  const { clock, monitor, hub } = await openHeld();
  const reader = new TestReader(hub);
  await reader.follow('jobs', { filter: { worker_id: 'worker-1' } });
  await monitor.complete('job-2');
  monitor.progress('job-1', 10);
  await settled();
  const { type, seq, index } = reader.messages.at(-1);
  assert.equal(type, 'progress');
  const back = new TestReader(hub);
  await back.follow('jobs', { since: { seq, index } });
  assert.deepEqual(back.messages, []);
  await clock.turn(20);
  await monitor.complete('job-1');
  assert.deepEqual(
    back.messages.map(({ event, job_id }) => [event, job_id]),
    [
      ['JobProgressed', 'job-1'],
      ['JobCompleted', 'job-1'],
    ],
  );
  await monitor.stop();
});

test('a connection that follows a job and all jobs receives a report once', async () => {
  const { monitor, hub } = await openHeld();
  const reader = new TestReader(hub);
  const sent = { last: null };
  await reader.follow('job', { id: 'job-1', sent });
  await reader.follow('jobs', { sent });
  monitor.progress('job-1', 10);
  await settled();
  assert.equal(reader.messages.filter(({ type }) => type === 'progress').length, 1);
  await monitor.stop();
});

test('a report that the journal refuses is not sent', async () => {
  const { monitor, hub } = await openHeld();
  const reader = new TestReader(hub);
  await reader.follow('job', { id: 'job-1' });
  const report = { lease_token: 'of another attempt', percentage: 50 };
  monitor.soft({ type: 'report_progress', job_id: 'job-1', report });
  await settled();
  assert.deepEqual(percentagesOf(reader), [['state', 0]]);
  await monitor.stop();
});
