import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { EngineError } from '../engines/engine.ts';
import { showUrl } from './audio-source.ts';
import { type FetchAudioRequest, fetchAudio } from './fetch-audio.ts';
import { startHttps } from './testing-https.ts';

const BYTES = Buffer.from('RIFF and so on, '.repeat(10_000));

async function requestOf(t: TestContext, audio_url: string, extra: Partial<FetchAudioRequest> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'tmon-fetch-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return {
    audio_url,
    path: join(directory, 'audio'),
    signal: new AbortController().signal,
    openUpload: () => Promise.reject(new Error('no upload was asked for')),
    ...extra,
  };
}

/** Fetches from a server that answers so. */
async function fetchFrom(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  { path = '/call.wav?X-Amz-Signature=secret', ...extra }: Partial<FetchAudioRequest> & { path?: string } = {},
) {
  const { url, agent } = await startHttps(t, answer);
  const request = await requestOf(t, `${url}${path}`, { https_agent: agent, ...extra });
  return { request, run: () => fetchAudio(request) };
}

/** Asserts the code, and that no secret is in what can be read of the error. */
async function refuses(run: () => Promise<unknown>, code: string, message: RegExp, retryable = false): Promise<void> {
  await assert.rejects(run(), (error) => {
    assert.ok(error instanceof EngineError, String(error));
    assert.deepEqual([error.code, error.retryable], [code, retryable], error.message);
    assert.match(error.message, message);
    assert.doesNotMatch(`${error.message} ${error.hint} ${JSON.stringify(error)}`, /secret/);
    return true;
  });
}

test('https: the bytes are streamed to the file, and counted', async (t) => {
  const received: [number, number | null][] = [];
  const { request, run } = await fetchFrom(
    t,
    (_, response) => response.writeHead(200, { 'content-length': BYTES.length }).end(BYTES),
    {
      onProgress: (bytes, total) => received.push([bytes, total]),
    },
  );
  assert.deepEqual(await run(), { path: request.path, file_size_bytes: BYTES.length });
  assert.deepEqual(await readFile(request.path), BYTES);
  assert.deepEqual(received.at(-1), [BYTES.length, BYTES.length]);
});

test('https: a response without a length is read to its end', async (t) => {
  const { run } = await fetchFrom(t, (_, response) => response.write(BYTES, () => response.end(BYTES)));
  assert.equal((await run()).file_size_bytes, 2 * BYTES.length);
});

test('https: five redirects are followed, relative ones too, and a sixth is not', async (t) => {
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const left = Number(/\d+/.exec(request.url ?? '')?.[0]);
    if (left === 0) response.end(BYTES);
    else response.writeHead(302, { location: `/${left - 1}?secret` }).end('moved');
  };
  const five = await fetchFrom(t, answer, { path: '/5?secret' });
  assert.equal((await five.run()).file_size_bytes, BYTES.length);
  const six = await fetchFrom(t, answer, { path: '/6?secret' });
  await refuses(six.run, 'audio_url_invalid', /redirects more than 5 times/);
});

test('https: a redirect never leaves HTTPS', async (t) => {
  for (const location of ['http://169.254.169.254/latest?secret', 'file:///etc/passwd', 'ftp://user:secret@host/x']) {
    const { run } = await fetchFrom(t, (_, response) => response.writeHead(301, { location }).end());
    await refuses(run, 'audio_url_invalid', /not HTTPS/);
  }
});

test('https: the status decides whether another attempt can help', async (t) => {
  for (const [status, code, retryable] of [
    [404, 'audio_not_found', false],
    [410, 'audio_not_found', false],
    [401, 'audio_forbidden', false],
    [403, 'audio_forbidden', false],
    [429, 'audio_unreachable', true],
    [500, 'audio_unreachable', true],
    [503, 'audio_unreachable', true],
  ] as const) {
    const { run } = await fetchFrom(t, (_, response) => response.writeHead(status).end('<Error>secret</Error>'));
    await refuses(run, code, new RegExp(`/call\\.wav: .*${status}`), retryable);
  }
});

test('https: more bytes than the limit are refused, by the declared or the received length', async (t) => {
  const limits = { size_bytes_max: BYTES.length - 1 };
  const told = await fetchFrom(
    t,
    (_, response) => response.writeHead(200, { 'content-length': BYTES.length }).end(BYTES),
    { limits },
  );
  await refuses(told.run, 'audio_too_large', /160000 bytes; the limit is 159999/);
  const untold = await fetchFrom(t, (_, response) => response.write(BYTES, () => response.end(BYTES)), { limits });
  await refuses(untold.run, 'audio_too_large', /the limit is 159999/);
});

test('https: a response that ends early is a network error', async (t) => {
  const { run } = await fetchFrom(t, (_, response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(BYTES.subarray(0, 1000), () => response.destroy());
  });
  await refuses(run, 'audio_unreachable', /call\.wav/, true);
});

test('https: silence before or during the response ends the download', async (t) => {
  const mute = await fetchFrom(t, () => {}, { limits: { answer_timeout_ms: 50 } });
  await refuses(mute.run, 'audio_unreachable', /no response within 0\.05 s/, true);
  const stuck = await fetchFrom(t, (_, response) => response.write(BYTES), { limits: { idle_timeout_ms: 50 } });
  await refuses(stuck.run, 'audio_unreachable', /no data for 0\.05 s/, true);
});

test('https: a closed port, and a server without TLS, are network errors', async (t) => {
  const server = createServer((socket) =>
    socket
      .on('error', () => {})
      .resume()
      .end('hello\r\n'),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const request = await requestOf(t, `https://user:secret@127.0.0.1:${port}/call.wav?secret`);
  await refuses(() => fetchAudio(request), 'audio_unreachable', /127\.0\.0\.1:\d+\/call\.wav: E/, true);
  server.close();
  await once(server, 'close');
  await refuses(() => fetchAudio(request), 'audio_unreachable', /ECONNREFUSED/, true);
});

test('an abort rejects with its reason, before and during the download', async (t) => {
  const reason = new Error('cancelled');
  const { url, agent } = await startHttps(t, (_, response) => response.write(BYTES));
  const stop = new AbortController();
  const request = await requestOf(t, url, {
    https_agent: agent,
    signal: stop.signal,
    onProgress: () => stop.abort(reason),
  });
  await assert.rejects(fetchAudio(request), reason);
  await assert.rejects(fetchAudio(request), reason);
});

test('s3: a denial and an unreachable server are distinguished', async (t) => {
  // A real S3 server that denies needs policies; these are the answers of one.
  const denied = '<Error><Code>AccessDenied</Code><Message>secret</Message></Error>';
  const server = createHttpServer((_, response) => response.writeHead(403).end(denied));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const saved = { ...process.env };
  t.after(() => {
    process.env = saved;
  });
  const { port } = server.address() as AddressInfo;
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_MAX_ATTEMPTS: '1',
  });
  const request = await requestOf(t, 's3://bucket/call.wav?secret');
  await refuses(() => fetchAudio(request), 'audio_forbidden', /^s3:\/\/bucket\/call\.wav: AccessDenied/);
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  await refuses(() => fetchAudio(request), 'audio_unreachable', /ECONN(REFUSED|RESET)/, true);
});

test('https: an encoding that was not asked for is undone, and limits count what comes out', async (t) => {
  for (const [encoding, encode] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['identity', (bytes: Buffer) => bytes],
  ] as const) {
    const body = encode(BYTES);
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      assert.equal(request.headers['accept-encoding'], 'identity');
      response.writeHead(200, { 'content-encoding': encoding, 'content-length': body.length }).end(body);
    };
    const whole = await fetchFrom(t, answer);
    assert.equal((await whole.run()).file_size_bytes, BYTES.length, encoding);
    assert.deepEqual(await readFile(whole.request.path), BYTES, encoding);
    const small = await fetchFrom(t, answer, { limits: { size_bytes_max: 1000 } });
    await refuses(small.run, 'audio_too_large', /the limit is 1000/);
  }
  const body = gzipSync(BYTES);
  const cut = await fetchFrom(t, (_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length });
    response.write(body.subarray(0, 100), () => response.destroy());
  });
  await refuses(cut.run, 'audio_unreachable', /call\.wav/, true);
});

test('https: a 206 is accepted if it is the whole file', async (t) => {
  const part = async (range: string) =>
    fetchFrom(t, (_, response) => response.writeHead(206, { 'content-range': range }).end(BYTES));
  const { run } = await part(`bytes 0-${BYTES.length - 1}/${BYTES.length}`);
  assert.equal((await run()).file_size_bytes, BYTES.length);
  for (const range of [`bytes 0-9/${BYTES.length}`, `bytes 1-${BYTES.length - 1}/${BYTES.length}`, 'bytes 0-9/*']) {
    await refuses((await part(range)).run, 'audio_unreachable', /HTTP 206 with a part/, true);
  }
});

test('https: a signed URL that has expired is not retried, in the words of each store', async (t) => {
  for (const [status, body] of [
    [400, '<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>'],
    [403, '<Error><Code>AccessDenied</Code><Message>Request has expired</Message><X-Amz-Expires>60</X-Amz-Expires>'],
    [403, '<Error><Code>AuthenticationFailed</Code>Signature not valid in the specified time frame: Start'],
  ] as const) {
    const { run } = await fetchFrom(t, (_, response) => response.writeHead(status).end(`${body} secret`));
    await refuses(run, 'audio_url_expired', new RegExp(`${status}, the signed URL has expired`));
  }
  const path = '/a.wav?X-Amz-Date=20200101T000000Z&X-Amz-Expires=60&X-Amz-Signature=secret';
  const { run } = await fetchFrom(t, (_, response) => response.writeHead(403).end('no'), { path });
  await refuses(run, 'audio_url_expired', /expired/);
  const gateway = await fetchFrom(t, (_, response) => response.writeHead(400).end('Bad Request'));
  await refuses(gateway.run, 'audio_unreachable', /HTTP 400/, true);
});

test('https: a name of any length, and a scheme in any case', async (t) => {
  const { request, run } = await fetchFrom(t, (_, response) => response.end(BYTES), {
    path: `/${'a'.repeat(600)}.wav`,
  });
  request.audio_url = request.audio_url.replace('https', 'HTTPS');
  assert.equal((await run()).file_size_bytes, BYTES.length);
});

test('more than the disk has room for is disk_full before the first byte is written', async (t) => {
  const { request, run } = await fetchFrom(
    t,
    (_, response) => response.writeHead(200, { 'content-length': 2 ** 52 }).write('RIFF'),
    { limits: { size_bytes_max: Number.MAX_SAFE_INTEGER } },
  );
  await refuses(run, 'disk_full', /the recording takes .* are left/, true);
  await assert.rejects(readFile(request.path), { code: 'ENOENT' });
});

async function startHttp(t: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createHttpServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('http: is fetched only if the worker allows it, and the hint says how', async (t) => {
  const url = await startHttp(t, (request, response) => {
    if (request.url?.startsWith('/moved')) response.writeHead(302, { location: '/call.wav?secret' }).end();
    else response.end(BYTES);
  });
  const request = await requestOf(t, `${url}/moved?secret`);
  await assert.rejects(fetchAudio(request), (error) => {
    assert.ok(error instanceof EngineError);
    assert.deepEqual([error.code, error.retryable], ['audio_url_invalid', false]);
    assert.match(error.hint ?? '', /--allow-http/);
    return true;
  });
  assert.equal((await fetchAudio({ ...request, allow_http: true })).file_size_bytes, BYTES.length);
});

test('http: the link-local addresses of the machine are never asked, directly or after a redirect', async (t) => {
  const hosts = ['169.254.169.254', '[::ffff:169.254.169.254]', '[fd00:ec2::254]', '[fe80::1]', '2852039166'];
  for (const host of hosts) {
    const request = await requestOf(t, `http://${host}/latest/meta-data?secret`, { allow_http: true });
    await refuses(() => fetchAudio(request), 'audio_url_invalid', /address of the machine itself/);
  }
  const url = await startHttp(t, (_, response) =>
    response.writeHead(302, { location: 'http://169.254.169.254/latest?secret' }).end(),
  );
  const request = await requestOf(t, `${url}/call.wav?secret`, { allow_http: true });
  await refuses(() => fetchAudio(request), 'audio_url_invalid', /address of the machine itself/);
});

test('an upload comes through the function that is passed in', async (t) => {
  const openUpload = async (id: string) => new Blob([`bytes of ${id}`]).stream();
  const request = await requestOf(t, 'upload://upload-01/call%201.wav', { openUpload });
  await fetchAudio(request);
  assert.equal(await readFile(request.path, 'utf8'), 'bytes of upload-01');
});

test("an upload's refusal is classified by its status", async (t) => {
  for (const [status, code, retryable] of [
    [404, 'audio_not_found', false],
    [403, 'audio_forbidden', false],
    [503, 'audio_unreachable', true],
    [undefined, 'audio_unreachable', true],
  ] as const) {
    const openUpload = () => Promise.reject(Object.assign(new Error('no'), { status }));
    const request = await requestOf(t, 'upload://upload-01/call.wav', { openUpload });
    await refuses(() => fetchAudio(request), code, /upload/, retryable);
  }
});

test('an unsupported URL is refused with the supported ones', async (t) => {
  for (const audio_url of ['file:///etc/passwd', '/etc/passwd', '', 'ftp://host/a']) {
    const request = await requestOf(t, audio_url);
    await refuses(() => fetchAudio(request), 'audio_url_invalid', /cannot fetch/);
  }
  for (const audio_url of ['s3://bucket', 's3://bucket/', 'upload://', 'upload://../x']) {
    const request = await requestOf(t, audio_url);
    await refuses(() => fetchAudio(request), 'audio_url_invalid', /not of the form/);
  }
});

test('a URL is shown without query, fragment, user and password', () => {
  assert.equal(showUrl('https://user:secret@host:1/a/b.wav?secret#secret'), 'https://host:1/a/b.wav');
  assert.equal(showUrl('s3://bucket/a@b/c.wav?versionId=secret'), 's3://bucket/a@b/c.wav');
});
