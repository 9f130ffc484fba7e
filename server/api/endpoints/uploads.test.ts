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

test('an upload is returned byte for byte, and its URL can be submitted', async (t) => {
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

test('a body of any type, or without one, is accepted', async (t) => {
  const monitor = await openMonitor(t);
  for (const type of ['application/json', 'text/plain', 'multipart/mixed; boundary=x', 'x/y']) {
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
    const response = await upload(monitor, body);
    assert.deepEqual([response.status, response.body.code], [400, 'audio_empty']);
  }
  assert.deepEqual(await uploadedKeys(monitor.store), []);
});

test('an upload that is too large is 413, with or without Content-Length, and leaves nothing', async (t) => {
  const monitor = await openMonitor(t, { upload_bytes_max: 5_000_000 });
  const bytes = new Uint8Array(5_000_001);
  for (const body of [bytes, new Blob([bytes]).stream()]) {
    const response = await upload(monitor, body);
    assert.deepEqual([response.status, response.body.code], [413, 'upload_too_large']);
  }
  assert.equal((await upload(monitor, bytes.subarray(1))).status, 201, 'to the byte');
  assert.equal((await uploadedKeys(monitor.store)).filter((key) => key.endsWith('manifest.json')).length, 1);
  assert.equal((await uploadedKeys(monitor.store)).filter((key) => key.endsWith('.part')).length, 2);
});

test('an interrupted upload does not exist, and leaves nothing', async (t) => {
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

test('an upload repeated with its key is the same upload; another body is refused', async (t) => {
  const monitor = await openMonitor(t);
  const key = { 'idempotency-key': 'upload-1' };
  const first = await upload(monitor, 'one recording', '?name=a.wav', key);
  const again = await upload(monitor, 'one recording', '?name=a.wav', key);
  assert.deepEqual([again.status, again.body], [201, first.body]);
  const other = await upload(monitor, 'another recording', '?name=a.wav', key);
  assert.deepEqual([other.status, other.body.code], [409, 'idempotency_key_reused']);
  assert.equal((await uploadedKeys(monitor.store)).filter((name) => name.endsWith('manifest.json')).length, 1);
});

test('an unknown upload is 404', async (t) => {
  const monitor = await openMonitor(t);
  assert.equal((await monitor.get('/uploads/upload-nothing')).body.code, 'upload_not_found');
  assert.equal((await monitor.get('/uploads/..%2f..%2fetc')).body.code, 'invalid_params');
});

/** Changes one byte of an object, or removes it. */
async function damage(store: ObjectStore, key: string, change: 'flip' | 'remove'): Promise<void> {
  const got = await store.get(key);
  assert.ok(got.found, key);
  if (change === 'remove') return store.delete(key);
  const bytes = Buffer.from(got.bytes);
  bytes[bytes.length >> 1]! ^= 1;
  await store.put(key, bytes);
}

test('the response names a damaged or missing object of an upload', async (t) => {
  const monitor = await openMonitor(t);
  for (const [name, change] of [
    ['000001.part', 'flip'],
    ['000001.part', 'remove'],
    ['manifest.json', 'flip'],
    ['manifest.json', 'remove'],
  ] as const) {
    const { upload_id } = (await upload(monitor, randomBytes(5_000_000))).body;
    const key = `uploads/${upload_id}/${name}`;
    await damage(monitor.store, key, change);
    const { status, body } = await monitor.get(`/uploads/${upload_id}`);
    assert.deepEqual([status, body.code, body.key], [500, 'upload_damaged', key]);
    assert.ok(body.detail.includes(key), body.detail);
  }
});

test('a manifest of another upload counts as damaged', async (t) => {
  const monitor = await openMonitor(t);
  const [one, other] = [(await upload(monitor, 'one')).body, (await upload(monitor, 'other')).body];
  const got = await monitor.store.get(`uploads/${other.upload_id}/manifest.json`);
  assert.ok(got.found);
  await monitor.store.put(`uploads/${one.upload_id}/manifest.json`, got.bytes);
  const { status, body } = await monitor.get(`/uploads/${one.upload_id}`);
  assert.deepEqual([status, body.key], [500, `uploads/${one.upload_id}/manifest.json`]);
});

test('a repeated upload is never confirmed by a damaged note, or by a note whose upload is gone', async (t) => {
  const monitor = await openMonitor(t);
  const { store } = monitor;
  const send = (key: string) => upload(monitor, 'a recording', '?name=a.wav', { 'idempotency-key': key });
  const { upload_id } = (await send('gone')).body;
  await store.delete(`uploads/${upload_id}/manifest.json`);
  const gone = await send('gone');
  assert.deepEqual([gone.status, gone.body.key], [500, `uploads/${upload_id}/manifest.json`]);
  const before = new Set(await uploadedKeys(store));
  await send('damaged');
  const note = (await uploadedKeys(store)).find((key) => key.startsWith('uploads/keys/') && !before.has(key))!;
  const got = await store.get(note);
  assert.ok(got.found);
  const text = Buffer.from(got.bytes).toString();
  for (const damaged of ['{}', '', text.slice(0, -9), text.replace('"file_size_bytes":11', '"file_size_bytes":12')]) {
    await store.put(note, Buffer.from(damaged));
    const { status, body } = await send('damaged');
    assert.deepEqual([status, body.code, body.key], [500, 'upload_damaged', note], damaged);
  }
  // The format of version 0.1.0.
  await store.put(note, Buffer.from(`${JSON.stringify(JSON.parse(text).upload)}\n`));
  assert.equal((await send('damaged')).status, 201);
  assert.equal((await uploadedKeys(store)).filter((key) => key.endsWith('manifest.json')).length, 1);
});

test('no byte of a damaged part is sent: the response ends before it', async (t) => {
  const monitor = await openMonitor(t);
  for (const change of ['flip', 'remove'] as const) {
    const bytes = randomBytes(9_000_000);
    const { upload_id } = (await upload(monitor, bytes)).body;
    await damage(monitor.store, `uploads/${upload_id}/000002.part`, change);
    const received: Uint8Array[] = [];
    const { body } = await fetch(`${monitor.url}/api/v1/uploads/${upload_id}`);
    await assert.rejects(async () => {
      for await (const chunk of body!) received.push(chunk as Uint8Array);
    });
    const got = Buffer.concat(received);
    assert.ok(got.length <= 4 * 1024 * 1024 && got.equals(bytes.subarray(0, got.length)));
  }
});

test('an upload of a version without hashes of parts is verified as a whole', async (t) => {
  const monitor = await openMonitor(t);
  const { body } = await upload(monitor, randomBytes(5_000_000));
  const manifest = `uploads/${body.upload_id}/manifest.json`;
  await monitor.store.put(manifest, Buffer.from(JSON.stringify({ upload: body, parts: 2 })));
  const good = await fetch(`${monitor.url}/api/v1/uploads/${body.upload_id}`, { headers: { range: 'bytes=0-1' } });
  assert.deepEqual([good.status, (await good.arrayBuffer()).byteLength], [200, 5_000_000], 'it has no ranges');
  await damage(monitor.store, `uploads/${body.upload_id}/000001.part`, 'flip');
  await assert.rejects(async () => (await fetch(`${monitor.url}/api/v1/uploads/${body.upload_id}`)).arrayBuffer());
});

test('a manifest of such a version with a wrong size or count of parts ends the response instead of stalling it', async (t) => {
  const monitor = await openMonitor(t);
  for (const size of [5_000, 5_000_000]) {
    const { body: sound } = await upload(monitor, randomBytes(size));
    const parts = Math.ceil(size / (4 * 1024 * 1024));
    const manifest = `uploads/${sound.upload_id}/manifest.json`;
    for (const wrong of [
      { upload: { ...sound, file_size_bytes: size + 1 }, parts },
      { upload: { ...sound, file_size_bytes: size - 1 }, parts },
      { upload: sound, parts: 0 },
      { upload: sound },
    ]) {
      await monitor.store.put(manifest, Buffer.from(JSON.stringify(wrong)));
      const read = async () => {
        const signal = AbortSignal.timeout(20_000);
        const response = await fetch(`${monitor.url}/api/v1/uploads/${sound.upload_id}`, { signal });
        if (!response.ok) return ((await response.json()) as { key: string }).key;
        return `${(await response.arrayBuffer()).byteLength} bytes`;
      };
      const got = await read().catch(String);
      assert.ok(got.startsWith(`uploads/${sound.upload_id}/`) || /terminated|failed/.test(got), got);
    }
  }
});

test('a range of an upload is 206, across parts; one beyond its end is 416; an unchanged upload is 304', async (t) => {
  const monitor = await openMonitor(t);
  const bytes = randomBytes(9_000_000);
  const { upload_id, sha256 } = (await upload(monitor, bytes)).body;
  const open = (headers: Record<string, string>, method = 'GET') =>
    fetch(`${monitor.url}/api/v1/uploads/${upload_id}`, { method, headers });
  const part = 4 * 1024 * 1024;
  for (const [range, first, last] of [
    ['bytes=0-0', 0, 0],
    [`bytes=${part - 1}-${part}`, part - 1, part],
    [`bytes=${part}-`, part, 8_999_999],
    ['bytes=-5', 8_999_995, 8_999_999],
    ['bytes=5-99999999', 5, 8_999_999],
  ] as const) {
    const response = await open({ range });
    assert.equal(response.status, 206, range);
    assert.equal(response.headers.get('content-range'), `bytes ${first}-${last}/9000000`);
    assert.ok(bytes.subarray(first, last + 1).equals(Buffer.from(await response.arrayBuffer())), range);
  }
  const beyond = await open({ range: 'bytes=9000000-' });
  assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, 'bytes */9000000']);
  assert.equal(((await beyond.json()) as { code: string }).code, 'range_not_satisfiable');
  for (const range of ['bytes=0-1,4-5', 'bytes=5-2', 'lines=0-1', 'bytes=-']) {
    const response = await open({ range });
    assert.deepEqual([response.status, (await response.arrayBuffer()).byteLength], [200, bytes.length], range);
  }
  const etag = (await open({}, 'HEAD')).headers;
  assert.deepEqual([etag.get('etag'), etag.get('content-length')], [`"${sha256}"`, '9000000']);
  assert.equal((await open({ 'if-none-match': `"${sha256}"` })).status, 304);
  const changed = await open({ range: 'bytes=0-0', 'if-range': '"other"' });
  assert.deepEqual([changed.status, (await changed.arrayBuffer()).byteLength], [200, bytes.length]);
});

const FILE = new File(['the recording'], 'call.wav', { type: 'audio/wav' });

function formOf(...fields: [name: string, value: string | File][]): FormData {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return form;
}

test('the file of a form is the upload, named by a field before or after it', async (t) => {
  const monitor = await openMonitor(t);
  for (const [form, query, name] of [
    [formOf(['file', FILE]), '', 'call.wav'],
    [formOf(['name', 'früh.wav'], ['audio', FILE]), '', 'früh.wav'],
    [formOf(['audio', FILE], ['name', 'late.wav']), '', 'late.wav'],
    [formOf(['audio', FILE], ['name', 'late.wav']), '?name=query.wav', 'query.wav'],
  ] as const) {
    const response = await fetch(`${monitor.url}/api/v1/uploads${query}`, { method: 'POST', body: form });
    const body = (await response.json()) as { upload_id: string; file_name: string };
    assert.deepEqual([response.status, body.file_name], [201, name]);
    assert.equal(await (await fetch(`${monitor.url}/api/v1/uploads/${body.upload_id}`)).text(), 'the recording');
  }
});

test('a form without a file, with two, with another field or truncated is refused, and leaves nothing', async (t) => {
  const monitor = await openMonitor(t);
  const large = new File([randomBytes(5_000_000)], 'large.wav');
  for (const form of [
    formOf(['name', 'call.wav']),
    formOf(['a', FILE], ['b', FILE]),
    formOf(['a', large], ['b', large]),
    formOf(['a', FILE], ['title', 'x']),
    formOf(['a', large], ['name', 'x'.repeat(300)]),
  ]) {
    const response = await fetch(`${monitor.url}/api/v1/uploads`, { method: 'POST', body: form });
    assert.deepEqual([response.status, ((await response.json()) as { code: string }).code], [400, 'invalid_form']);
  }
  const type = { 'content-type': 'multipart/form-data; boundary=x' };
  const half = '--x\r\ncontent-disposition: form-data; name="f"; filename="a.wav"\r\n\r\nhalf of';
  for (const [body, headers] of [
    [half, type],
    ['no form', type],
    ['x', { 'content-type': 'multipart/form-data' }],
  ] as const) {
    const response = await upload(monitor, body, '', headers);
    assert.deepEqual([response.status, response.body.code], [400, 'invalid_form'], body);
  }
  const empty = await fetch(`${monitor.url}/api/v1/uploads`, {
    method: 'POST',
    body: formOf(['a', new File([], 'a')]),
  });
  assert.deepEqual([empty.status, ((await empty.json()) as { code: string }).code], [400, 'audio_empty']);
  assert.deepEqual(await uploadedKeys(monitor.store), []);
});

test('beyond the limit of concurrent uploads one is refused with 429 and can be repeated', async (t) => {
  const stored = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  class SlowStore extends MemoryStore {
    override async putIfAbsent(key: string, bytes: Uint8Array) {
      if (key.endsWith('.part')) {
        stored.resolve();
        await gate.promise;
      }
      return super.putIfAbsent(key, bytes);
    }
  }
  const monitor = await openMonitor(t, { objects: new SlowStore(systemClock), uploads_at_once: 1 });
  const first = upload(monitor, 'one');
  await stored.promise;
  const second = await upload(monitor, 'two');
  assert.deepEqual(
    [second.status, second.body.code, second.headers.get('retry-after')],
    [429, 'too_many_uploads', '1'],
  );
  gate.resolve();
  assert.equal((await first).status, 201);
  assert.equal((await upload(monitor, 'two')).status, 201);
});
