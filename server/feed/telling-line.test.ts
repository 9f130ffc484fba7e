/** A segment for many is told over several turns of the event loop, in order, and what needs it done gets it done. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../clock.ts';
import { settled, TurnedClock } from '../testing-clock.ts';
import { TellingLine } from './telling-line.ts';
import { openFeed, TestReader } from './testing-feed.ts';
import type { FeedUpdate } from './updates.ts';

/** On which each look takes 5 ms: a slice ends with the second. */
function slowClock(): Clock {
  let now_ms = 0;
  return { now: () => 0, monotonic: () => (now_ms += 5), after: () => () => {} };
}

const update = (index: number): FeedUpdate => ({
  position: { seq: 1, index },
  kind: 'job',
  id: 'job-1',
  soft: false,
  text: '{}',
});

function followers(count: number) {
  const heard: string[] = [];
  const all = new Set(
    Array.from({ length: count }, (_, n) => ({
      update: ({ position }: FeedUpdate) => void heard.push(`${n}:${position.seq}.${position.index}`),
      told: () => {},
      fault: () => {},
    })),
  );
  return { heard, all };
}

test('a segment for many is told in slices, each in a turn of its own', async () => {
  let told = 0;
  const line = new TellingLine(slowClock(), () => (told += 1));
  const { heard, all } = followers(1_000);
  line.add([{ update: update(0), to: [all] }]);
  assert.ok(heard.length < 200, `${heard.length} in the first slice`);
  assert.equal(told, 0);
  let turns = 0;
  for (let before = heard.length; !line.empty; before = heard.length) {
    await settled();
    assert.ok(heard.length - before < 200);
    turns += 1;
  }
  assert.ok(turns > 5);
  assert.deepEqual([heard.length, told], [1_000, 1]);
});

test('segments are told one after the other, to each follower in their order', async () => {
  const line = new TellingLine(slowClock(), () => {});
  const { heard, all } = followers(300);
  for (let n = 0; n < 3; n += 1) line.add([{ update: { ...update(0), position: { seq: n, index: 0 } }, to: [all] }]);
  while (!line.empty) await settled();
  assert.deepEqual(
    heard.filter((one) => one.startsWith('7:')),
    ['7:0.0', '7:1.0', '7:2.0'],
  );
});

test('who needs all told gets it told at once, and one who leaves meanwhile hears no more', () => {
  const line = new TellingLine(slowClock(), () => {});
  const { heard, all } = followers(1_000);
  line.add([{ update: update(0), to: [all] }]);
  const last = [...all].at(-1)!;
  all.delete(last);
  line.finish();
  assert.equal(line.empty, true);
  assert.equal(heard.length, 999);
});

test('more than may wait does not wait', () => {
  const line = new TellingLine(slowClock(), () => {});
  const { heard, all } = followers(1);
  const many = Array.from({ length: 20_001 }, (_, n) => ({ update: update(n), to: [all] }));
  line.add(many);
  assert.equal(heard.length, 20_001);
});

test('positions only grow on a connection, however many followers are told before it', async () => {
  const clock = Object.assign(new TurnedClock('2026-01-01T00:00:00Z'), slowClock(), {});
  const turned = new TurnedClock('2026-01-01T00:00:00Z');
  clock.after = turned.after.bind(turned);
  const { monitor, hub } = await openFeed(undefined, clock);
  for (let n = 0; n < 500; n += 1) await new TestReader(hub).follow('jobs');
  const reader = new TestReader(hub);
  await reader.follow('jobs');
  for (let n = 0; n < 5; n += 1) {
    await monitor.submit(`job-${n}`);
    await reader.follow('queue');
    await reader.follow('jobs', { filter: { state: 'QUEUED' } });
  }
  await monitor.stop();
  hub.close();
  const positions = reader.told.filter(({ type }) => type === 'update').map(({ seq, index }) => seq * 1000 + index);
  assert.deepEqual(
    positions,
    positions.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(reader.told.map(({ job_id }) => job_id)).size, 6, 'nothing is missing');
});
