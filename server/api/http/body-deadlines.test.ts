/** A body that stops arriving is ended with 408; one that is slow but keeps arriving is not. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO } from '../../../test/servers/steps.ts';
import { systemClock } from '../../clock.ts';
import { MemoryStore } from '../../objects/memory.ts';

const IDLE_MS = 200;
const store = new MemoryStore(systemClock);
const monitor = await openMonitor({ after }, { body_idle_ms: IDLE_MS, objects: store });
const { hostname, port } = new URL(monitor.url);

function open(head: string): { socket: Socket; response: Promise<string> } {
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  socket.on('error', () => {});
  socket.write(head);
  return { socket, response: once(socket, 'close').then(() => text) };
}

const post = (path: string, type: string, length: number) =>
  `POST /api/v1${path} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n\r\n`;

test('a body that stops arriving gets 408, and its connection ends', async () => {
  for (const [path, type, start] of [
    ['/jobs', 'application/json', '{"audio_url":'],
    ['/jobs', 'application/json', ''],
    ['/events', 'application/x-ndjson', '{"event":'],
    ['/uploads', 'audio/wav', 'the beginning of'],
    [
      '/uploads',
      'multipart/form-data; boundary=x',
      '--x\r\ncontent-disposition: form-data; name="f"; filename="a"\r\n\r\nx',
    ],
  ] as const) {
    const { response } = open(`${post(path, type, 500)}${start}`);
    assert.match(await response, /^HTTP\/1\.1 408 [\s\S]*connection: close[\s\S]*"request_timeout"/, path);
  }
});

test('a chunked body that stops arriving gets 408 too', async () => {
  const head = `POST /api/v1/jobs HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"a":`;
  assert.match(await open(head).response, /^HTTP\/1\.1 408 /);
});

test('a connection whose request was refused before its body arrived does not stay open', async () => {
  const { response } = open(post('/nothing', 'application/json', 500));
  assert.match(await response, /^HTTP\/1\.1 404 /);
});

test('an upload that stops arriving leaves nothing', async () => {
  const deleted = Promise.withResolvers<void>();
  const remove = store.delete.bind(store);
  store.delete = async (key) => {
    await remove(key);
    if (key.endsWith('.part')) deleted.resolve();
  };
  const { socket, response } = open(post('/uploads', 'audio/wav', 9_000_000));
  socket.write(Buffer.alloc(5_000_000));
  assert.match(await response, /^HTTP\/1\.1 408 /);
  await deleted.promise;
  assert.deepEqual(await Array.fromAsync(store.list('uploads/')), []);
});

test('a body that keeps arriving may take longer', async () => {
  const body = JSON.stringify({ audio_url: AUDIO });
  const { socket, response } = open(
    post('/jobs', 'application/json', body.length).replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'),
  );
  const began_ms = performance.now();
  for (const character of body) {
    socket.write(character);
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS / 10));
  }
  assert.ok(performance.now() - began_ms > IDLE_MS * 2);
  assert.match(await response, /^HTTP\/1\.1 201 /);
});
