/** Large transcripts are worked on in a thread, with the same results; their bytes are sent compressed, or in ranges. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { renderTranscript, type Transcript } from '../../../protocol/transcript.ts';
import { ADMIN_KEY, openMonitor } from '../../../test/servers/monitor.ts';
import { complete, hold, TRANSCRIPT } from '../../../test/servers/steps.ts';
import { hashOfKey } from '../../access/secrets.ts';

const running = await openMonitor({ after }, { admin_key_hash: hashOfKey(ADMIN_KEY) });
const { store } = running;
const monitor = running.withKey(ADMIN_KEY);
const LARGE: Transcript = {
  ...TRANSCRIPT,
  segments: Array.from({ length: 3_000 }, (_, id) => ({
    id,
    start_seconds: id,
    end_seconds: id + 0.9,
    text: `and then the tràin number ${id} left`,
    confidence: 0.5,
  })),
};

const put = (id: string, token: string, body: unknown) =>
  monitor.put(`/jobs/${id}/transcript`, body, { 'lease-token': token });

/** The bytes as they come, and headers. */
async function raw(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const sent = request(`${monitor.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers },
  }).end();
  const [response] = await once(sent, 'response');
  const bytes = Buffer.concat(await response.toArray());
  return { status: response.statusCode as number, headers: response.headers, bytes };
}

test('a large transcript is stored, read, completed and refused as a small one is, in a thread', async () => {
  const thread = once(process, 'worker') as Promise<[Worker]>;
  const held = await hold(monitor, { output_format: 'srt' });
  const stored = await put(held.id, held.token, LARGE);
  assert.equal((await thread)[0].threadId > 0, true);
  assert.deepEqual(
    [stored.status, stored.body.segments_count, stored.body.confidence_score, stored.body.already_there],
    [200, 3_000, 0.5, false],
  );
  const again = await put(held.id, held.token, { ...LARGE, text: 'another', segments: LARGE.segments.slice(1) });
  assert.deepEqual([again.body.segments_count, again.body.already_there], [3_000, true]);
  for (const format of ['json', 'srt', 'vtt', 'text'] as const) {
    const { status, text } = await monitor.get(`/jobs/${held.id}/transcript?format=${format}`);
    assert.equal(status, 200);
    assert.ok(text === renderTranscript(LARGE, format), format);
  }
  const there = await store.get(`transcripts/${held.id}.srt`);
  assert.ok(there.found && Buffer.from(there.bytes).toString() === renderTranscript(LARGE, 'srt'));
  const output = { s3_path: stored.body.s3_path, segments_count: 3_000, confidence_score: null };
  const done = await monitor.post(`/jobs/${held.id}/complete`, { lease_token: held.token, output });
  assert.deepEqual([done.status, done.body.output.suspect], [200, false]);

  const other = await hold(monitor);
  await store.put(`transcripts/${other.id}.json`, Buffer.alloc(300_000, 'x'));
  const damaged = await monitor.get(`/jobs/${other.id}/transcript`);
  assert.deepEqual([damaged.status, damaged.body.code], [500, 'transcript_damaged']);
});

test('a large body that is wrong gets the same error as a small one', async () => {
  const held = await hold(monitor);
  const codeOf = async (body: unknown) => {
    const { status, body: problem } = await put(held.id, held.token, body);
    return [status, problem.code, problem.errors?.[0]?.field];
  };
  const json = { 'content-type': 'application/json', 'lease-token': held.token };
  const send = (body: string | Uint8Array) =>
    monitor.call('PUT', `/api/v1/jobs/${held.id}/transcript`, { body, headers: json });
  const unknown = LARGE.segments.map((segment) => ({ ...segment, speed: 'A' }));
  assert.deepEqual(await codeOf({ ...LARGE, segments: unknown }), [400, 'invalid_body', '/segments/0/speed']);
  assert.equal((await send('x'.repeat(300_000))).body.code, 'invalid_json');
  assert.equal((await send(`${'['.repeat(200_000)}${']'.repeat(200_000)}`)).body.code, 'too_deep');
  assert.equal((await send(Buffer.alloc(300_000, 0xff))).body.code, 'invalid_utf8');
  const { status, body } = await put(held.id, 'another', LARGE);
  assert.deepEqual([status, body.code], [409, 'lease_expired']);
});

test('a transcript is sent in ranges, with its ETag', async () => {
  const held = await hold(monitor, { output_format: 'text' });
  await put(held.id, held.token, LARGE);
  await complete(monitor, held);
  const whole = Buffer.from(renderTranscript(LARGE, 'text'));
  const path = `/jobs/${held.id}/transcript`;
  const first = await raw(path);
  const etag = first.headers.etag!;
  assert.match(etag, /^"[0-9a-f]{64}"$/);
  assert.deepEqual([first.status, first.bytes.equals(whole), first.headers['accept-ranges']], [200, true, 'bytes']);
  assert.equal((await raw(path, { 'if-none-match': etag })).status, 304);
  const link = (await monitor.post(`/jobs/${held.id}/links`, { for: 'transcript' })).body.url as string;
  const linked = link.slice(link.indexOf('/links/'));
  for (const at of [path, linked]) {
    const part = await raw(at, { range: 'bytes=10-19', 'accept-encoding': 'gzip' });
    assert.deepEqual([part.status, part.headers['content-range']], [206, `bytes 10-19/${whole.length}`]);
    assert.ok(part.bytes.equals(whole.subarray(10, 20)));
  }
  assert.ok((await raw(path, { range: 'bytes=-5' })).bytes.equals(whole.subarray(-5)));
  const beyond = await raw(path, { range: `bytes=${whole.length}-` });
  assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, `bytes */${whole.length}`]);
  assert.equal((await raw(path, { range: 'bytes=0-1', 'if-range': etag })).status, 206);
  assert.equal((await raw(path, { range: 'bytes=0-1', 'if-range': '"older"' })).status, 200);
  const head = await raw(path, {}, 'HEAD');
  assert.deepEqual([head.status, head.headers['content-length']], [200, String(whole.length)]);
});

test('a large response is compressed for clients that accept gzip, and only for them', async () => {
  const held = await hold(monitor, { output_format: 'vtt' });
  await put(held.id, held.token, LARGE);
  const path = `/jobs/${held.id}/transcript`;
  const whole = renderTranscript(LARGE, 'vtt');
  const plain = await raw(path, { 'accept-encoding': 'br, gzip;q=0' });
  assert.deepEqual([plain.headers['content-encoding'], plain.headers.vary], [undefined, 'accept-encoding']);
  assert.equal(plain.bytes.toString(), whole);
  const small = await raw(path, { 'accept-encoding': 'deflate, GZIP' });
  assert.deepEqual([small.headers['content-encoding'], small.headers.vary], ['gzip', 'accept-encoding']);
  assert.deepEqual([small.headers.etag, small.headers['accept-ranges']], [`W/${plain.headers.etag}`, undefined]);
  assert.equal(Number(small.headers['content-length']), small.bytes.length);
  assert.ok(small.bytes.length < plain.bytes.length / 3);
  // fetch unpacks it.
  assert.equal((await monitor.get(path)).text, whole);
  assert.equal((await raw(path, { 'accept-encoding': 'gzip', 'if-none-match': small.headers.etag! })).status, 304);
  const few = await raw('/system/health', { 'accept-encoding': 'gzip' });
  assert.equal(few.headers['content-encoding'], undefined);
});
