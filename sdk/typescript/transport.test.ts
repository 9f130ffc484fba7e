/** Sending and retrying a call, against a server with scripted responses. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { after, test } from 'node:test';
import {
  ConflictError,
  InvalidRequestError,
  LeaseExpiredError,
  OutcomeUnknownError,
  TimedOutError,
  TranscriptionAPI,
  type TransportOptions,
  UnavailableError,
  UnreachableError,
} from './index.ts';

type Seen = { method: string | undefined; url: string | undefined; headers: IncomingMessage['headers']; body: string };

const started: { close(): void }[] = [];
after(() => {
  for (const server of started) server.close();
});

/** A server that gives the n-th response to the n-th request, and the last one from then on. */
async function serving(...answers: ((response: ServerResponse, socket: Socket) => void)[]) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push({ method: request.method, url: request.url, headers: request.headers, body });
    const answer = answers[Math.min(seen.length, answers.length) - 1]!;
    answer(response, request.socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  started.push({
    close() {
      server.closeAllConnections();
      server.close();
    },
  });
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** A client that records its delays instead of waiting. */
function clientOf(baseUrl: string, options: Partial<TransportOptions> = {}) {
  const waits: number[] = [];
  const wait = async (delayMs: number) => {
    waits.push(delayMs);
  };
  return { api: new TranscriptionAPI({ baseUrl, wait, random: () => 0.5, ...options }), waits };
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
const problem = (status: number, code: string, extra: object = {}, headers: Record<string, string> = {}) =>
  json(status, { type: 'about:blank', title: 'x', status, code, detail: `because ${code}`, ...extra }, headers);
const reset = (_: ServerResponse, socket: Socket) => void socket.resetAndDestroy();

test('a submission carries an Idempotency-Key, and its retries carry the same', async () => {
  const { baseUrl, seen } = await serving(reset, problem(503, 'store_away'), json(201, { job_id: 'job-1' }));
  const { api } = clientOf(baseUrl);
  const job = await api.jobs.submit({ audio_url: 's3://bucket/a.mp3' });
  assert.equal(job.id, 'job-1');
  assert.equal(JSON.stringify(job), '{"job_id":"job-1"}', 'the short name is not in the JSON');
  const keys = new Set(seen.map((request) => request.headers['idempotency-key']));
  assert.equal(seen.length, 3);
  assert.equal(keys.size, 1);
  assert.match([...keys][0] as string, /^[0-9a-f]{32}$/);
  assert.ok(seen.every((request) => request.body === '{"audio_url":"s3://bucket/a.mp3"}'));
});

test('two submissions have different keys, a read has none, a caller’s key is kept', async () => {
  const { baseUrl, seen } = await serving(json(200, { job_id: 'job-1' }));
  const { api } = clientOf(baseUrl);
  await api.jobs.submit({ audio_url: 's3://b/a' });
  await api.jobs.submit({ audio_url: 's3://b/a' });
  await api.jobs.get('job-1');
  await api.jobs.retry('job-1', { idempotencyKey: 'mine' });
  const [first, second, read, given] = seen.map((request) => request.headers['idempotency-key']);
  assert.notEqual(first, second);
  assert.equal(read, undefined);
  assert.equal(given, 'mine');
});

test('delays double with full jitter and end after the last retry', async () => {
  const { baseUrl, seen } = await serving(problem(503, 'store_away'));
  const { api, waits } = clientOf(baseUrl);
  await assert.rejects(api.jobs.get('job-1'), UnavailableError);
  assert.equal(seen.length, 5);
  assert.deepEqual(waits, [125, 250, 500, 1000]);
});

test('Retry-After is respected; if it is too long, the call rejects at once', async () => {
  const short = await serving(problem(429, 'busy', {}, { 'retry-after': '7' }), json(200, { job_id: 'job-1' }));
  const patient = clientOf(short.baseUrl);
  await patient.api.jobs.get('job-1');
  assert.deepEqual(patient.waits, [7125]);

  const long = await serving(problem(503, 'store_away', {}, { 'retry-after': '3600' }));
  const hurried = clientOf(long.baseUrl);
  await assert.rejects(hurried.api.jobs.get('job-1'), { retryAfterSeconds: 3600 });
  assert.equal(long.seen.length, 1);
});

test('a call with an unknown outcome is retried with its key; if the outcome stays unknown, the error has the key', async () => {
  const known = await serving(
    problem(503, 'outcome_unknown', { idempotency_key: 'k1' }),
    json(201, { job_id: 'job-1' }),
  );
  await clientOf(known.baseUrl).api.jobs.submit({ audio_url: 's3://b/a' }, { idempotencyKey: 'k1' });
  assert.deepEqual(
    known.seen.map((request) => request.headers['idempotency-key']),
    ['k1', 'k1'],
  );

  const unknown = await serving(problem(503, 'outcome_unknown', { idempotency_key: 'k2' }));
  await assert.rejects(
    clientOf(unknown.baseUrl).api.jobs.submit({ audio_url: 's3://b/a' }),
    (error) => error instanceof OutcomeUnknownError && error.idempotencyKey === 'k2',
  );
});

test('a refusal is not retried, and its error has class, code, hint, state and fields', async () => {
  const refused = async (answer: ReturnType<typeof problem>) => {
    const { baseUrl, seen } = await serving(answer);
    const error = await clientOf(baseUrl)
      .api.jobs.cancel('job-1')
      .catch((caught: unknown) => caught);
    assert.equal(seen.length, 1);
    return error;
  };
  const conflict = await refused(
    problem(409, 'job_finished', { state: 'COMPLETED', hint: 'too late', request_id: 'r1' }),
  );
  assert.ok(conflict instanceof ConflictError);
  assert.deepEqual(
    [conflict.code, conflict.message, conflict.hint, conflict.state, conflict.status, conflict.requestId],
    ['job_finished', 'because job_finished', 'too late', 'COMPLETED', 409, 'r1'],
  );
  assert.ok((await refused(problem(409, 'lease_expired'))) instanceof LeaseExpiredError);
  const invalid = await refused(
    problem(400, 'invalid_body', { errors: [{ field: '/audio_url', message: 'missing' }] }),
  );
  assert.ok(invalid instanceof InvalidRequestError);
  assert.deepEqual(invalid.errors, [{ field: '/audio_url', message: 'missing' }]);
});

test('the error for a response that is not a problem document quotes it', async () => {
  const { baseUrl } = await serving((response) => {
    response.writeHead(418, { 'content-type': 'text/html' }).end('<h1>teapot</h1>\n');
  });
  await assert.rejects(clientOf(baseUrl).api.jobs.get('job-1'), {
    code: 'unexpected_response',
    status: 418,
    message: /is not the monitor's: status 418: <h1>teapot<\/h1>$/,
  });
});

test('a closed port raises UnreachableError, silence TimedOutError', async () => {
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as AddressInfo;
  gone.close();
  await once(gone, 'close');
  await assert.rejects(
    clientOf(`http://127.0.0.1:${port}`, { retries: 0 }).api.jobs.get('job-1'),
    (error) => error instanceof UnreachableError && /connection refused/.test(error.message),
  );

  const { baseUrl } = await serving(() => {});
  await assert.rejects(clientOf(baseUrl, { retries: 0, timeoutMs: 20 }).api.jobs.get('job-1'), TimedOutError);
});

test('an aborted call rejects with the reason, during a request or between retries', async () => {
  const reason = new Error('enough');
  const stop = new AbortController();
  const silent = await serving(() => stop.abort(reason));
  await assert.rejects(clientOf(silent.baseUrl).api.jobs.get('job-1', { signal: stop.signal }), reason);

  const again = new AbortController();
  const busy = await serving((response) => {
    problem(503, 'store_away')(response);
    again.abort(reason);
  });
  const client = clientOf(busy.baseUrl, { wait: undefined, random: () => 1 });
  await assert.rejects(client.api.jobs.get('job-1', { signal: again.signal }), reason);
});

test('a list is fetched page by page, only as far as needed', async () => {
  const { baseUrl, seen } = await serving(
    json(200, { items: [{ job_id: 'a' }, { job_id: 'b' }], next_cursor: 'c1' }),
    json(200, { items: [{ job_id: 'c' }], next_cursor: null }),
  );
  const { api } = clientOf(baseUrl);
  const ids: string[] = [];
  const jobs = api.jobs.list({ state: 'QUEUED', limit: 2 });
  assert.equal(seen.length, 0);
  for await (const job of jobs) {
    ids.push(job.id);
    if (ids.length === 2) assert.equal(seen.length, 1);
  }
  assert.deepEqual(ids, ['a', 'b', 'c']);
  assert.deepEqual(
    seen.map((request) => request.url),
    ['/api/v1/jobs?state=QUEUED&limit=2', '/api/v1/jobs?state=QUEUED&limit=2&cursor=c1'],
  );
});

test('without a live feed, watch polls with If-None-Match, yields only changes, survives a server that goes away, and ends with the job', async () => {
  const job = (state: string, percentage: number) => ({
    job_id: 'job-1',
    state,
    progress: { percentage, stage: 'TRANSCRIBING' },
    retry_info: { attempt: 1 },
  });
  const { baseUrl, seen } = await serving(
    json(200, job('PROCESSING', 10), { etag: '"1"' }),
    json(404, { reason: 'a proxy that knows no /events' }),
    (response) => void response.writeHead(304).end(),
    reset,
    json(200, job('PROCESSING', 60), { etag: '"2"' }),
    json(200, { ...job('PROCESSING', 60), updated_at: 'later' }, { etag: '"3"' }),
    json(200, job('COMPLETED', 100), { etag: '"4"' }),
  );
  const { api } = clientOf(baseUrl, { retries: 0, webSocket: null });
  const updates: unknown[] = [];
  const away: (string | undefined)[] = [];
  const onAway = (error: Error | null) => void away.push(error?.name);
  for await (const { state, percentage, stage, job } of api.jobs.watch('job-1', { pollMs: 1, onAway })) {
    updates.push([state, percentage, stage, job.id]);
  }
  assert.deepEqual(updates, [
    ['PROCESSING', 10, 'TRANSCRIBING', 'job-1'],
    ['PROCESSING', 60, 'TRANSCRIBING', 'job-1'],
    ['COMPLETED', 100, 'TRANSCRIBING', 'job-1'],
  ]);
  assert.deepEqual(away, ['UnreachableError', undefined]);
  assert.equal(seen[0]?.headers['if-none-match'], undefined);
  assert.match(seen[1]?.url ?? '', /^\/api\/v1\/events\?resource=job/);
  assert.equal(seen[2]?.headers['if-none-match'], '"1"');
});

test('an id can address only its own job', async () => {
  const { baseUrl, seen } = await serving(json(200, { job_id: 'x' }));
  await clientOf(baseUrl).api.jobs.get('../workers?x=/y');
  assert.equal(seen[0]?.url, '/api/v1/jobs/..%2Fworkers%3Fx%3D%2Fy');
  await assert.rejects(clientOf(baseUrl).api.jobs.get('..'), { code: 'bad_id' });
  assert.equal(seen.length, 1);
});

test('a warning of the monitor is passed on once, however often it comes', async () => {
  const warning = { 'tmon-warning': 'this monitor has no API keys' };
  const { baseUrl } = await serving(json(200, { items: [], next_cursor: null }, warning));
  const warned: string[] = [];
  const { api } = clientOf(baseUrl, { apiKey: 'tmk_x', onWarning: (text) => warned.push(text) });
  for (let call = 0; call < 3; call++) await api.system.metrics();
  assert.deepEqual(warned, ['this monitor has no API keys']);
});

test('a POST is not sent as a GET to where a proxy redirects; 307 and 308 are followed with the method and the body', async () => {
  const moved = await serving((response) => {
    response.writeHead(301, { location: 'https://monitor.example/api/v1/jobs' }).end();
  });
  await assert.rejects(clientOf(moved.baseUrl).api.jobs.submit({ audio_url: 's3://b/a' }), {
    code: 'unexpected_response',
    hint: /https:\/\/monitor\.example\/api\/v1\/jobs/,
  });
  assert.equal(moved.seen.length, 1);
  for (const status of [307, 308]) {
    const kept = await serving(
      (response) => void response.writeHead(status, { location: '/tmon/api/v1/jobs' }).end(),
      json(201, { job_id: 'job-7' }),
    );
    const { api } = clientOf(kept.baseUrl, { apiKey: 'tmk_1' });
    assert.equal((await api.jobs.submit({ audio_url: 's3://b/a' })).id, 'job-7');
    const [first, second] = kept.seen;
    assert.deepEqual([second?.method, second?.url, second?.body], ['POST', '/tmon/api/v1/jobs', first?.body]);
    assert.equal(second?.headers['idempotency-key'], first?.headers['idempotency-key']);
    const elsewhere = await serving(
      (response) => void response.writeHead(status, { location: 'http://elsewhere.example/' }).end(),
    );
    await assert.rejects(clientOf(elsewhere.baseUrl).api.jobs.get('job-7'), { hint: /elsewhere\.example/ });
  }
});

test('the user of the address and other headers go to the proxy, and into no message', async () => {
  const { baseUrl, seen } = await serving(json(200, { job_id: 'job-1' }));
  const address = baseUrl.replace('//', '//me:s3cret@');
  const { api } = clientOf(address, { apiKey: 'tmk_1', headers: { 'cf-access-client-id': 'id-1' } });
  await api.jobs.get('job-1');
  const { headers } = seen[0]!;
  assert.deepEqual(
    [headers.authorization, headers['x-api-key'], headers['cf-access-client-id']],
    [`Basic ${btoa('me:s3cret')}`, 'tmk_1', 'id-1'],
  );
  const gone = clientOf('http://me:s3cret@127.0.0.1:9', { retries: 0 }).api.jobs.get('job-1');
  await assert.rejects(gone, (error: Error) => !/s3cret/.test(JSON.stringify([error.message, error])));
});

test('a large body is compressed, once an older monitor has refused that no more', async () => {
  const refused = await serving(problem(415, 'unsupported_media_type'), json(200, { s3_path: 's3://b/t.json' }));
  const { api } = clientOf(refused.baseUrl);
  const words = { text: 'word '.repeat(20_000), language: null, duration_seconds: 1, engine: 'x', segments: [] };
  const put = () => api.jobs.putTranscript('job-1', 't', words);
  await put();
  await put();
  assert.deepEqual(
    refused.seen.map(({ headers }) => headers['content-encoding']),
    ['gzip', undefined, undefined],
  );
  assert.ok(Number(refused.seen[0]!.headers['content-length']) * 50 < refused.seen[1]!.body.length);
});
