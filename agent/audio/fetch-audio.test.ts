import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
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
  for (const audio_url of ['http://host/a.wav?secret', 'file:///etc/passwd', '/etc/passwd', '', 'ftp://host/a']) {
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
