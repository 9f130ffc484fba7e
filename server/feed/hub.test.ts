/**
 * One hub for all followers: each event becomes a message once, sums are sent at intervals, errors stay with their
 * follower.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppliedSegment, Engine, SegmentListener } from '../engine.ts';
import { State } from '../state-machine/state/state.ts';
import { TurnedClock } from '../testing-clock.ts';
import type { Target } from './current-state.ts';
import { FeedHub, type Follower } from './hub.ts';
import { openFeed, TestReader } from './testing-feed.ts';

const quiet: Follower = { update: () => {}, delivered: () => {}, sums: () => {}, gap: () => {}, fault: () => {} };

/** A hub on an engine that emits the test's segments. */
function hubOf(): { hub: FeedHub; emit(events: unknown[], lines?: string[]): void; reset(seq: number): void } {
  let listener: SegmentListener = () => {};
  const state = new State();
  const engine = {
    state,
    subscribe: (added: SegmentListener) => {
      listener = added;
      return () => {};
    },
  };
  return {
    hub: new FeedHub(engine as unknown as Engine, new TurnedClock('2026-01-01T00:00:00Z')),
    emit: (events, lines = events.map((event) => JSON.stringify(event))) => {
      state.scalars.seq += 1;
      listener({ seq: state.seq, at_ms: 0, events: events as AppliedSegment['events'], lines, own: true });
    },
    reset: (seq) => {
      state.scalars.seq = seq;
      listener(null);
    },
  };
}

const raised = (message: unknown) => ({
  id: 'x/0',
  type: 'AlertRaised',
  at: '2026-01-01T00:00:00Z',
  actor: 'monitor',
  entity: 'alert-1',
  data: { rule: 'queue_slow', subject: 'main', severity: 'WARNING', message },
});

test('an event is serialised once for all its followers, live and later', () => {
  const { hub, emit } = hubOf();
  let serialised = 0;
  let deliveries = 0;
  for (let i = 0; i < 100; i += 1) hub.follow('alerts', { ...quiet, update: () => (deliveries += 1) });
  const message = {
    toJSON() {
      serialised += 1;
      return 'The queue is slow';
    },
  };
  emit([raised(message)], ['']);
  assert.equal(hub.keptSince({ seq: 1, index: -1 }, 10)?.length, 1);
  assert.deepEqual([deliveries, serialised], [100, 1]);
});

test('an error of a follower is reported to that follower, and the others receive every update', () => {
  const { hub, emit } = hubOf();
  const faults: unknown[] = [];
  const received: string[] = [];
  const broken = {
    ...quiet,
    update: () => {
      throw new Error('it broke');
    },
    fault: (error: unknown) => faults.push(error),
  };
  hub.follow('alerts', broken);
  hub.follow('alerts', { ...quiet, update: ({ id }) => received.push(id) });
  emit([raised('a'), raised('b')]);
  assert.equal(faults.length, 2);
  assert.deepEqual(received, ['alert-1', 'alert-1']);
});

test('an event of a type that a newer monitor wrote is skipped', () => {
  const { hub, emit } = hubOf();
  const received: number[] = [];
  hub.follow('alerts', { ...quiet, update: ({ position }) => received.push(position.index) });
  emit([{ ...raised('a'), type: 'AlertMultiplied' }, raised('b')]);
  assert.deepEqual(received, [1]);
});

test('the hub keeps a bounded number of messages, and returns null for older positions', () => {
  const { hub, emit } = hubOf();
  for (let i = 0; i < 60; i += 1) emit(Array.from({ length: 500 }, () => raised('a')));
  assert.equal(hub.keptSince({ seq: 1, index: -1 }, 10), null);
  const last = hub.keptSince({ seq: 60, index: 497 }, 10);
  assert.deepEqual(
    last?.map(({ position }) => position),
    [
      { seq: 60, index: 498 },
      { seq: 60, index: 499 },
    ],
  );
  assert.deepEqual(hub.keptSince(hub.position, 10), []);
});

test('sums are sent at most once a second, and made once for all followers', async () => {
  const { clock, monitor, hub } = await openFeed();
  const readers = Array.from({ length: 3 }, () => new TestReader(hub));
  for (const reader of readers) await reader.follow('queue');
  for (let i = 0; i < 10; i += 1) await monitor.submit(`job-${i}`);
  for (const reader of readers) assert.equal(reader.messages.length, 1);
  await clock.turn(1_000);
  for (const reader of readers) {
    assert.deepEqual(
      reader.messages.map(({ type, messages_visible }) => [type, messages_visible]),
      [
        ['state', 0],
        ['update', 10],
      ],
    );
  }
  await clock.turn(10_000);
  assert.equal(readers[0]!.messages.length, 2, 'nothing has happened since');
  await monitor.stop();
});

const ALERTS: Target = { resource: 'alerts', id: null, filter: {} };

test('the first message is made once between two segments, and never from an earlier state', () => {
  const { hub, emit, reset } = hubOf();
  const first = hub.now('state', ALERTS, {});
  assert.equal(hub.now('state', ALERTS, {}), first);
  assert.notEqual(hub.now('reset', ALERTS, {}), first, 'a reset is another message');
  for (const change of [() => emit([raised('a')]), () => reset(9)]) {
    change();
    assert.deepEqual(hub.now('state', ALERTS, {}).message.position, hub.position);
  }
});

test('the first message about one job is not reused for another', () => {
  const { hub } = hubOf();
  for (const id of ['job-1', 'job-2']) {
    const { message } = hub.now('state', { resource: 'job', id, filter: {} }, {});
    assert.equal(JSON.parse(message.text).job_id, id);
  }
});

test('after a reset the hub keeps only later segments', () => {
  const { hub, emit, reset } = hubOf();
  emit([raised('a')]);
  const before = hub.position;
  reset(9);
  assert.equal(hub.keptSince({ seq: 1, index: -1 }, 10), null);
  assert.equal(hub.keptSince(before, 10), null, 'the events in between are unknown');
  assert.deepEqual(hub.delivered, hub.position);
  const since = hub.position;
  emit([raised('b')]);
  assert.deepEqual(
    hub.keptSince(since, 10)?.map(({ position }) => position),
    [{ seq: 10, index: 0 }],
  );
});

test('a listener added to a closed hub is called immediately', async () => {
  const { hub } = hubOf();
  hub.close();
  let deliveries = 0;
  hub.onClose(() => {
    deliveries += 1;
  });
  assert.equal(deliveries, 1);
});
