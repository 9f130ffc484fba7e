/**
 * A segment for many followers is delivered over several turns of the event loop, in order, and can be finished at
 * once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../clock.ts';
import { settled, TurnedClock } from '../testing-clock.ts';
import { Delivery } from './delivery.ts';
import { openFeed, TestReader } from './testing-feed.ts';
import type { FeedUpdate } from './updates.ts';

/** A clock that advances 5 ms with each look: a slice ends with the second. */
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
  const received: string[] = [];
  const all = new Set(
    Array.from({ length: count }, (_, n) => ({
      update: ({ position }: FeedUpdate) => void received.push(`${n}:${position.seq}.${position.index}`),
      delivered: () => {},
      fault: () => {},
    })),
  );
  return { received, all };
}

test('a segment for many followers is delivered in slices, one per turn', async () => {
  let finished = 0;
  const delivery = new Delivery(slowClock(), () => (finished += 1));
  const { received, all } = followers(1_000);
  delivery.add([{ update: update(0), to: [all] }]);
  assert.ok(received.length < 200, `${received.length} in the first slice`);
  assert.equal(finished, 0);
  let turns = 0;
  for (let before = received.length; !delivery.empty; before = received.length) {
    await settled();
    assert.ok(received.length - before < 200);
    turns += 1;
  }
  assert.ok(turns > 5);
  assert.deepEqual([received.length, finished], [1_000, 1]);
});

test('segments are delivered one after the other, to each follower in order', async () => {
  const delivery = new Delivery(slowClock(), () => {});
  const { received, all } = followers(300);
  for (let n = 0; n < 3; n += 1)
    delivery.add([{ update: { ...update(0), position: { seq: n, index: 0 } }, to: [all] }]);
  while (!delivery.empty) await settled();
  assert.deepEqual(
    received.filter((name) => name.startsWith('7:')),
    ['7:0.0', '7:1.0', '7:2.0'],
  );
});

test('finish delivers everything at once, except to followers that have left meanwhile', () => {
  const delivery = new Delivery(slowClock(), () => {});
  const { received, all } = followers(1_000);
  delivery.add([{ update: update(0), to: [all] }]);
  const last = [...all].at(-1)!;
  all.delete(last);
  delivery.finish();
  assert.equal(delivery.empty, true);
  assert.equal(received.length, 999);
});

test('beyond the limit of waiting updates, everything is delivered at once', () => {
  const delivery = new Delivery(slowClock(), () => {});
  const { received, all } = followers(1);
  const many = Array.from({ length: 20_001 }, (_, n) => ({ update: update(n), to: [all] }));
  delivery.add(many);
  assert.equal(received.length, 20_001);
});

test('positions only grow on a connection, however many followers come before it', async () => {
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
  const positions = reader.messages.filter(({ type }) => type === 'update').map(({ seq, index }) => seq * 1000 + index);
  assert.deepEqual(
    positions,
    positions.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(reader.messages.map(({ job_id }) => job_id)).size, 6, 'nothing is missing');
});
