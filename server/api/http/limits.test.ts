/** Limits of requests: oversized or malicious input is refused, without large memory use or exposed internals. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO, register, submit } from '../../../test/servers/steps.ts';
import { systemClock } from '../../clock.ts';
import { readSettings } from '../../config.ts';
import { buildApi } from './app.ts';

const monitor = await openMonitor({ after });
const JSON_TYPE = { 'content-type': 'application/json' };

/** The server's response to these exact bytes, until it closes. */
async function raw(bytes: string): Promise<string> {
  const { hostname, port } = new URL(monitor.url);
  const socket = connect(Number(port), hostname);
  let response = '';
  socket.on('data', (chunk: Buffer) => {
    response += chunk.toString();
  });
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'close');
  return response;
}

test('[S10] a body over 1 MiB is 413, with or without Content-Length', async () => {
  const big = JSON.stringify({ audio_url: AUDIO, tags: ['x'.repeat(1024 * 1024)] });
  for (const body of [big, new Blob([big]).stream()]) {
    const { status, body: problem } = await monitor.call('POST', '/api/v1/jobs', { body, headers: JSON_TYPE });
    assert.deepEqual([status, problem.code], [413, 'body_too_large']);
    assert.match(problem.hint, /uploads/);
  }
  const events = { body: 'x'.repeat(1024 * 1024 + 1), headers: { 'content-type': 'application/x-ndjson' } };
  assert.equal((await monitor.call('POST', '/api/v1/events', events)).status, 413);
});

test('[S10] JSON is nested 32 deep at most, and a body of brackets alone is harmless', async () => {
  const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
  const post = (body: string) => monitor.call('POST', '/api/v1/jobs', { body, headers: JSON_TYPE });
  assert.equal((await post(nested(32))).body.code, 'invalid_body');
  assert.equal((await post(nested(33))).body.code, 'too_deep');
  const brackets = await post('['.repeat(1024 * 1024));
  assert.deepEqual([brackets.status, brackets.body.code], [400, 'invalid_json']);
  assert.equal((await post(`${'['.repeat(500_000)}${']'.repeat(500_000)}`)).body.code, 'too_deep');
});

test('[S12] headers over 16 KiB are 431, as a problem', async () => {
  const { status, headers, body } = await monitor.get('/jobs', { 'x-flood': 'y'.repeat(17_000) });
  assert.deepEqual([status, body.code], [431, 'headers_too_large']);
  assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
});

test('[S12] headers have to arrive within 20 seconds, so that slow ones cannot occupy every connection', async () => {
  const { app, close } = await buildApi(readSettings({}, {}), '0', () => {});
  assert.equal(app.server.headersTimeout, 20_000);
  await close(systemClock);
});

test('[S12] a body may be compressed with gzip, and unpacked it is as small as any other', async () => {
  const post = (body: Uint8Array, encoding: string) =>
    monitor.call('POST', '/api/v1/jobs', { body, headers: { ...JSON_TYPE, 'content-encoding': encoding } });
  const text = JSON.stringify({ audio_url: AUDIO });
  assert.equal((await post(gzipSync(text), 'gzip')).status, 201);
  const bomb = await post(gzipSync(Buffer.alloc(64 * 1024 * 1024)), 'GZIP');
  assert.deepEqual([bomb.status, bomb.body.code], [413, 'body_too_large']);
  const damaged = await post(gzipSync(text).subarray(0, 20), 'gzip');
  assert.deepEqual([damaged.status, damaged.body.code], [400, 'invalid_gzip']);
  for (const encoding of ['deflate', 'br', 'gzip, gzip']) {
    const other = await post(deflateSync(text), encoding);
    assert.deepEqual([other.status, other.body.code], [415, 'unsupported_media_type'], encoding);
  }
});

test('a request whose length is given in two ways is refused, so that no proxy sees another one in it', async () => {
  const head = 'POST /api/v1/jobs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n';
  const inner = 'GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n';
  for (const lengths of [
    'content-length: 5\r\ntransfer-encoding: chunked',
    'transfer-encoding: chunked\r\ncontent-length: 5',
    'content-length: 5\r\ncontent-length: 6',
    'transfer-encoding: chunked, identity',
  ]) {
    const response = await raw(`${head}${lengths}\r\n\r\n0\r\n\r\n${inner}`);
    assert.match(response, /^HTTP\/1\.1 400 /, lengths);
    assert.equal(response.match(/^HTTP\/1\.1/gm)?.length, 1, `${lengths}: ${response}`);
  }
});

test('a query parameter that stands twice is refused', async () => {
  const { status, body } = await monitor.get('/jobs?limit=1&limit=2');
  assert.deepEqual([status, body.code], [400, 'invalid_query']);
});

test('a malformed request gets a problem document', async () => {
  assert.match(await raw('GARBAGE\r\n\r\n'), /^HTTP\/1\.1 400 [\s\S]*application\/problem\+json[\s\S]*"bad_request"/);
});

test('[S27] __proto__ and similar names are ordinary names', async () => {
  const post = (body: string, path = '/jobs') => monitor.call('POST', `/api/v1${path}`, { body, headers: JSON_TYPE });
  const refused = await post(`{"audio_url":"${AUDIO}","__proto__":{"state":"COMPLETED"}}`);
  assert.deepEqual([refused.status, refused.body.errors[0].field], [400, '/__proto__']);
  const kept = await post(
    `{"audio_url":"${AUDIO}","metadata":{"__proto__":"p","constructor":"c","toString":"t","hasOwnProperty":"h"}}`,
  );
  assert.equal(kept.status, 201);
  const text = (await monitor.get(`/jobs/${kept.body.job_id}`)).text;
  assert.ok(text.includes('"metadata":{"__proto__":"p","constructor":"c","toString":"t","hasOwnProperty":"h"}'));
  for (const id of ['__proto__', 'constructor', 'toString']) {
    assert.ok([400, 404].includes((await monitor.get(`/jobs/${id}`)).status), id);
    assert.ok([400, 404].includes((await monitor.get(`/workers/${id}`)).status), id);
    assert.deepEqual((await monitor.get(`/jobs?tag=${id}`)).body.items, []);
  }
  await register(monitor, 'constructor');
  assert.equal((await monitor.get('/workers/constructor')).body.worker_id, 'constructor');
  const batch = await post(`{"jobs":[{"__proto__":{"audio_url":"${AUDIO}"}}]}`, '/jobs/batch');
  assert.equal(batch.body.jobs[0].status, 400);
  assert.equal(({} as { state?: unknown }).state, undefined);
});

test('ids are at most 64 letters, digits, _ and -; anything else is refused', async () => {
  const wrong = [
    '-x',
    '_x',
    'a'.repeat(65),
    'a b',
    'a/b',
    'a\\b',
    'ä',
    '💥',
    'a\n',
    'a\u0000',
    '%',
    'a.b',
    'a;b',
    "a'b",
    '<a>',
    'a?b',
    'a#b',
  ];
  for (let n = 0; n < 200; n++) {
    // Every byte value except the characters allowed in ids.
    const code = (n * 89) % 256;
    if (!/[A-Za-z0-9_-]/.test(String.fromCharCode(code))) wrong.push(`id${String.fromCharCode(code)}id`);
  }
  const paths = ['/jobs/ID/timeline', '/workers/ID/jobs', '/uploads/ID', '/jobs/ID'];
  for (const [n, id] of wrong.entries()) {
    const { status, body } = await monitor.get(paths[n % 4]!.replace('ID', () => encodeURIComponent(id)));
    assert.deepEqual([status, body.code], [400, 'invalid_params'], JSON.stringify(id));
  }
  assert.equal((await monitor.get(`/jobs/${'a'.repeat(5000)}`)).status, 400);
  const longest = `A${'b'.repeat(61)}-_`;
  assert.equal((await register(monitor, longest)).worker_id, longest);
});

test('numbers, texts and lists beyond their limits are refused by field', async () => {
  const wrong: Record<string, unknown>[] = [
    { audio_url: `s3://a/${'x'.repeat(2048)}` },
    { audio_url: 'file:///etc/passwd' },
    { audio_url: 's3://bucket' },
    { audio_url: 'https://host name/x' },
    { duration_seconds: -1 },
    { duration_seconds: '5' },
    { file_size_bytes: 1.5 },
    { max_attempts: 21 },
    { tags: Array.from({ length: 33 }, (_, n) => `t${n}`) },
    { tags: [''] },
    { metadata: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`n${n}`, 'x'])) },
    { metadata: { x: 'y'.repeat(1025) } },
    { webhook_url: 'javascript:alert(1)' },
    { output_format: 'JSON' },
  ];
  for (const field of wrong) {
    const { status, body } = await monitor.post('/jobs', { audio_url: AUDIO, ...field });
    assert.equal(status, 400, JSON.stringify(field).slice(0, 80));
    assert.ok(body.errors[0].field.startsWith(`/${Object.keys(field)[0]}`));
  }
});

test('[S31] no error reveals internals', async () => {
  const { job_id } = await submit(monitor);
  const responses = await Promise.all([
    monitor.get('/jobs/%zz'),
    monitor.get('/jobs/job-unknown'),
    monitor.get('/nothing'),
    monitor.post('/jobs', { audio_url: 5 }),
    monitor.post('/jobs/batch', { jobs: 'x' }),
    monitor.post(`/jobs/${job_id}/complete`, { lease_token: 'x', output: { s3_path: 'x', segments_count: 1 } }),
    monitor.call('POST', '/api/v1/jobs', { body: '{', headers: JSON_TYPE }),
    monitor.call('POST', '/api/v1/jobs', { body: 'x', headers: { 'content-type': 'text/html' } }),
  ]);
  for (const { status, text, headers } of responses) {
    assert.ok(status >= 400 && status < 500);
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
    assert.doesNotMatch(text, /node_modules|\.ts:\d|at \w+ \(|server\//);
    const problem = JSON.parse(text);
    for (const field of ['type', 'title', 'status', 'code', 'detail', 'request_id']) assert.ok(problem[field], field);
    assert.equal(problem.status, status);
  }
});
