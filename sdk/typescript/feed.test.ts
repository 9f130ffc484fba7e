/** The live feed, against a real monitor. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { FeedPosition } from '../../protocol/feed.ts';
import { startTestMonitor } from '../../test/processes/tmon.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import { complete, hold, submit } from '../../test/servers/steps.ts';
import {
  FeedUnavailableError,
  InvalidRequestError,
  NotFoundError,
  TranscriptionAPI,
  type TransportOptions,
} from './index.ts';

const monitor = await openMonitor({ after });

type Options = Partial<TransportOptions>;
type Ctor = NonNullable<TransportOptions['webSocket']>;

/** A client, and the real sockets that it opens. */
function clientOf(baseUrl: string, options: Options = {}) {
  const sockets: WebSocket[] = [];
  class Noted extends WebSocket {
    constructor(url: string) {
      super(url);
      sockets.push(this);
    }
  }
  const webSocket = Noted as unknown as Ctor;
  return { api: new TranscriptionAPI({ baseUrl, random: () => 0, webSocket, ...options }), sockets };
}

const key = ({ seq, index }: FeedPosition) => `${seq}.${index}`;

test('follow yields the current state, then changes; leaving the loop closes the connection', async () => {
  const { api, sockets } = clientOf(monitor.url);
  const held = await hold(monitor);
  const seen: string[] = [];
  for await (const event of api.feed.follow({ resource: 'job', job_id: held.id })) {
    seen.push(`${event.type} ${event.state}`);
    if (event.type === 'state') await complete(monitor, held);
    else if (event.state === 'COMPLETED') break;
  }
  assert.deepEqual(seen, ['state PROCESSING', 'update COMPLETED']);
  assert.equal(sockets.length, 1);
  assert.ok(sockets[0]!.readyState >= WebSocket.CLOSING);
});

test('loops share one connection, unless a message could belong to two of them', async () => {
  const { api, sockets } = clientOf(monitor.url);
  const { job_id } = await submit(monitor);
  const loops = [
    api.feed.follow({ resource: 'jobs' }),
    api.feed.follow({ resource: 'workers' }),
    api.feed.follow({ resource: 'queue' }),
    api.feed.follow({ resource: 'alerts' }),
    api.feed.follow({ resource: 'system' }),
  ];
  const first = await Promise.all(loops.map((loop) => loop.next()));
  assert.deepEqual(
    first.map(({ value }) => value?.resource),
    ['jobs', 'workers', 'queue', 'alerts', 'system'],
  );
  assert.equal(sockets.length, 1);
  const both = api.feed.follow({ resource: 'job', job_id });
  assert.equal((await both.next()).value?.resource, 'job');
  assert.equal(sockets.length, 2);
  await monitor.delete(`/jobs/${job_id}`);
  const [inJobs, inJob] = await Promise.all([loops[0]!.next(), both.next()]);
  assert.deepEqual(inJobs.value, inJob.value);
  for (const loop of [...loops, both]) await loop.return();
  assert.ok(sockets.every(({ readyState }) => readyState >= WebSocket.CLOSING));
});

test('a lost connection is reopened, and no event is missed or repeated', async () => {
  const { api, sockets } = clientOf(monitor.url);
  const away: unknown[] = [];
  const loop = api.feed.follow({ resource: 'jobs' }, { onAway: (error) => away.push(error) });
  const seen = [(await loop.next()).value!];
  const since = seen[0]!;
  for (let i = 0; i < 5; i += 1) {
    for (let j = 0; j < 3; j += 1) await submit(monitor);
    if (i % 2 === 0) sockets.at(-1)!.close();
    for (let j = 0; j < 6; j += 1) seen.push((await loop.next()).value!);
  }
  await loop.return();
  assert.ok(sockets.length >= 3, `${sockets.length} connections`);
  const again = api.feed.follow({ resource: 'jobs' }, { since });
  const all: string[] = [];
  for await (const event of again) if (all.push(key(event)) === 30) break;
  assert.deepEqual(seen.slice(1).map(key), all);
  assert.deepEqual(away, [], 'it was back before anybody had to know');
});

test('a monitor that is killed is waited for, and the feed resumes', async (t) => {
  const killed = await startTestMonitor(t);
  const { api } = clientOf(killed.url);
  const away: (string | undefined)[] = [];
  let goneAway = () => {};
  const gone = new Promise<void>((resolve) => {
    goneAway = resolve;
  });
  const onAway = (error: Error | null) => {
    away.push(error?.name);
    goneAway();
  };
  const loop = api.feed.follow({ resource: 'jobs' }, { onAway });
  assert.equal((await loop.next()).value?.type, 'state');
  const next = loop.next();
  await killed.kill();
  await gone;
  await killed.restart();
  const { id } = await killed.api.jobs.submit({ audio_url: 's3://b/a.mp3' });
  const { value } = await next;
  assert.equal(value?.resource === 'job' && value.job_id, id);
  assert.deepEqual(away, ['FeedUnavailableError', undefined]);
  await loop.return();
});

test('a refused subscription raises its own error with a hint and does not affect other loops', async () => {
  const { api, sockets } = clientOf(monitor.url);
  const queue = api.feed.follow({ resource: 'queue' });
  await queue.next();
  await assert.rejects(
    api.feed.follow({ resource: 'job', job_id: 'job-none' }).next(),
    (error) => error instanceof NotFoundError && error.code === 'job_not_found' && /job-none/.test(error.message),
  );
  await assert.rejects(
    api.feed.follow({ resource: 'jobs', filter: { state: 'LOST' as never } }).next(),
    (error) => error instanceof InvalidRequestError && /state/.test(error.message),
  );
  await submit(monitor);
  assert.equal((await queue.next()).value?.type, 'update');
  assert.equal(sockets.length, 1);
  await queue.return();
});

test('a signal ends the loop with its reason', async () => {
  const { api, sockets } = clientOf(monitor.url);
  const stop = new AbortController();
  const loop = api.feed.follow({ resource: 'alerts' }, { signal: stop.signal });
  await loop.next();
  const next = loop.next();
  stop.abort(new Error('enough'));
  await assert.rejects(next, /enough/);
  assert.ok(sockets[0]!.readyState >= WebSocket.CLOSING);
  await assert.rejects(api.feed.follow({ resource: 'alerts' }, { signal: stop.signal }).next(), /enough/);
});

class Refused {
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  constructor() {
    queueMicrotask(() => this.onclose?.({ code: 1006, reason: '' }));
  }
  close() {}
}

test('where no WebSocket gets through, the feed comes as server-sent events; if one failed, that is said once', async () => {
  for (const webSocket of [null, Refused as unknown as Ctor]) {
    const warnings: string[] = [];
    const { api } = clientOf(monitor.url, { webSocket, onWarning: (text) => warnings.push(text) });
    const held = await hold(monitor, { tags: ['followed'] });
    const jobs = api.feed.follow({ resource: 'jobs', filter: { tag: 'followed' } });
    const queue = api.feed.follow({ resource: 'queue' });
    assert.deepEqual(
      (await Promise.all([jobs.next(), queue.next()])).map(({ value }) => value?.resource),
      ['jobs', 'queue'],
    );
    await complete(monitor, held);
    const { value: ended } = await jobs.next();
    assert.deepEqual([ended?.type, ended && 'event' in ended && ended.event], ['update', 'JobCompleted']);
    const missed = api.feed.follow({ resource: 'job', job_id: held.id }, { since: { seq: ended!.seq, index: -1 } });
    assert.equal(((await missed.next()).value as { event?: string }).event, 'JobCompleted');
    await assert.rejects(api.feed.follow({ resource: 'job', job_id: 'job-none' }).next(), NotFoundError);
    for (const loop of [jobs, queue, missed]) await loop.return();
    assert.deepEqual(
      warnings.map((text) => text.slice(0, 12)),
      webSocket === null ? [] : ['no WebSocket'],
    );
  }
});

test('a server without a feed is polled', async () => {
  const fetch: typeof globalThis.fetch = (url, init) =>
    String(url).includes('/events')
      ? Promise.resolve(new Response('none', { status: 404 }))
      : globalThis.fetch(url, init);
  const { api } = clientOf(monitor.url, { webSocket: Refused as unknown as Ctor, fetch });
  await assert.rejects(api.feed.follow({ resource: 'jobs' }, { attempts: 2 }).next(), FeedUnavailableError);
  const held = await hold(monitor);
  const states: string[] = [];
  for await (const { state } of api.jobs.watch(held.id, { pollMs: 1 })) {
    states.push(state);
    if (state === 'PROCESSING') await complete(monitor, held);
  }
  assert.deepEqual(states, ['PROCESSING', 'COMPLETED']);
});

test('watch yields every transition over the feed, each with its job', async () => {
  const { api, sockets } = clientOf(monitor.url);
  const held = await hold(monitor);
  const seen: [string, number, string | null, string, number][] = [];
  for await (const { state, percentage, stage, job } of api.jobs.watch(held.id)) {
    seen.push([state, percentage, stage, job.state, job.progress.percentage]);
    if (percentage === 0)
      await api.jobs.reportProgress(held.id, { lease_token: held.token, percentage: 45, stage: 'transcribing' });
    else if (state === 'PROCESSING') await complete(monitor, held);
    else assert.equal(job.output.s3_path, 's3://transcripts/file.json');
  }
  assert.deepEqual(seen, [
    ['PROCESSING', 0, null, 'PROCESSING', 0],
    ['PROCESSING', 45, 'TRANSCRIBING', 'PROCESSING', 45],
    ['COMPLETED', 100, null, 'COMPLETED', 100],
  ]);
  assert.equal(sockets.length, 1);
  assert.ok(sockets[0]!.readyState >= WebSocket.CLOSING);
});

test('a hundred watches share one connection', async () => {
  const { api, sockets } = clientOf(monitor.url);
  const jobs = await Promise.all(Array.from({ length: 100 }, () => submit(monitor)));
  const ends = jobs.map(async ({ job_id }) => {
    let last = '';
    for await (const { state } of api.jobs.watch(job_id)) {
      last = state;
      if (state === 'QUEUED') await monitor.delete(`/jobs/${job_id}`);
    }
    return last;
  });
  assert.deepEqual([...new Set(await Promise.all(ends))], ['CANCELLED']);
  assert.equal(sockets.length, 1);
});

test('a loop slower than the fleet holds a bounded number of events, and still misses none', async () => {
  const { api, sockets } = clientOf(monitor.url);
  const loop = api.feed.follow({ resource: 'jobs' });
  const since = (await loop.next()).value!;
  let paused = () => {};
  const isPaused = new Promise<void>((resolve) => {
    paused = resolve;
  });
  const send = sockets[0]!.send.bind(sockets[0]);
  sockets[0]!.send = (text) => {
    if (String(text).includes('unsubscribe')) paused();
    send(text);
  };
  const jobs = Array.from({ length: 1000 }, () => ({ audio_url: 's3://b/a.mp3' }));
  for (let i = 0; i < 7; i += 1) await monitor.post('/jobs/batch', { jobs });
  await isPaused;
  const seen: string[] = [];
  for await (const event of loop) if (seen.push(key(event)) === 14_000) break;
  const all: string[] = [];
  for await (const event of api.feed.follow({ resource: 'jobs' }, { since }))
    if (all.push(key(event)) === 14_000) break;
  assert.deepEqual(seen, all);
});
