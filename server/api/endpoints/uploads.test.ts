/** Uploads over HTTP: streamed in, streamed out, refused when empty or too large. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { type Monitor, openMonitor } from '../../../test/servers/monitor.ts';
import { submit } from '../../../test/servers/steps.ts';
import { systemClock } from '../../clock.ts';
import { MemoryStore } from '../../objects/memory.ts';
import type { ObjectStore } from '../../objects/store.ts';

const upload = (monitor: Monitor, body: unknown, query = '', headers: Record<string, string> = {}) =>
  monitor.call('POST', `/api/v1/uploads${query}`, { body, headers: { 'content-type': 'audio/wav', ...headers } });

async function uploadedKeys(store: ObjectStore): Promise<string[]> {
  return (await Array.fromAsync(store.list('uploads/'))).map(({ key }) => key);
}

test('what is uploaded comes back byte for byte, and its URL can be submitted', async (t) => {
  const monitor = await openMonitor(t);
  const bytes = randomBytes(9 * 1024 * 1024 + 17);
  const { status, headers, body } = await upload(monitor, bytes, '?name=two%20words%2Fäöü.wav');
  assert.equal(status, 201);
  assert.match(body.upload_id, /^upload-[0-9A-Z]{26}$/);
  assert.deepEqual([body.file_name, body.file_size_bytes], ['two words/äöü.wav', bytes.length]);
  assert.equal(body.sha256, createHash('sha256').update(bytes).digest('hex'));
  assert.equal(body.audio_url, `upload://${body.upload_id}/two%20words_%C3%A4%C3%B6%C3%BC.wav`);
  assert.equal(headers.get('location'), `/api/v1/uploads/${body.upload_id}`);
  const back = await fetch(`${monitor.url}/api/v1/uploads/${body.upload_id}`);
  assert.equal(back.headers.get('content-length'), String(bytes.length));
  assert.ok(bytes.equals(Buffer.from(await back.arrayBuffer())));
  assert.equal((await submit(monitor, { audio_url: body.audio_url })).input.s3_path, body.audio_url);
});

test('any type of body is taken as it is, none too', async (t) => {
  const monitor = await openMonitor(t);
  for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'x/y']) {
    const { status, body } = await upload(monitor, '{"not": looked at', '', { 'content-type': type });
    assert.deepEqual([status, body.file_size_bytes], [201, 17], type);
  }
});

test('an upload of unknown length is streamed', async (t) => {
  const monitor = await openMonitor(t);
  const stream = new Blob([randomBytes(3_000_000)]).stream();
  assert.equal((await upload(monitor, stream)).body.file_size_bytes, 3_000_000);
});

test('an empty upload is refused', async (t) => {
  const monitor = await openMonitor(t);
  for (const body of ['', undefined]) {
    const answer = await upload(monitor, body);
    assert.deepEqual([answer.status, answer.body.code], [400, 'audio_empty']);
  }
  assert.deepEqual(await uploadedKeys(monitor.store), []);
});

test('one that is too large is refused with 413, whether it says its length or not, and leaves nothing', async (t) => {
  const monitor = await openMonitor(t, { upload_bytes_max: 5_000_000 });
  const bytes = new Uint8Array(5_000_001);
  for (const body of [bytes, new Blob([bytes]).stream()]) {
    const answer = await upload(monitor, body);
    assert.deepEqual([answer.status, answer.body.code], [413, 'upload_too_large']);
  }
  assert.equal((await upload(monitor, bytes.subarray(1))).status, 201, 'to the byte');
  assert.equal((await uploadedKeys(monitor.store)).filter((key) => key.endsWith('manifest.json')).length, 1);
  assert.equal((await uploadedKeys(monitor.store)).filter((key) => key.endsWith('.part')).length, 2);
});

test('an upload that breaks off is no upload, and leaves nothing', async (t) => {
  const deleted = Promise.withResolvers<void>();
  class WatchedStore extends MemoryStore {
    override async delete(key: string): Promise<void> {
      await super.delete(key);
      if (key.endsWith('000001.part')) deleted.resolve();
    }
  }
  const store = new WatchedStore(systemClock);
  const monitor = await openMonitor(t, { objects: store });
  const { hostname, port } = new URL(monitor.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `POST /api/v1/uploads HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: audio/wav\r\ncontent-length: 9000000\r\n\r\n`,
  );
  socket.resume().write(Buffer.alloc(5_000_000), () => socket.end());
  await deleted.promise;
  await once(socket, 'close');
  assert.deepEqual(await uploadedKeys(store), []);
});

test('an upload sent again with its key is the same one; another body is refused', async (t) => {
  const monitor = await openMonitor(t);
  const key = { 'idempotency-key': 'upload-1' };
  const first = await upload(monitor, 'one recording', '?name=a.wav', key);
  const again = await upload(monitor, 'one recording', '?name=a.wav', key);
  assert.deepEqual([again.status, again.body], [201, first.body]);
  const other = await upload(monitor, 'another recording', '?name=a.wav', key);
  assert.deepEqual([other.status, other.body.code], [409, 'idempotency_key_reused']);
  assert.equal((await uploadedKeys(monitor.store)).filter((name) => name.endsWith('manifest.json')).length, 1);
});

test('an upload that is not there is 404; one with a part gone is not given in silence', async (t) => {
  const monitor = await openMonitor(t);
  assert.equal((await monitor.get('/uploads/upload-nothing')).body.code, 'upload_not_found');
  assert.equal((await monitor.get('/uploads/..%2f..%2fetc')).body.code, 'invalid_params');
  const { body } = await upload(monitor, randomBytes(9_000_000));
  await monitor.store.delete(`uploads/${body.upload_id}/000002.part`);
  await assert.rejects(async () => (await fetch(`${monitor.url}/api/v1/uploads/${body.upload_id}`)).arrayBuffer());
});
