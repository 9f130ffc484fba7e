/** Headers of every response, accepted encodings, and requests from pages of an allowed origin. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, test } from 'node:test';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO } from '../../../test/servers/steps.ts';

const PAGE = 'https://app.example.com';
const monitor = await openMonitor({ after }, { allowed_origins: PAGE });
const JSON_TYPE = { 'content-type': 'application/json' };

/** fetch does not allow setting `Origin`. */
function send(method: string, path: string, headers: Record<string, string>, body = '') {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    headers: NodeJS.Dict<string | string[]>;
  }>();
  const call = request(`${monitor.url}${path}`, { method, headers }, (response) => {
    resolve({ status: response.statusCode ?? 0, headers: response.headers });
    response.destroy();
  });
  call.on('error', reject);
  call.end(body);
  return promise;
}

test('every response disables MIME sniffing, and of those of the API nothing is kept, framed or run', async () => {
  for (const [method, path] of [
    ['GET', '/livez'],
    ['GET', '/metrics'],
    ['GET', '/api/v1/jobs'],
    ['GET', '/api/v1/events'],
    ['GET', '/api/v1/nothing'],
    ['POST', '/api/v1/jobs'],
    ['GET', '/api/v1/jobs/%zz'],
    ['GET', '/docs/'],
  ] as const) {
    const { headers } = await send(method, path, {});
    assert.equal(headers['x-content-type-options'], 'nosniff', `${method} ${path}`);
    const policy = String(headers['content-security-policy']);
    for (const part of ["base-uri 'none'", "frame-ancestors 'none'"])
      assert.ok(policy.includes(part), `${path} ${policy}`);
    if (path === '/docs/') continue;
    assert.match(policy, /^default-src 'none'; /, path);
    assert.equal(headers['cache-control'], 'no-store', path);
    assert.equal(headers['referrer-policy'], 'no-referrer', path);
  }
});

test('the method TRACE, which repeats a request, is not supported', async () => {
  for (const path of ['/', '/api/v1/jobs', '/livez']) {
    const { status, headers } = await send('TRACE', path, { 'x-api-key': 'secret' });
    assert.ok(status === 404 || status === 405, `${path} ${status}`);
    assert.match(String(headers['content-type']), /^application\/problem\+json/);
  }
});

test('a body in invalid UTF-8 or another charset is refused', async () => {
  const json = Buffer.from(`{"audio_url":"${AUDIO}","tags":["\u00e9"]}`, 'latin1');
  for (const path of ['/jobs', '/events']) {
    const type = path === '/jobs' ? 'application/json' : 'application/x-ndjson';
    const post = (body: Uint8Array, charset: string) =>
      monitor.call('POST', `/api/v1${path}`, { body, headers: { 'content-type': `${type}${charset}` } });
    const bad = await post(json, '');
    assert.deepEqual([bad.status, bad.body.code], [400, 'invalid_utf8'], path);
    for (const charset of ['; charset=utf-16', '; charset="ISO-8859-1"', ';x=y;Charset=latin1']) {
      const other = await post(json, charset);
      assert.deepEqual([other.status, other.body.code], [415, 'unsupported_media_type'], charset);
    }
  }
  const body = `{"audio_url":"${AUDIO}","tags":["é"]}`;
  for (const charset of ['; charset=UTF-8', '; charset="utf-8"', '; charset=utf8']) {
    const headers = { 'content-type': `application/json${charset}` };
    assert.equal((await monitor.call('POST', '/api/v1/jobs', { body, headers })).status, 201, charset);
  }
});

test('the last value of a duplicate name in a JSON object counts', async () => {
  const body = `{"audio_url":"s3://a/b","audio_url":"${AUDIO}"}`;
  const { body: job } = await monitor.call('POST', '/api/v1/jobs', { body, headers: JSON_TYPE });
  assert.equal(job.input.s3_path, AUDIO);
});

test('a page of an allowed origin may read responses and the headers of the API', async () => {
  for (const path of ['/api/v1/jobs', '/api/v1/jobs/job-nothing', '/api/v1/events']) {
    const { headers } = await send('GET', path, { origin: PAGE });
    assert.equal(headers['access-control-allow-origin'], PAGE, path);
    assert.match(String(headers.vary), /\bOrigin\b/i);
    const exposed = String(headers['access-control-expose-headers']).toLowerCase();
    for (const name of ['tmon-seq', 'etag', 'location', 'retry-after']) assert.ok(exposed.includes(name), name);
  }
});

test('a preflight is granted to an allowed origin, and refused to others', async () => {
  const preflight = {
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'content-type,lease-token',
  };
  const { status, headers } = await send('OPTIONS', '/api/v1/jobs', { origin: PAGE, ...preflight });
  assert.deepEqual([status, headers['access-control-allow-origin']], [204, PAGE]);
  assert.match(String(headers['access-control-allow-methods']), /PUT/);
  assert.equal(headers['access-control-allow-headers'], 'content-type,lease-token');
  const other = await send('OPTIONS', '/api/v1/jobs', { origin: 'https://evil.example', ...preflight });
  assert.deepEqual([other.status, other.headers['access-control-allow-origin']], [403, undefined]);
});

test('programs and the monitor’s own pages get no CORS permission, and caches vary by Origin', async () => {
  const { headers } = await send('GET', '/api/v1/jobs', {});
  assert.equal(headers['access-control-allow-origin'], undefined);
  assert.match(String(headers.vary), /\bOrigin\b/i);
});
