/** The feed connection over time, with scripted sockets and a mocked clock. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { ApiError, FeedUnavailableError, TranscriptionAPI, type TransportOptions } from './index.ts';

type Options = Partial<TransportOptions>;
type Ctor = NonNullable<TransportOptions['webSocket']>;

/** A socket that sends nothing by itself. */
class FakeSocket {
  static all: FakeSocket[] = [];
  readyState = 0;
  readonly sent: { action: string; id?: string }[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  readonly options: unknown;

  constructor(_url: string, options?: unknown) {
    this.options = options;
    FakeSocket.all.push(this);
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.closed = true;
    this.readyState = 2;
  }

  fail(): void {
    this.readyState = 3;
    this.onclose?.({ code: 1006, reason: '' });
  }
}

/** A client with fake sockets and a mocked clock. */
function faked(t: { after(run: () => void): void }, options: Options = {}) {
  FakeSocket.all = [];
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  return new TranscriptionAPI({
    baseUrl: 'http://monitor/',
    webSocket: FakeSocket as unknown as Ctor,
    fetch: () => Promise.reject(new TypeError('no server-sent events either')),
    random: () => 0.5,
    ...options,
  });
}

const turn = () => new Promise(setImmediate);

test('a connection that no longer responds is given up and reopened', async (t) => {
  const api = faked(t);
  const next = api.feed.follow({ resource: 'queue' }).next();
  await turn();
  const [first] = FakeSocket.all;
  first!.open();
  mock.timers.tick(29_999);
  assert.deepEqual(
    first!.sent.map(({ action }) => action),
    ['subscribe'],
  );
  mock.timers.tick(1);
  assert.equal(first!.sent.at(-1)?.action, 'ping');
  first!.say({ type: 'pong' });
  mock.timers.tick(30_000);
  assert.equal(first!.sent.filter(({ action }) => action === 'ping').length, 2);
  mock.timers.tick(10_000);
  assert.equal(first!.closed, true);
  mock.timers.tick(125);
  const second = FakeSocket.all[1]!;
  second.open();
  second.say({ type: 'subscribed', id: second.sent[0]!.id, resource: 'queue' });
  second.say({ type: 'state', resource: 'queue', seq: 5, index: -1 });
  assert.equal((await next).value?.seq, 5);
});

test('attempts are spaced further apart, with jitter, and the first loop fails after a fixed number', async (t) => {
  const api = faked(t);
  const rejected = assert.rejects(api.feed.follow({ resource: 'queue' }, { attempts: 4 }).next(), FeedUnavailableError);
  await turn();
  for (const [attempt, waitMs] of [250, 500, 1000].entries()) {
    assert.equal(FakeSocket.all.length, attempt + 1);
    FakeSocket.all.at(-1)!.fail();
    await turn();
    mock.timers.tick(waitMs - 1);
    assert.equal(FakeSocket.all.length, attempt + 1);
    mock.timers.tick(1);
  }
  FakeSocket.all.at(-1)!.fail();
  await rejected;
  mock.timers.tick(60_000);
  assert.equal(FakeSocket.all.length, 4, 'nobody follows: nothing is opened');
});

test('a monitor that never completes the opening is given up', async (t) => {
  const api = faked(t);
  const rejected = assert.rejects(api.feed.follow({ resource: 'queue' }, { attempts: 1 }).next(), {
    code: 'feed_unavailable',
  });
  await turn();
  mock.timers.tick(10_000);
  await rejected;
});

test('it resumes from its position and ignores messages of an earlier subscription', async (t) => {
  const api = faked(t);
  const loop = api.feed.follow({ resource: 'job', job_id: 'job-1' }, { since: { seq: 3, index: 7 } });
  const next = loop.next();
  await turn();
  const [first] = FakeSocket.all;
  first!.open();
  const { id, ...asked } = first!.sent[0]!;
  assert.deepEqual(asked, {
    action: 'subscribe',
    resource: 'job',
    job_id: 'job-1',
    since: { seq: 3, index: 7 },
  });
  const event = (seq: number, job_id = 'job-1') => ({ type: 'update', resource: 'job', job_id, seq, index: 0 });
  first!.say(event(4));
  first!.say({ type: 'subscribed', id });
  first!.say(event(5, 'job-2'));
  first!.say(event(6));
  assert.equal((await next).value?.seq, 6);
  const later = loop.next();
  first!.fail();
  mock.timers.tick(125);
  const second = FakeSocket.all[1]!;
  second.open();
  assert.deepEqual((second.sent[0] as { since?: unknown }).since, { seq: 6, index: 0 });
  second.say({ type: 'subscribed', id: second.sent[0]!.id });
  second.say(event(7));
  assert.equal((await later).value?.seq, 7);
});

test('a subscription that failed because the store could not be read is retried', async (t) => {
  const api = faked(t);
  void api.feed.follow({ resource: 'job', job_id: 'job-1' }).next();
  await turn();
  const [socket] = FakeSocket.all;
  socket!.open();
  socket!.say({ type: 'error', id: socket!.sent[0]!.id, code: 'store_unavailable', detail: 'not now' });
  mock.timers.tick(1_000);
  assert.equal(socket!.sent.filter(({ action }) => action === 'subscribe').length, 2);
});

test('the key is sent in the handshake’s header, never in the URL', async (t) => {
  const api = faked(t, { apiKey: 'tmk_secret' });
  void api.feed.follow({ resource: 'queue' }).next();
  await turn();
  assert.deepEqual(FakeSocket.all[0]!.options, { headers: { authorization: 'Bearer tmk_secret' } });
});

test('FeedUnavailableError is exported for callers to catch', () => {
  const error = new FeedUnavailableError('ws://x/ws');
  assert.ok(error instanceof ApiError);
  assert.ok(error.hint);
});

test('a message that is none of the monitor closes the connection, and does not end the program', async (t) => {
  for (const data of ['this is not json', new ArrayBuffer(3), '[]', 'null', '{"kind":"hello"}']) {
    const api = faked(t);
    const aways: unknown[] = [];
    const loop = api.feed.follow({ resource: 'queue' }, { onAway: (error) => aways.push(error) });
    const next = loop.next();
    await turn();
    const [first] = FakeSocket.all;
    first!.open();
    first!.onmessage?.({ data });
    assert.equal(first!.closed, true, String(data));
    mock.timers.tick(250);
    const second = FakeSocket.all[1]!;
    second.open();
    second.say({ type: 'subscribed', id: second.sent[0]!.id, resource: 'queue' });
    second.say({ type: 'state', resource: 'queue', seq: 5, index: -1 });
    assert.equal((await next).value?.seq, 5);
    assert.deepEqual([aways.length, aways.at(-1)], [2, null]);
    await loop.return();
    mock.timers.reset();
  }
});

test('a server that opens each connection and closes it at once is tried at growing intervals, and then given up', async (t) => {
  const api = faked(t);
  const rejected = assert.rejects(api.feed.follow({ resource: 'queue' }, { attempts: 4 }).next(), FeedUnavailableError);
  await turn();
  for (const [attempt, waitMs] of [250, 500, 1000].entries()) {
    assert.equal(FakeSocket.all.length, attempt + 1);
    FakeSocket.all.at(-1)!.open();
    FakeSocket.all.at(-1)!.fail();
    mock.timers.tick(waitMs - 1);
    assert.equal(FakeSocket.all.length, attempt + 1);
    mock.timers.tick(1);
  }
  FakeSocket.all.at(-1)!.open();
  FakeSocket.all.at(-1)!.fail();
  await rejected;
});

test('a loop that is left while it waits ends at once', async (t) => {
  const api = faked(t);
  const loop = api.feed.follow({ resource: 'queue' });
  const pending = loop.next();
  await turn();
  FakeSocket.all[0]!.open();
  assert.deepEqual(await loop.return(), { done: true, value: undefined });
  assert.deepEqual(await pending, { done: true, value: undefined });
  assert.equal(FakeSocket.all[0]!.closed, true);
});
