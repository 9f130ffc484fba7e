/** Polling for notices: how often, what is passed on, and what failures do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepClock } from '../testing-clock.ts';
import { Ec2Notices } from './ec2-notices.ts';
import type { Notice } from './notice.ts';
import { NoticeWatch } from './notice-watch.ts';
import { TestEc2Metadata } from './testing-ec2-metadata.ts';

const NOW_MS = Date.parse('2025-07-07T20:00:00Z');
/** So that a busy machine is no failure. */
const PATIENT_MS = 60_000;

async function watch(t: Parameters<typeof TestEc2Metadata.start>[0], { expected = false } = {}) {
  const metadata = await TestEc2Metadata.start(t);
  const clock = new StepClock(NOW_MS);
  const lines: string[] = [];
  const told: Notice[] = [];
  const watched = new NoticeWatch({
    source: new Ec2Notices({ endpoint: metadata.url, expected, clock, timeout_ms: PATIENT_MS }),
    clock,
    log: ({ message, error }) => lines.push(error === undefined ? message : `${message}: ${error}`),
  });
  t.after(() => watched.stop());
  watched.subscribe((notice) => told.push(notice));
  return { metadata, clock, lines, told, watched };
}

test('it polls every five seconds, and passes each kind of notice on once; an interruption is the last', async (t) => {
  const { metadata, clock, lines, told, watched } = await watch(t);
  const done = watched.run();
  assert.equal(await clock.step(), 5_000);
  assert.equal(await clock.step(), 5_000);
  await clock.waiting();
  assert.deepEqual(told, []);
  metadata.recommendRebalance('2025-07-07T20:00:10Z');
  await clock.step();
  await clock.waiting();
  metadata.recommendRebalance('2025-07-07T20:00:20Z');
  await clock.step();
  await clock.waiting();
  metadata.interrupt('2025-07-07T20:03:20Z');
  await clock.step();
  await done;
  assert.deepEqual(
    told.map(({ reason }) => reason),
    ['rebalance recommendation at 2025-07-07T20:00:10Z', 'spot interruption at 2025-07-07T20:03:20Z'],
  );
  assert.deepEqual(lines, []);
  const late: Notice[] = [];
  watched.subscribe((notice) => late.push(notice));
  assert.deepEqual(late, told.slice(1), 'who subscribes later gets the one in force');
});

test('elsewhere than on EC2 it asks once, and logs nothing', async (t) => {
  const { metadata, lines, watched } = await watch(t);
  metadata.fail = () => 404;
  await watched.run();
  assert.deepEqual([metadata.requests, lines], [['PUT /latest/api/token 404'], []]);
});

test('failures are logged once, and the next poll asks again', async (t) => {
  const { metadata, clock, lines, told, watched } = await watch(t, { expected: true });
  metadata.fail = () => 503;
  const done = watched.run();
  await clock.step();
  await clock.waiting();
  metadata.fail = () => undefined;
  metadata.interruption = '<html>';
  await clock.step();
  await clock.step();
  await clock.waiting();
  metadata.interrupt('2025-07-07T20:03:20Z');
  await clock.step();
  await done;
  assert.equal(told.length, 1);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^interruption notices cannot be read now: .*status 503/);
});

test('a recommendation that was there at the start is ignored, a later one is not; an interruption never is', async (t) => {
  const { metadata, clock, lines, told, watched } = await watch(t);
  metadata.recommendRebalance('2025-07-07T19:00:00Z');
  void watched.run();
  await clock.step();
  await clock.waiting();
  assert.deepEqual(told, []);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^rebalance recommendation at 2025-07-07T19:00:00Z: ignored/);
  metadata.recommendRebalance('2025-07-07T20:00:05Z');
  await clock.step();
  await clock.waiting();
  assert.equal(told.length, 1);

  const second = await watch(t);
  second.metadata.interrupt('2025-07-07T20:01:00Z');
  await second.watched.run();
  assert.equal(second.told[0]?.kind, 'interruption');
});

test('it stops while it waits for a response, and while it pauses', async (t) => {
  const { metadata, watched, lines } = await watch(t, { expected: true });
  const asked = new Promise<void>((resolve) => {
    metadata.fail = () => {
      resolve();
      return 0;
    };
  });
  const done = watched.run();
  await asked;
  watched.stop();
  await done;
  assert.deepEqual(lines, []);

  const pausing = await watch(t);
  const paused = pausing.watched.run();
  await pausing.clock.waiting();
  pausing.watched.stop();
  await paused;
});
