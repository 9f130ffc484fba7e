/** The live feed over WebSocket: correct and incorrect use by clients. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { FeedClient } from '../../../test/servers/feed-client.ts';
import { ALL_KINDS, assertFeedMessage, kindOf } from '../../../test/servers/feed-schema.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { type Caller, type Json, openMonitor } from '../../../test/servers/monitor.ts';
import { RawWebSocket } from '../../../test/servers/raw-websocket.ts';
import { complete, fail, hold, register, submit } from '../../../test/servers/steps.ts';
import { SUBSCRIPTIONS_MAX } from '../../feed/reader.ts';

const monitor = await openMonitor({ after });

const progress = (id: string, lease_token: string, percentage: number, on: Caller = monitor) =>
  on.put(`/jobs/${id}/progress`, { lease_token, percentage, stage: 'transcribing' });

test('[A98] [A99] [A100] the documents’ JavaScript runs as printed, except for its URL and job', async (t) => {
  const { id, token } = await hold(monitor);
  const bar: number[] = [];
  const statuses: string[] = [];
  let shown = () => {};
  const updateProgressBar = (percentage: number) => bar.push(percentage);
  const showStatus = (stage: string) => {
    statuses.push(stage);
    shown();
  };
  const program = `
const ws = new WebSocket('wss://api.transcription.com/ws');

ws.onopen = () => {
    ws.send(JSON.stringify({
        action: 'subscribe',
        resource: 'job',
        job_id: 'job-abc123'
    }));
};

ws.onmessage = (event) => {
    const update = JSON.parse(event.data);
    updateProgressBar(update.percentage);
    showStatus(update.stage);
};

return ws;`
    .replace('wss://api.transcription.com', monitor.url.replace('http', 'ws'))
    .replace('job-abc123', id);
  const next = () =>
    new Promise<void>((resolve) => {
      shown = resolve;
    });
  const first = next();
  const ws: WebSocket = new Function('updateProgressBar', 'showStatus', program)(updateProgressBar, showStatus);
  t.after(() => ws.close());
  await first;
  const second = next();
  await progress(id, token, 45.5);
  await second;
  assert.deepEqual(bar, [0, 45.5]);
  assert.deepEqual(statuses, [null, 'TRANSCRIBING']);
});

test('every resource sends its current state, then its changes, each message by its schema', async (t) => {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock });
  const feed = await FeedClient.open(t, monitor.url);
  const held = await hold(monitor, { priority: 'high' });
  for (const message of [
    { resource: 'job', job_id: held.id },
    { resource: 'jobs' },
    { resource: 'worker', worker_id: 'worker-1' },
    { resource: 'workers' },
    { resource: 'queue' },
    { resource: 'alerts' },
    { resource: 'system' },
  ]) {
    const first = await feed.ask({ action: 'subscribe', ...message });
    assert.equal(first.type, 'state');
    assert.equal(first.resource, message.resource);
  }
  await progress(held.id, held.token, 10, monitor);
  await monitor.post('/workers/worker-1/heartbeat', { health: { cpu_usage: 50 } });
  const failed = await hold(monitor);
  await fail(monitor, failed);
  const cancelled = await submit(monitor);
  await monitor.delete(`/jobs/${cancelled.job_id}`);
  await complete(monitor, held);
  await register(monitor, 'worker-2');
  await monitor.delete('/workers/worker-2');
  clock.jump(20_000);
  const alert = await feed.until(({ event }) => event === 'AlertRaised');
  await monitor.post(`/system/alerts/${alert.alert_id}/resolve`);
  await feed.until(({ event }) => event === 'AlertResolved');
  await feed.until(({ resource, type }) => resource === 'system' && type === 'update');
  await feed.ask({ action: 'subscribe', resource: 'jobs', since: { seq: 1, index: -1 }, id: 'again' });
  await feed.until(({ type }) => type === 'live');
  await feed.ask({ action: 'unsubscribe', resource: 'jobs', id: 'no more' });
  await feed.ask({ action: 'ping', id: 'there?' });
  await feed.ask('{');
  await feed.ask({ action: 'call', id: 'c1', operation: 'jobs.get', params: { job_id: held.id } });
  await feed.ask({ action: 'call', id: 'c2', operation: 'jobs.get', params: { job_id: 'job-none' } });

  for (const message of feed.messages) assertFeedMessage(message);
  assert.deepEqual(
    ALL_KINDS.filter((kind) => !feed.messages.some((message) => kindOf(message) === kind)),
    // If the journal accepts a report within 20 ms there is none; see the next test.
    ['JobReported'],
    'messages that were not seen',
  );
  const text = JSON.stringify(feed.messages);
  assert.ok(!text.includes(held.token), 'a lease token is secret');
});

test('a report that waits for the journal is sent as soon as it is accepted, then as an update', async (t) => {
  const own = await openMonitor(t, { soft_linger_ms: 60_000 });
  const { id, token } = await hold(own);
  const feed = await FeedClient.open(t, own.url);
  const { seq } = await feed.ask({ action: 'subscribe', resource: 'job', job_id: id });
  await progress(id, token, 45.5, own);
  const reported = await feed.next();
  assertFeedMessage(reported);
  assert.deepEqual(
    [kindOf(reported), reported.percentage, reported.stage, reported.seq, reported.index],
    ['JobReported', 45.5, 'TRANSCRIBING', seq, -1],
  );
  await submit(own);
  const { type, event, percentage } = await feed.next();
  assert.deepEqual([type, event, percentage], ['update', 'JobProgressed', 45.5]);
});

test('an id is echoed; events have a position, control messages do not', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  const { job_id } = await submit(monitor);
  assert.deepEqual(await feed.ask({ action: 'subscribe', resource: 'job', job_id, id: 'mine-1' }), {
    type: 'subscribed',
    id: 'mine-1',
    resource: 'job',
    job_id,
  });
  const state = await feed.next();
  assert.deepEqual([typeof state.seq, typeof state.index, state.id], ['number', 'number', undefined]);
  assert.deepEqual(await feed.ask({ action: 'unsubscribe', resource: 'job', job_id, id: 'mine-2' }), {
    type: 'unsubscribed',
    id: 'mine-2',
    resource: 'job',
    job_id,
  });
  await monitor.delete(`/jobs/${job_id}`);
  await feed.settled();
  assert.equal(feed.messages.length, 4, 'it received a message after it had unsubscribed');
});

test('invalid input gets an error with a code and its id, and the connection stays open', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  const cases: [unknown, string, RegExp][] = [
    ['{"action":', 'invalid_json', /not a JSON object/],
    ['[]', 'invalid_json', /not a JSON object/],
    ['null', 'invalid_json', /not a JSON object/],
    ['"subscribe"', 'invalid_json', /not a JSON object/],
    [{ id: 'x' }, 'unknown_action', /no action undefined/],
    [{ id: 'x', action: 'publish' }, 'unknown_action', /"publish"/],
    [{ id: 'x', action: { toString: 'x' } }, 'unknown_action', /toString/],
    [{ id: 'x', action: 'toString', resource: 'jobs' }, 'unknown_action', /toString/],
    [{ id: 'x', action: 'ping', resource: 'jobs' }, 'invalid_message', /resource/],
    [{ id: 'x', action: 'subscribe' }, 'unknown_resource', /no resource undefined/],
    [{ id: 'x', action: 'subscribe', resource: 'everything' }, 'unknown_resource', /"everything"/],
    [{ id: 'x', action: 'subscribe', resource: '__proto__' }, 'unknown_resource', /__proto__/],
    [{ id: 'x', action: 'subscribe', resource: 'job' }, 'invalid_message', /job_id is missing/],
    [{ id: 'x', action: 'subscribe', resource: 'worker' }, 'invalid_message', /worker_id is missing/],
    [{ id: 'x', action: 'subscribe', resource: 'jobs', colour: 'red' }, 'invalid_message', /colour/],
    [{ id: 'x', action: 'subscribe', resource: 'jobs', filter: { state: 'LOST' } }, 'invalid_message', /state/],
    [{ id: 'x', action: 'subscribe', resource: 'jobs', since: 17 }, 'invalid_message', /since/],
    [{ id: 'x', action: 'subscribe', resource: 'jobs', since: { seq: -1, index: 0 } }, 'invalid_message', /seq/],
    ['{"id":"x","action":"subscribe","resource":"jobs","__proto__":{"a":1}}', 'invalid_message', /__proto__/],
    [{ id: 'x', action: 'subscribe', resource: 'job', job_id: 'job-none' }, 'job_not_found', /job-none/],
    [{ id: 'x', action: 'subscribe', resource: 'job', job_id: '../../meta' }, 'job_not_found', /meta/],
    [{ id: 'x', action: 'subscribe', resource: 'worker', worker_id: 'unknown' }, 'worker_not_found', /unknown/],
  ];
  for (const [message, code, words] of cases) {
    const reply = await feed.ask(message);
    assert.equal(reply.type, 'error', JSON.stringify(reply));
    assert.equal(reply.code, code);
    assert.match(reply.detail, words);
    assert.equal(reply.id, code === 'invalid_json' ? undefined : 'x');
    assertFeedMessage(reply);
  }
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`f${i}`, 0]));
  const reply = await feed.ask({ action: 'subscribe', resource: 'jobs', ...many, id: 17 });
  assert.equal(reply.id, 17);
  assert.match(reply.detail, /and 499\d more/);
  assert.equal((await feed.ask({ action: 'subscribe', resource: 'alerts' })).type, 'state');
});

test('jobs are filtered like lists', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  const low = await submit(monitor, { priority: 'low', tags: ['night', 'press'] });
  await submit(monitor, { priority: 'low', tags: ['day'] });
  const filter = { priority: 'low', tag: 'night' };
  const first = await feed.ask({ action: 'subscribe', resource: 'jobs', filter });
  assert.deepEqual(
    first.items.map(({ job_id }: Json) => job_id),
    [low.job_id],
  );
  await submit(monitor, { priority: 'high', tags: ['night'] });
  const other = await submit(monitor, { priority: 'low', tags: ['night'] });
  assert.equal((await feed.next()).job_id, other.job_id);
  await monitor.delete(`/jobs/${low.job_id}`);
  const ended = await feed.until(({ state }) => state === 'CANCELLED');
  assert.equal(ended.job_id, low.job_id);
});

test('an event that matches two subscriptions of a connection is sent once', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  const { job_id } = await submit(monitor);
  await feed.ask({ action: 'subscribe', resource: 'jobs' });
  await feed.ask({ action: 'subscribe', resource: 'job', job_id });
  await monitor.delete(`/jobs/${job_id}`);
  await feed.settled();
  assert.equal(feed.messages.filter(({ type }) => type === 'update').length, 1);
});

test('progress of a job that is being cancelled has the state CANCELLING', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  const { id, token } = await hold(monitor);
  await feed.ask({ action: 'subscribe', resource: 'job', job_id: id });
  await monitor.delete(`/jobs/${id}`);
  await progress(id, token, 77);
  const update = await feed.until(({ event }) => event === 'JobProgressed');
  assert.deepEqual([update.state, update.percentage], ['CANCELLING', 77]);
});

test('since resumes with exactly the missed events, followed by live', async (t) => {
  const { id, token } = await hold(monitor);
  const feed = await FeedClient.open(t, monitor.url);
  const { seq, index } = await feed.ask({ action: 'subscribe', resource: 'job', job_id: id });
  feed.socket.close();
  await progress(id, token, 20);
  await monitor.until(`/jobs/${id}`, (job: Json) => job.progress.percentage === 20);
  await complete(monitor, { id, token } as never);
  const back = await FeedClient.open(t, monitor.url);
  back.send({ action: 'subscribe', resource: 'job', job_id: id, since: { seq, index }, id: 'again' });
  await back.until(({ type }) => type === 'live');
  assert.deepEqual(
    back.messages.map(({ type, state, percentage }) => [type, state, percentage]),
    [
      ['subscribed', undefined, undefined],
      ['update', 'PROCESSING', 20],
      ['update', 'COMPLETED', 100],
      ['live', undefined, undefined],
    ],
  );
});

test('a since in the future is a reset', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  const { type, items } = await feed.ask({
    action: 'subscribe',
    resource: 'jobs',
    since: { seq: 999_999, index: 0 },
  });
  assert.equal(type, 'reset');
  assert.ok(items.length > 0);
});

test('[S22] a connection has at most 1,000 subscriptions', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  const filters = (i: number) => ({ action: 'subscribe', resource: 'jobs', filter: { tag: `tag-${i}` }, id: `${i}` });
  for (let i = 0; i < SUBSCRIPTIONS_MAX; i += 1) {
    feed.send(filters(i));
    // Within the message rate.
    if (i % 100 === 99) await feed.settled();
  }
  // The first messages of filters follow once their jobs have been found.
  const ask = (message: { id: string }) => {
    feed.send({ ...message, id: `again ${message.id}` });
    return feed.until(({ id }) => id === `again ${message.id}`);
  };
  assert.equal((await ask(filters(SUBSCRIPTIONS_MAX))).code, 'too_many_subscriptions');
  assert.equal((await ask(filters(0))).type, 'subscribed', 'an existing subscription may be repeated');
  assert.equal((await ask({ ...filters(5), action: 'unsubscribe' } as never)).type, 'unsubscribed');
  feed.send(filters(SUBSCRIPTIONS_MAX));
  await feed.until(({ type, id }) => type === 'subscribed' && id === String(SUBSCRIPTIONS_MAX));
});

test('[S19] pages of another origin are refused, the monitor’s own are not', async (t) => {
  for (const origin of ['http://evil.example', 'null', `${monitor.url}.evil.example`]) {
    const raw = await RawWebSocket.connect(t, monitor.url, { origin });
    assert.equal(raw.status, 403, origin);
    await raw.closed;
  }
  const own = await RawWebSocket.connect(t, monitor.url, { origin: monitor.url });
  assert.equal(own.status, 101);
  const rebound = await RawWebSocket.connect(t, monitor.url, { host: 'evil.example' });
  assert.equal(rebound.status, 403);
});

test('a stop closes with 1001, even if the peer does not respond, and is not delayed', async (t) => {
  const stopping = await openMonitor(t);
  const feed = await FeedClient.open(t, stopping.url);
  await feed.ask({ action: 'subscribe', resource: 'jobs' });
  const deaf = await RawWebSocket.connect(t, stopping.url);
  deaf.repliesToClose = false;
  await stopping.stop();
  assert.equal((await feed.closed).code, 1001);
  assert.equal((await deaf.closed).code, 1001);
});

test('[S22] pings detect dead peers; a peer that responds stays connected', async (t) => {
  const clock = new JumpingClock();
  const other = await openMonitor(t, { clock });
  const alive = await FeedClient.open(t, other.url);
  const dead = await RawWebSocket.connect(t, other.url);
  dead.repliesToPings = false;
  dead.send({ action: 'subscribe', resource: 'jobs' });
  await once(dead, 'text');
  for (let i = 0; i < 2; i += 1) {
    const pinged = once(dead, 'ping');
    clock.jump(30_000);
    // At the first ping the peer has sent something, at the second it has not.
    if (i === 0) await pinged;
    await alive.settled();
  }
  const { code } = await dead.closed;
  assert.equal(code, null, 'it was cut, without a close');
  await alive.settled();
});

test('[S22] more messages a second than allowed are closed with 4029', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  for (let i = 0; i < 5_000; i += 1) feed.send('{}');
  assert.equal((await feed.closed).code, 4029);
});

test('a binary message is closed with 1003', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  feed.socket.send(new Uint8Array([1, 2, 3]));
  assert.equal((await feed.closed).code, 1003);
});

test('[S22] a client that does not read is closed with 4008 and can resume; others receive everything', async (t) => {
  const { headers } = await monitor.get('/jobs');
  const since = { seq: Number(headers.get('tmon-seq')) + 1, index: -1 };
  const slow = await RawWebSocket.connect(t, monitor.url);
  const other = await FeedClient.open(t, monitor.url);
  const live = once(slow, 'text');
  for (const client of [slow, other]) client.send({ action: 'subscribe', resource: 'jobs', since, id: 'both' });
  await Promise.all([live, other.until(({ type }) => type === 'live')]);
  slow.pause();
  const jobs = Array.from({ length: 1000 }, () => ({ audio_url: 's3://audio/long-way.mp3' }));
  // Twice the measured capacity of the buffers of the kernel and the outbox, 4 MB.
  for (let i = 0; i < 14; i += 1) assert.ok((await monitor.post('/jobs/batch', { jobs })).status < 300);
  await other.settled();
  assert.equal(other.messages.filter(({ type }) => type === 'update').length, 14 * 2000);
  slow.resume();
  const { code, reason } = await slow.closed;
  assert.equal(code, 4008);
  const resume = JSON.parse(reason);
  const got = slow.texts.map((text) => JSON.parse(text)).filter(({ type }) => type === 'update');
  assert.deepEqual([got.at(-1).seq, got.at(-1).index], [resume.seq, resume.index]);
  const back = await FeedClient.open(t, monitor.url);
  back.send({ action: 'subscribe', resource: 'jobs', since: resume, id: 'back' });
  await back.until(({ type }) => type === 'live');
  const all = [...got, ...back.messages.filter(({ type }) => type === 'update')];
  assert.deepEqual(
    all.map(({ seq, index }) => `${seq}.${index}`),
    other.messages.filter(({ type }) => type === 'update').map(({ seq, index }) => `${seq}.${index}`),
  );
});
