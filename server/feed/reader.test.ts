/** The messages of a reader without a socket: replies, and cleanup when it ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallRequest, FeedPosition } from '../../protocol/feed.ts';
import { settled } from '../testing-clock.ts';
import { WAITING_MAX } from './outbox.ts';
import { Reader, SUBSCRIPTIONS_MAX } from './reader.ts';
import type { Beyond } from './subscription.ts';
import { openFeed, type Received, textsOf } from './testing-feed.ts';

async function open(more: Partial<Beyond> = {}) {
  const { monitor, hub } = await openFeed();
  const received: Received[] = [];
  const calls: CallRequest[] = [];
  const faults: unknown[] = [];
  const left: { resume?: FeedPosition | null } = {};
  const unread: (() => void)[] = [];
  const reading = { reads: true };
  const reader = new Reader({
    hub,
    sink: {
      send: (parcel, sent) => {
        for (const text of textsOf(parcel)) received.push(JSON.parse(text));
        if (reading.reads) setImmediate(sent);
        else unread.push(sent);
      },
      tooSlow: (resume) => {
        left.resume = resume;
      },
    },
    beyond: {
      job: async (id) => hub.state.job(id),
      worker: async (id) => hub.state.worker(id),
      catchUp: async () => {},
      ...more,
    },
    refusal: () => null,
    scope: null,
    check: () => [],
    call: (call) => void calls.push(call),
    cancel: () => {},
    spend: () => true,
    onFault: (error) => faults.push(error),
  });
  const receive = (...messages: unknown[]) =>
    reader.receive(JSON.stringify(messages.length === 1 ? messages[0] : messages));
  return { monitor, hub, received, calls, faults, left, reading, receive };
}

const follow = (resource: string, more: object = {}) => ({ action: 'subscribe', resource, ...more });

test('a reader that is too slow is disconnected once, and its subscriptions end', async () => {
  const { monitor, hub, receive, left, reading, faults } = await open();
  await receive(follow('jobs'));
  await settled();
  const unfollowed: unknown[] = [];
  const unfollow = hub.unfollow.bind(hub);
  hub.unfollow = (topic, follower) => {
    unfollowed.push(topic);
    unfollow(topic, follower);
  };
  reading.reads = false;
  for (let i = 0; left.resume === undefined; i += 1) {
    assert.ok(i * 500 * 100 < 10 * WAITING_MAX, 'it was never disconnected');
    await monitor.submit(...Array.from({ length: 500 }, (_, j) => `job-${i}-${j}`));
  }
  assert.deepEqual(unfollowed, ['jobs']);
  assert.deepEqual(faults, []);
  await monitor.stop();
});

test('elements of a list that are not messages are refused, the others are handled', async () => {
  const { monitor, receive, received, calls } = await open();
  await receive({ action: 'ping', id: 'a' }, 5, null, ['x'], { action: 'call', id: 'b' }, { action: 'ping', id: 'c' });
  assert.deepEqual(
    received.map(({ type, id, code }) => [type, id ?? code]),
    [
      ['pong', 'a'],
      ['error', 'invalid_json'],
      ['error', 'invalid_json'],
      ['error', 'invalid_json'],
      ['pong', 'c'],
    ],
  );
  assert.deepEqual(
    calls.map(({ id }) => id),
    ['b'],
  );
  await monitor.stop();
});

test('replies keep the order of the messages even if one needs a lookup', async () => {
  const found = Promise.withResolvers<undefined>();
  const { monitor, receive, received } = await open({ job: () => found.promise });
  const called = receive(follow('job', { job_id: 'job-9', id: 'a' }), { action: 'ping', id: 'b' });
  await settled();
  assert.deepEqual(received, []);
  found.resolve(undefined);
  await called;
  assert.deepEqual(
    received.map(({ type, id }) => [type, id]),
    [
      ['error', 'a'],
      ['pong', 'b'],
    ],
  );
  await monitor.stop();
});

test('subscribing again to the same target replaces the subscription: nothing is sent twice', async () => {
  const { monitor, receive, received } = await open();
  await receive(follow('jobs'));
  await receive(follow('jobs'));
  await settled();
  received.length = 0;
  await monitor.submit('job-1');
  assert.deepEqual(
    received.map(({ state }) => state),
    ['SUBMITTED', 'QUEUED'],
  );
  await receive({ action: 'unsubscribe', resource: 'jobs' });
  received.length = 0;
  await monitor.submit('job-2');
  assert.deepEqual(received, []);
  await monitor.stop();
});

test('each filter of jobs is a separate subscription, whatever the order of its fields', async () => {
  const { monitor, receive, received } = await open();
  await receive(follow('jobs', { filter: { priority: 'high', state: 'QUEUED' } }));
  await receive(follow('jobs', { filter: { state: 'QUEUED', priority: 'high' } }));
  await receive(follow('jobs', { filter: { priority: 'low' } }));
  await settled();
  received.length = 0;
  await monitor.do({
    type: 'submit_jobs',
    jobs: [{ job_id: 'job-1', audio_url: 's3://audio/1.mp3', priority: 'high' }],
  });
  await settled();
  assert.equal(received.filter(({ state }) => state === 'QUEUED').length, 1);
  await monitor.stop();
});

test('a subscription beyond the limit is refused; repeating an existing one is not', async () => {
  const { monitor, receive, received } = await open();
  const filtered = (n: number) => follow('jobs', { filter: { tag: `tag-${n}` } });
  for (let n = 0; n < SUBSCRIPTIONS_MAX; n += 1) await receive(filtered(n));
  await receive(filtered(0));
  assert.ok(received.every(({ type }) => type !== 'error'));
  await receive(filtered(SUBSCRIPTIONS_MAX));
  await settled();
  assert.equal(received.find(({ type }) => type === 'error')?.code, 'too_many_subscriptions');
  await monitor.stop();
});

test('a subscription to an unknown job is refused by name', async () => {
  const { monitor, receive, received } = await open();
  await receive(follow('job', { job_id: 'job-9', id: 'a' }));
  await receive(follow('worker', { worker_id: 'worker-9' }));
  await receive(follow('job'));
  assert.deepEqual(
    received.map(({ type, id, code }) => [type, id, code]),
    [
      ['error', 'a', 'job_not_found'],
      ['error', undefined, 'worker_not_found'],
      ['error', undefined, 'invalid_message'],
    ],
  );
  await monitor.stop();
});

test('a subscription with an id and a position gets a live message', async () => {
  const { monitor, hub, receive, received } = await open();
  await receive(follow('jobs', { id: 'a', since: hub.position }));
  await settled();
  assert.deepEqual(
    received.map(({ type, id }) => [type, id]),
    [
      ['subscribed', 'a'],
      ['live', 'a'],
    ],
  );
  await monitor.stop();
});
