/** One hub for all who follow: each event is made into a message once, sums are told at intervals, faults stay where they are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppliedSegment, Engine, SegmentListener } from '../engine.ts';
import { State } from '../state-machine/state/state.ts';
import { TurnedClock } from '../testing-clock.ts';
import type { Target } from './current-state.ts';
import { FeedHub, type Follower } from './hub.ts';
import { openFeed, TestReader } from './testing-feed.ts';

const quiet: Follower = { update: () => {}, told: () => {}, sums: () => {}, gap: () => {}, fault: () => {} };

/** A hub on an engine that says what a test makes it say. */
function hubOf(): { hub: FeedHub; say(events: unknown[], lines?: string[]): void; reset(seq: number): void } {
  let listener: SegmentListener = () => {};
  const state = new State();
  const engine = {
    state,
    subscribe: (given: SegmentListener) => {
      listener = given;
      return () => {};
    },
  };
  return {
    hub: new FeedHub(engine as unknown as Engine, new TurnedClock('2026-01-01T00:00:00Z')),
    say: (events, lines = events.map((event) => JSON.stringify(event))) => {
      state.scalars.seq += 1;
      listener({ seq: state.seq, at_ms: 0, events: events as AppliedSegment['events'], lines });
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

test('an event is serialised once, however many follow it, now and later', () => {
  const { hub, say } = hubOf();
  let serialised = 0;
  let told = 0;
  for (let i = 0; i < 100; i += 1) hub.follow('alerts', { ...quiet, update: () => (told += 1) });
  const message = {
    toJSON() {
      serialised += 1;
      return 'The queue is slow';
    },
  };
  say([raised(message)], ['']);
  assert.equal(hub.keptSince({ seq: 1, index: -1 }, 10)?.length, 1);
  assert.deepEqual([told, serialised], [100, 1]);
});

test('a follower that throws is told so, and the others hear all the same', () => {
  const { hub, say } = hubOf();
  const faults: unknown[] = [];
  const heard: string[] = [];
  const broken = {
    ...quiet,
    update: () => {
      throw new Error('it broke');
    },
    fault: (error: unknown) => faults.push(error),
  };
  hub.follow('alerts', broken);
  hub.follow('alerts', { ...quiet, update: ({ id }) => heard.push(id) });
  say([raised('a'), raised('b')]);
  assert.equal(faults.length, 2);
  assert.deepEqual(heard, ['alert-1', 'alert-1']);
});

test('an event of a kind that a newer monitor wrote is passed over', () => {
  const { hub, say } = hubOf();
  const heard: number[] = [];
  hub.follow('alerts', { ...quiet, update: ({ position }) => heard.push(position.index) });
  say([{ ...raised('a'), type: 'AlertMultiplied' }, raised('b')]);
  assert.deepEqual(heard, [1]);
});

test('memory holds a bounded number of messages and knows how far back it goes', () => {
  const { hub, say } = hubOf();
  for (let i = 0; i < 60; i += 1) say(Array.from({ length: 500 }, () => raised('a')));
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

test('sums are told at most once a second, and made once for all', async () => {
  const { clock, monitor, hub } = await openFeed();
  const readers = Array.from({ length: 3 }, () => new TestReader(hub));
  for (const reader of readers) await reader.follow('queue');
  for (let i = 0; i < 10; i += 1) await monitor.submit(`job-${i}`);
  for (const reader of readers) assert.equal(reader.told.length, 1);
  await clock.turn(1_000);
  for (const reader of readers) {
    assert.deepEqual(
      reader.told.map(({ type, messages_visible }) => [type, messages_visible]),
      [
        ['state', 0],
        ['update', 10],
      ],
    );
  }
  await clock.turn(10_000);
  assert.equal(readers[0]!.told.length, 2, 'nothing has happened since');
  await monitor.stop();
});

const ALERTS: Target = { resource: 'alerts', id: null, filter: {} };

test('the first message is made once between two segments, and never from an earlier state', () => {
  const { hub, say, reset } = hubOf();
  const first = hub.now('state', ALERTS, {});
  assert.equal(hub.now('state', ALERTS, {}), first);
  assert.notEqual(hub.now('reset', ALERTS, {}), first, 'a reset is another message');
  for (const change of [() => say([raised('a')]), () => reset(9)]) {
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

test('after a reset the hub keeps only what follows it', () => {
  const { hub, say, reset } = hubOf();
  say([raised('a')]);
  const before = hub.position;
  reset(9);
  assert.equal(hub.keptSince({ seq: 1, index: -1 }, 10), null);
  assert.equal(hub.keptSince(before, 10), null, 'the events in between are unknown');
  assert.deepEqual(hub.told, hub.position);
  const since = hub.position;
  say([raised('b')]);
  assert.deepEqual(
    hub.keptSince(since, 10)?.map(({ position }) => position),
    [{ seq: 10, index: 0 }],
  );
});

test('one who comes when the hub has closed is told at once', async () => {
  const { hub } = hubOf();
  hub.close();
  let told = 0;
  hub.onClose(() => {
    told += 1;
  });
  assert.equal(told, 1);
});
