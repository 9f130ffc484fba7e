/** Operations called over the WebSocket: the same results, errors and guarantees as over HTTP. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { WebSocket as WebSocketClient } from 'ws';
import type { Cleaning } from '../../../test/processes/tmon.ts';
import { FeedClient } from '../../../test/servers/feed-client.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { startLossyProxy } from '../../../test/servers/lossy-proxy.ts';
import { type Json, type Monitor, openMonitor } from '../../../test/servers/monitor.ts';
import { RawWebSocket } from '../../../test/servers/raw-websocket.ts';
import { AUDIO, claim, completion, hold, register, submit } from '../../../test/servers/steps.ts';
import { endpoints } from '../http/app.ts';
import { CALLS_MAX } from './calls.ts';

const monitor = await openMonitor({ after });

const worker = (worker_id: string) => ({ params: { worker_id } });
const jobOf = (job_id: string) => ({ params: { job_id } });

test('a worker does all its work over one connection', async (t) => {
  const own = await openMonitor(t);
  const feed = await FeedClient.open(t, own.url);
  const registered = await feed.call('workers.register', { ...worker('worker-1'), body: { capabilities: {} } });
  assert.deepEqual([registered.type, registered.status, registered.body.state], ['answer', 201, 'IDLE']);
  const batch = await feed.call('jobs.submitBatch', { body: { jobs: [{ audio_url: AUDIO }, {}] } });
  assert.deepEqual(
    batch.body.jobs.map(({ status }: Json) => status),
    [201, 400],
  );
  const submitted = await feed.call('jobs.submit', { body: { audio_url: AUDIO } });
  assert.equal(submitted.status, 201);
  const claimed = await feed.call('workers.claim', { ...worker('worker-1'), body: { max_jobs: 5 } });
  const [first, second] = claimed.body.jobs;
  assert.equal(second.job.job_id, submitted.body.job_id);

  const beat = await feed.call('workers.heartbeat', { ...worker('worker-1'), body: { leases: [first.lease.token] } });
  assert.deepEqual([beat.body.commands, beat.body.leases.map(({ token }: Json) => token)], [[], [first.lease.token]]);
  const report = { lease_token: first.lease.token, percentage: 45.5, stage: 'transcribing' };
  const progress = await feed.call('jobs.reportProgress', { ...jobOf(first.job.job_id), body: report });
  assert.deepEqual([progress.status, progress.body], [202, { job_id: first.job.job_id, state: 'PROCESSING' }]);
  const completed = await feed.call('jobs.complete', {
    ...jobOf(first.job.job_id),
    body: completion(first.lease.token),
  });
  assert.deepEqual([completed.status, completed.body.state], [200, 'COMPLETED']);
  const error = { code: 'worker_error', message: 'it broke', retryable: false };
  const failed = await feed.call('jobs.fail', {
    ...jobOf(second.job.job_id),
    body: { lease_token: second.lease.token, error },
  });
  assert.deepEqual([failed.status, failed.body.state], [200, 'FAILED']);
  const lines = await feed.call('events.report', {
    body: `{"event":"JOB_START","job_id":"job-reported","worker_id":"worker-1"}\nno JSON`,
  });
  assert.deepEqual([lines.body.accepted, lines.body.rejected[0].line], [1, 2]);
  const drained = await feed.call('workers.drain', worker('worker-1'));
  assert.equal(drained.status, 202);

  const document = (await own.get(`/jobs/${first.job.job_id}`)).body;
  assert.equal(document.progress.percentage, 100);
  assert.deepEqual((await feed.call('jobs.get', jobOf(first.job.job_id))).body, document, 'HTTP shows the same');
  assert.equal((await feed.call('jobs.list', { query: { limit: 1, state: 'FAILED' } })).body.items.length, 1);
});

test('every operation that does not stream can be called', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  const httpOnly = endpoints.flatMap(({ http_only, operation }) => (http_only ? [operation] : []));
  for (const { operation, params } of endpoints) {
    const bad_params = Object.keys((params as Json)?.properties ?? {}).map((name) => [name, '!']);
    // No id has such a character, and no body is a number: every callable operation refuses this without effect.
    const bad = bad_params.length > 0 ? Object.fromEntries(bad_params) : { unknown: 1 };
    const { code } = await feed.call(operation, { params: bad, body: 5 });
    assert.match(code, httpOnly.includes(operation) ? /^http_only$/ : /^invalid_(params|body)$/, operation);
  }
});

test('an invalid call gets the error of HTTP, with every field, and has no effect', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  const { id, token } = await hold(monitor);
  const cases: [string, object, string, string, Json][] = [
    ['jobs.submit', { body: { audio_url: 5, colour: 'red' } }, 'POST', '/jobs', { audio_url: 5, colour: 'red' }],
    ['jobs.submit', {}, 'POST', '/jobs', undefined],
    [
      'jobs.reportProgress',
      { ...jobOf(id), body: { percentage: 101 } },
      'PUT',
      `/jobs/${id}/progress`,
      { percentage: 101 },
    ],
    ['jobs.get', jobOf('job-none'), 'GET', '/jobs/job-none', undefined],
    ['jobs.get', jobOf('a!b'), 'GET', '/jobs/a!b', undefined],
    ['workers.claim', { ...worker('nobody'), body: {} }, 'POST', '/workers/nobody/claim', {}],
    ['jobs.complete', { ...jobOf(id), body: completion('stale') }, 'POST', `/jobs/${id}/complete`, completion('stale')],
    ['jobs.retry', { ...jobOf(id), body: { force: true } }, 'POST', `/jobs/${id}/retry`, { force: true }],
  ];
  for (const [operation, parts, method, path, body] of cases) {
    const { type, id: _, operation: echoed, request_id, ...error } = await feed.call(operation, parts);
    const {
      type: __,
      title,
      request_id: ___,
      ...problem
    } = (await monitor.call(method, `/api/v1${path}`, { body })).body;
    assert.deepEqual([type, echoed, typeof request_id], ['error', operation, 'string']);
    assert.deepEqual(error, problem, operation);
  }
  const stale = await feed.call('jobs.complete', { ...jobOf(id), body: completion('stale') });
  assert.deepEqual([stale.status, stale.code], [409, 'lease_expired']);
  const deep = await feed.call('jobs.submit', { body: JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`) });
  assert.equal(deep.code, 'too_deep');
  const query = await feed.call('jobs.list', { query: { limit: '5', colour: 'red' } });
  assert.deepEqual(
    query.errors.map(({ field }: Json) => field).sort(),
    ['/colour', '/limit'],
    'of JSON, "5" is no number',
  );
  assert.equal((await monitor.get(`/jobs/${id}`)).body.state, 'PROCESSING');
  assert.equal((await feed.call('jobs.complete', { ...jobOf(id), body: completion(token) })).status, 200);
});

test('a malformed call is an error like others, and the connection stays open', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  for (const [message, code] of [
    [{ action: 'call', id: 'x' }, 'invalid_message'],
    [{ action: 'call', id: 'x', operation: 5 }, 'invalid_message'],
    [{ action: 'call', id: 5, operation: 'jobs.list' }, 'invalid_message'],
    [{ action: 'call', id: 'x', operation: 'jobs.list', colour: 'red' }, 'invalid_message'],
    [{ action: 'call', id: 'x', operation: 'jobs.list', params: [] }, 'invalid_message'],
    [{ action: 'call', id: 'x', operation: 'jobs.list', idempotency_key: '' }, 'invalid_message'],
    [{ action: 'call', id: 'x', operation: 'jobs.none' }, 'unknown_operation'],
    [{ action: 'call', id: 'x', operation: 'toString' }, 'unknown_operation'],
    [{ action: 'call', id: 'x', operation: 'uploads.create' }, 'http_only'],
  ] as const) {
    const response = await feed.ask(message);
    assert.deepEqual([response.type, response.code, response.id], ['error', code, message.id]);
  }
  assert.equal((await feed.call('queues.main')).status, 200);
});

test('without an id only a refused call gets a reply', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  const { id, token } = await hold(monitor);
  const report = (lease_token: string) =>
    feed.send({
      action: 'call',
      operation: 'jobs.reportProgress',
      ...jobOf(id),
      body: { lease_token, percentage: 20, stage: 'transcribing' },
    });
  report(token);
  report('stale');
  const refused = await feed.next();
  assert.deepEqual(
    [refused.type, refused.operation, refused.code, refused.id],
    ['error', 'jobs.reportProgress', 'lease_expired', undefined],
  );
  await feed.settled();
  assert.equal(feed.messages.length, 2, 'the refusal, and the reply to settled()');
  assert.equal((await monitor.until(`/jobs/${id}`, ({ progress }) => progress.percentage > 0)).progress.percentage, 20);
});

test('a waiting claim delays nothing, and gets the job that arrives', async (t) => {
  const own = await openMonitor(t);
  const feed = await FeedClient.open(t, own.url);
  await register(own);
  const waiting = feed.call('workers.claim', { ...worker('worker-1'), body: { wait_seconds: 20 } });
  const beat = await feed.call('workers.heartbeat', { ...worker('worker-1'), body: {} });
  assert.equal(beat.status, 200);
  const { body } = await feed.call('jobs.submit', { body: { audio_url: AUDIO } });
  assert.equal((await waiting).body.jobs[0].job.job_id, body.job_id);
});

test('a claim whose connection ends hands out nothing', async (t) => {
  const own = await openMonitor(t);
  await register(own);
  const gone = await RawWebSocket.connect(t, own.url);
  gone.send({ action: 'call', id: '1', operation: 'workers.claim', ...worker('worker-1'), body: { wait_seconds: 20 } });
  gone.send({ action: 'ping' });
  await new Promise<void>((resolve) => gone.once('text', () => resolve()));
  const stays = await FeedClient.open(t, own.url);
  await register(own, 'worker-2');
  const waiting = stays.call('workers.claim', { ...worker('worker-2'), body: { wait_seconds: 20 } });
  await stays.settled();
  gone.socket.destroy();
  await gone.closed;
  const { job_id } = await submit(own);
  assert.equal((await waiting).body.jobs[0].job.job_id, job_id, 'the next in line gets the job');
  assert.equal((await own.get(`/jobs/${job_id}`)).body.worker.worker_id, 'worker-2');
});

test('a cancelled claim returns no jobs, and the connection continues', async (t) => {
  const own = await openMonitor(t);
  await register(own);
  const feed = await FeedClient.open(t, own.url);
  for (const id of ['one', 'other'])
    feed.send({ action: 'call', id, operation: 'workers.claim', ...worker('worker-1'), body: { wait_seconds: 20 } });
  feed.send({ action: 'cancel', id: 'one' });
  const cancelled = await feed.next();
  assert.deepEqual([cancelled.id, cancelled.status, cancelled.body], ['one', 200, { jobs: [] }]);
  feed.send({ action: 'cancel', id: 'unknown' });
  assert.equal((await feed.ask({ action: 'cancel' })).code, 'invalid_message');
  const { job_id } = await submit(own);
  const claimed = await feed.next();
  assert.deepEqual([claimed.id, claimed.body.jobs[0].job.job_id], ['other', job_id]);
});

test('a call repeated with its key takes effect once, also on another connection and over HTTP', async (t) => {
  const own = await openMonitor(t);
  const proxy = await startLossyProxy(own.url);
  t.after(() => proxy.stop());
  const { id, token } = await hold(own);
  const parts = { ...jobOf(id), body: completion(token), idempotency_key: 'mine' };
  const cut = await FeedClient.open(t, proxy.endpoint);
  proxy.loseNextAnswer();
  await assert.rejects(cut.call('jobs.complete', parts), /before its answer/);
  await own.until(`/jobs/${id}`, ({ state }) => state === 'COMPLETED');

  const again = await FeedClient.open(t, proxy.endpoint);
  const response = await again.call('jobs.complete', parts);
  assert.deepEqual([response.status, response.body.state], [200, 'COMPLETED']);
  const http = await own.post(`/jobs/${id}/complete`, completion(token), { 'idempotency-key': 'mine' });
  assert.deepEqual([http.status, http.body], [200, response.body]);
  const other = await again.call('jobs.submit', { body: { audio_url: AUDIO }, idempotency_key: 'mine' });
  assert.deepEqual([other.status, other.code], [409, 'idempotency_key_reused']);

  const [first, second] = await Promise.all(
    [again, await FeedClient.open(t, own.url)].map((feed) =>
      feed.call('jobs.submit', { body: { audio_url: AUDIO }, idempotency_key: 'both' }),
    ),
  );
  assert.equal(first.body.job_id, second.body.job_id);
  const { body } = await own.post('/jobs', { audio_url: AUDIO }, { 'idempotency-key': 'both' });
  assert.equal(body.job_id, first.body.job_id);
});

test('calls beyond the limit of a connection are refused without effect', async (t) => {
  const own = await openMonitor(t, { socket_messages_per_second: 10 * CALLS_MAX });
  await register(own);
  const feed = await FeedClient.open(t, own.url);
  const waiting = Array.from({ length: CALLS_MAX }, () =>
    feed.call('workers.claim', { ...worker('worker-1'), body: { wait_seconds: 20 } }),
  );
  const refused = await feed.call('jobs.submit', { body: { audio_url: AUDIO } });
  assert.deepEqual([refused.status, refused.code, refused.retry_after_seconds], [429, 'too_many_calls', 1]);
  assert.deepEqual((await own.get('/jobs')).body.items, []);
  const { job_id } = await submit(own);
  const claimed = await Promise.race(waiting);
  assert.equal(claimed.body.jobs[0].job.job_id, job_id);
  assert.equal((await feed.call('jobs.submit', { body: { audio_url: AUDIO } })).status, 201, 'a call has been served');
});

test('more messages a second than allowed close the connection, and a setting allows more', async (t) => {
  const own = await openMonitor(t, { socket_messages_per_second: 10 });
  const raw = await RawWebSocket.connect(t, own.url);
  for (let i = 0; i < 50; i++) raw.send({ action: 'call', id: `${i}`, operation: 'queues.main' });
  assert.equal((await raw.closed).code, 4029);
});

test('a stopping monitor completes the calls under way, then closes', async (t) => {
  const own = await openMonitor(t);
  await register(own);
  const feed = await FeedClient.open(t, own.url);
  const waiting = feed.call('workers.claim', { ...worker('worker-1'), body: { wait_seconds: 20 } });
  await feed.settled();
  const submitted = feed.call('jobs.submit', { body: { audio_url: AUDIO } });
  await feed.settled();
  await own.stop();
  await waiting;
  assert.equal((await submitted).status, 201);
  assert.equal((await feed.closed).code, 1001);
});

test('a large answer reaches a reader that has not read the one before', async (t) => {
  const own = await openMonitor(t, { socket_messages_per_second: 10_000 });
  const jobs = Array.from({ length: 1000 }, () => ({ audio_url: `${AUDIO}?${'x'.repeat(500)}` }));
  await own.post('/jobs/batch', { jobs });
  const raw = await RawWebSocket.connect(t, own.url);
  raw.pause();
  for (let i = 0; i < 5; i++) raw.send({ action: 'call', id: `${i}`, operation: 'jobs.list', query: { limit: 1000 } });
  await own.get('/jobs');
  const all = new Promise<void>((resolve) => {
    raw.on('text', () => {
      if (raw.texts.length === 5) resolve();
    });
  });
  raw.resume();
  await all;
  for (const text of raw.texts) assert.equal(JSON.parse(text).body.items.length, 1000);
});

test('calls claim from the same queue as requests over HTTP', async (t) => {
  const own = await openMonitor(t);
  await register(own);
  const feed = await FeedClient.open(t, own.url);
  const { body } = await feed.call('jobs.submit', { body: { audio_url: AUDIO } });
  const [held] = await claim(own);
  assert.equal(held?.id, body.job_id);
});

test('the messages of a list are handled separately, and answers ready together are sent as a list', async (t) => {
  const socket = new WebSocket(`${monitor.url.replace('http', 'ws')}/ws`);
  t.after(() => socket.close());
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  const frames: Json[] = [];
  let onFrame = () => {};
  socket.addEventListener('message', ({ data }) => {
    frames.push(JSON.parse(data));
    onFrame();
  });
  const messages = async (count: number): Promise<Json[]> => {
    while (frames.flat().length < count) await new Promise<void>((resolve) => (onFrame = resolve));
    return frames.splice(0);
  };
  const call = (id: string, operation: string, more: object = {}) => ({ action: 'call', id, operation, ...more });

  socket.send(JSON.stringify(call('0', 'jobs.get', jobOf('job-none'))));
  assert.equal((await messages(1))[0].id, '0', 'a client that sends no lists gets none');

  const list = [
    call('1', 'jobs.get', jobOf('job-none')),
    17,
    call('2', 'no.such.operation'),
    { action: 'ping', id: '3' },
    call('4', 'jobs.submit', { body: { audio_url: AUDIO } }),
    [call('5', 'jobs.list')],
    call('6', 'jobs.get', jobOf('job-none')),
  ];
  socket.send(JSON.stringify(list));
  const answers = await messages(7);
  const received = answers.flat().map(({ type, id, code, status }) => [type, id ?? null, code ?? status ?? null]);
  assert.deepEqual(received.sort(), [
    ['answer', '4', 201],
    ['error', null, 'invalid_json'],
    ['error', null, 'invalid_json'],
    ['error', '1', 'job_not_found'],
    ['error', '2', 'unknown_operation'],
    ['error', '6', 'job_not_found'],
    ['pong', '3', null],
  ]);
  assert.ok(
    answers.some((frame) => Array.isArray(frame) && frame.length > 1),
    'answers that were ready together were sent separately',
  );
});

test('each message of a list counts', async (t) => {
  const own = await openMonitor(t, { socket_messages_per_second: 50 });
  const socket = new WebSocket(`${own.url.replace('http', 'ws')}/ws`);
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  const closed = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)));
  socket.send(JSON.stringify(Array.from({ length: 51 }, () => ({ action: 'ping' }))));
  assert.equal(await closed, 4029);
});

/** A connection that sends many calls with large answers, and reads nothing. */
async function openDeafCaller(t: Cleaning, own: Monitor, calls: number): Promise<WebSocketClient> {
  const jobs = Array.from({ length: 20 }, () => ({ audio_url: AUDIO, metadata: { words: 'x'.repeat(1_000) } }));
  assert.equal((await own.post('/jobs/batch', { jobs })).body.jobs[19].status, 201);
  const caller = new WebSocketClient(`${own.url.replace('http', 'ws')}/ws`, { perMessageDeflate: false });
  t.after(() => caller.terminate());
  await once(caller, 'open');
  caller.pause();
  // Long calls arrive in small groups, and each group gets its answers.
  const long = { id: '-'.repeat(100), idempotency_key: '-'.repeat(250) };
  for (let n = 0; n < calls; n += 1) {
    caller.send(JSON.stringify({ action: 'call', ...long, id: `${n}${long.id}`, operation: 'jobs.list' }));
  }
  return caller;
}

test('[S22] a paused peer that reads nothing is considered dead', { timeout: 120_000 }, async (t) => {
  const clock = new JumpingClock();
  const own = await openMonitor(t, { clock, socket_messages_per_second: 100_000 });
  const caller = await openDeafCaller(t, own, 1_000);
  let closed = false;
  caller.on('error', () => {});
  caller.on('close', () => {
    closed = true;
  });
  while (!closed) {
    clock.jump(30_000);
    await own.get('/jobs?limit=1');
    // A paused socket notices the end of its peer only by a write.
    caller.ping();
  }
});

test('no further calls are read from a peer that reads no answers; once it reads, each call gets its answer', async (t) => {
  const own = await openMonitor(t, { socket_messages_per_second: 100_000 });
  const calls = 1_000;
  const caller = await openDeafCaller(t, own, calls);
  const served = new Set<string>();
  let onFrame = () => {};
  caller.on('message', (text) => {
    served.add(JSON.parse(String(text)).id);
    onFrame();
  });
  caller.send(
    JSON.stringify({
      action: 'call',
      id: 'last',
      operation: 'jobs.submit',
      body: { audio_url: AUDIO, tags: ['last'] },
    }),
  );
  for (let n = 0; n < 20; n += 1) {
    assert.deepEqual(
      (await own.get('/jobs?tag=last')).body.items,
      [],
      'it continued to accept calls, and to keep their answers',
    );
  }
  caller.resume();
  const closed = once(caller, 'close').then(([code]) => assert.fail(`it was closed with ${code}`));
  while (served.size <= calls) await Promise.race([closed, new Promise<void>((resolve) => (onFrame = resolve))]);
  caller.removeAllListeners('close');
  assert.equal((await own.get('/jobs?tag=last')).body.items.length, 1);
});
