/** A client whose calls go over one WebSocket: the same results, errors and guarantees as over HTTP. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startLossyProxy } from '../../test/servers/lossy-proxy.ts';
import { type Monitor, openMonitor } from '../../test/servers/monitor.ts';
import { AUDIO, completion, register, submit } from '../../test/servers/steps.ts';
import { InvalidRequestError, LeaseExpiredError, NotFoundError, TranscriptionAPI } from './index.ts';

type Cleaning = Parameters<typeof openMonitor>[0];

/** Counts HTTP requests and opened WebSockets. */
function clientOf(t: Cleaning, baseUrl: string, options: object = {}) {
  const requests: string[] = [];
  let sockets = 0;
  class Counted extends WebSocket {
    constructor(url: string) {
      super(url);
      sockets += 1;
    }
  }
  const api = new TranscriptionAPI({
    baseUrl,
    transport: 'websocket',
    webSocket: Counted as never,
    fetch: (url, init) => {
      requests.push(`${init?.method} ${new URL(String(url)).pathname}`);
      return fetch(url, init);
    },
    wait: () => Promise.resolve(),
    ...options,
  });
  t.after(() => api.close());
  return { api, requests, sockets: () => sockets };
}

const registration = { capabilities: {} };
const report = (lease_token: string) => ({ lease_token, percentage: 50, stage: 'TRANSCRIBING' });

async function holdBy(api: TranscriptionAPI) {
  await api.workers.register('worker-1', registration);
  const { id } = await api.jobs.submit({ audio_url: AUDIO });
  const { jobs } = await api.workers.claim('worker-1', { max_jobs: 1 });
  assert.equal(jobs[0]?.job.job_id, id);
  return { id, token: jobs[0]!.lease.token };
}

const stateOf = async (monitor: Monitor, id: string) => (await monitor.get(`/jobs/${id}`)).body.state;

test('a worker’s whole life goes over one WebSocket, without HTTP requests', async (t) => {
  const monitor = await openMonitor(t);
  const { api, requests, sockets } = clientOf(t, monitor.url);
  const { id, token } = await holdBy(api);
  const waiting = api.workers.claim('worker-1', { wait_seconds: 20 });
  const beat = await api.workers.heartbeat('worker-1', { health: { cpu_usage: 5 }, leases: [token] });
  assert.equal(beat.leases[0]?.token, token);
  await api.jobs.reportProgress(id, report(token));
  assert.equal((await api.jobs.complete(id, completion(token))).state, 'COMPLETED');
  const [next] = await api.jobs.submitBatch([{ audio_url: AUDIO }]);
  const held = (await waiting).jobs[0]!;
  assert.equal(held.job.job_id, (next as { id: string }).id);
  const error = { code: 'worker_error', message: 'it broke', retryable: false };
  assert.equal((await api.jobs.fail(held.job.job_id, { lease_token: held.lease.token, error })).state, 'FAILED');
  assert.deepEqual([requests, sockets()], [[], 1]);
});

test('refusals raise the same errors as over HTTP', async (t) => {
  const monitor = await openMonitor(t);
  const { api, requests } = clientOf(t, monitor.url);
  const { id, token } = await holdBy(api);
  const stale = await api.jobs.complete(id, completion('stale')).catch((error) => error);
  assert.ok(stale instanceof LeaseExpiredError);
  assert.deepEqual([stale.status, stale.state, typeof stale.requestId], [409, 'PROCESSING', 'string']);
  const wrong = await api.jobs.complete(id, { lease_token: token } as never).catch((error) => error);
  assert.ok(wrong instanceof InvalidRequestError);
  assert.deepEqual(wrong.errors, [{ field: '/output', message: 'is missing' }]);
  await assert.rejects(api.workers.heartbeat('nobody', {}), NotFoundError);
  assert.deepEqual(requests, []);
});

test('a call whose connection is cut before its answer is sent again and takes effect once', async (t) => {
  const monitor = await openMonitor(t);
  const proxy = await startLossyProxy(monitor.url);
  t.after(() => proxy.stop());
  const { api, requests, sockets } = clientOf(t, proxy.endpoint);
  const { id, token } = await holdBy(api);
  proxy.loseNextAnswer();
  assert.equal((await api.jobs.complete(id, completion(token))).state, 'COMPLETED');
  proxy.loseNextAnswer();
  const job = await api.jobs.submit({ audio_url: AUDIO });
  const { items } = (await monitor.get('/jobs?state=QUEUED')).body;
  assert.deepEqual(
    items.map(({ job_id }: { job_id: string }) => job_id),
    [job.id],
  );
  assert.deepEqual([requests, sockets()], [[], 3]);
});

test('an aborted claim is given no job', async (t) => {
  const monitor = await openMonitor(t);
  const { api } = clientOf(t, monitor.url);
  await api.workers.register('worker-1', registration);
  const stop = new AbortController();
  const waiting = api.workers.claim('worker-1', { wait_seconds: 20 }, { signal: stop.signal });
  await api.workers.heartbeat('worker-1', {});
  stop.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  // Follows the cancellation on the same connection.
  await api.workers.heartbeat('worker-1', {});
  const { job_id } = await submit(monitor);
  assert.equal(await stateOf(monitor, job_id), 'QUEUED');
});

test('if no WebSocket is available or can be opened, calls go over HTTP', async (t) => {
  const monitor = await openMonitor(t);
  class Refused extends WebSocket {
    constructor(url: string) {
      super(url.replace(/\/ws$/, '/none'));
    }
  }
  for (const webSocket of [null, Refused]) {
    const { api, requests } = clientOf(t, monitor.url, { webSocket });
    const { id, token } = await holdBy(api);
    assert.equal((await api.jobs.complete(id, completion(token))).state, 'COMPLETED');
    assert.equal(requests.length, 4);
  }
});

test('bodies larger than a frame or not JSON go over HTTP', async (t) => {
  const monitor = await openMonitor(t);
  const { api, requests } = clientOf(t, monitor.url);
  const jobs = Array.from({ length: 500 }, () => ({ audio_url: AUDIO, metadata: { text: 'x'.repeat(100) } }));
  assert.equal((await api.jobs.submitBatch(jobs)).length, 500);
  assert.deepEqual(requests, ['POST /api/v1/jobs/batch']);
});

test('the caller’s own idempotency key is the same over HTTP', async (t) => {
  const monitor = await openMonitor(t);
  const { api } = clientOf(t, monitor.url);
  await register(monitor);
  const { id } = await api.jobs.submit({ audio_url: AUDIO }, { idempotencyKey: 'mine' });
  const http = new TranscriptionAPI({ baseUrl: monitor.url });
  assert.equal((await http.jobs.submit({ audio_url: AUDIO }, { idempotencyKey: 'mine' })).id, id);
});
