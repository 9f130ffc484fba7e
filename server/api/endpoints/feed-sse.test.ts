/** The live feed as Server-Sent Events, for clients without WebSocket. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { EventsClient } from '../../../test/servers/feed-client.ts';
import { assertFeedMessage } from '../../../test/servers/feed-schema.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { complete, hold, submit } from '../../../test/servers/steps.ts';

const monitor = await openMonitor({ after });

test('a stream begins with the current state; every event has its position as id', async (t) => {
  const held = await hold(monitor);
  const events = await EventsClient.open(t, monitor.url, `?resource=job&job_id=${held.id}`);
  assert.equal(events.response.headers.get('content-type'), 'text/event-stream');
  assert.equal(events.response.headers.get('cache-control'), 'no-store');
  // Proxies neither compress nor buffer it.
  assert.equal(events.response.headers.get('content-encoding'), 'identity');
  assert.equal(events.response.headers.get('x-accel-buffering'), 'no');
  const first = await events.next();
  assert.equal(first.data.type, 'state');
  await complete(monitor, held);
  const last = await events.next();
  assert.equal(last.data.state, 'COMPLETED');
  for (const { id, data } of [first, last]) {
    assert.equal(id, `${data.seq}.${data.index}`);
    assertFeedMessage(data);
  }
});

test('without a resource the stream follows all jobs, filtered by the query', async (t) => {
  const low = await submit(monitor, { priority: 'low', tags: ['quiet'] });
  const all = await EventsClient.open(t, monitor.url);
  assert.equal((await all.next()).data.resource, 'jobs');
  const some = await EventsClient.open(t, monitor.url, '?priority=low&tag=quiet');
  const { items } = (await some.next()).data;
  assert.deepEqual(
    items.map(({ job_id }: { job_id: string }) => job_id),
    [low.job_id],
  );
  const held = await hold(monitor, { priority: 'high' });
  const ofWorker = await EventsClient.open(t, monitor.url, '?worker_id=worker-1');
  await ofWorker.next();
  await complete(monitor, held);
  assert.equal((await ofWorker.next()).data.job_id, held.id);
});

test('Last-Event-ID resumes with exactly the missed events, and takes precedence over since', async (t) => {
  const held = await hold(monitor);
  const query = `?resource=job&job_id=${held.id}`;
  const before = await EventsClient.open(t, monitor.url, query);
  const { id } = await before.next();
  before.close();
  await complete(monitor, held);
  for (const [more, headers] of [
    [`&since=${id}`, {}],
    ['', { 'last-event-id': id }],
    ['&since=1.-1', { 'last-event-id': id }],
  ] as const) {
    const back = await EventsClient.open(t, monitor.url, query + more, headers);
    assert.deepEqual([(await back.next()).data.event], ['JobCompleted']);
  }
});

test('a position in the future is a reset', async (t) => {
  const events = await EventsClient.open(t, monitor.url, '?resource=workers', { 'last-event-id': '99999.0' });
  assert.equal((await events.next()).data.type, 'reset');
});

test('invalid input is refused with a problem document', async () => {
  for (const [query, status, words] of [
    ['?resource=everything', 400, /resource/],
    ['?resource=job', 400, /job_id is missing/],
    ['?resource=job&job_id=job-none', 404, /job-none/],
    ['?resource=worker&worker_id=unknown', 404, /unknown/],
    ['?since=yesterday', 400, /42\.3/],
    ['?since=1.1.1', 400, /42\.3/],
    ['?colour=red', 400, /colour/],
    ['?state=LOST', 400, /state/],
  ] as const) {
    const { body } = await monitor.get(`/events${query}`);
    assert.equal(body.status, status, query);
    assert.match(body.detail, words);
  }
  const { body } = await monitor.get('/events', { 'last-event-id': 'x'.repeat(1000) });
  assert.equal(body.status, 400);
});

test('a keep-alive is not an event, but advances the id, so that little is read back on a resume', async (t) => {
  const clock = new JumpingClock();
  const other = await openMonitor(t, { clock });
  const { job_id } = await submit(other);
  const events = await EventsClient.open(t, other.url, `?resource=job&job_id=${job_id}`);
  await events.next();
  for (let i = 0; i < 3; i += 1) await submit(other);
  const { headers } = await other.get('/jobs');
  const alive = events.alive();
  clock.jump(15_000);
  assert.equal(await alive, `${Number(headers.get('tmon-seq')) + 1}.-1`);
  await other.delete(`/jobs/${job_id}`);
  assert.equal((await events.next()).data.state, 'CANCELLED');
});

test('a stop ends the stream, even of a client that does not read, and is not delayed', async (t) => {
  const stopping = await openMonitor(t);
  const events = await EventsClient.open(t, stopping.url);
  await events.next();
  const deaf = connect(Number(new URL(stopping.url).port), '127.0.0.1');
  t.after(() => void deaf.destroy());
  deaf.write(`GET /api/v1/events HTTP/1.1\r\nhost: ${new URL(stopping.url).host}\r\n\r\n`);
  await once(deaf, 'data');
  deaf.pause();
  const ended = assert.rejects(events.next(), /ended/);
  await stopping.stop();
  await ended;
});

test('a stream begins with a comment, so that a proxy has something to send at once', async (t) => {
  const { host, hostname, port } = new URL(monitor.url);
  const socket = connect(Number(port), hostname);
  t.after(() => void socket.destroy());
  socket.write(`GET /api/v1/events HTTP/1.1\r\nhost: ${host}\r\naccept-encoding: gzip\r\n\r\n`);
  let received = '';
  while (!/\r\n\r\n\S/.test(received)) received += (await once(socket, 'data'))[0];
  assert.match(received, /\r\n\r\n[0-9a-f]+\r\n:\n\n/);
});

test('pages of another origin are refused', async () => {
  const { status } = await monitor.get('/events', { origin: 'http://evil.example' });
  assert.equal(status, 403);
});
