/** A frame of any length is read by another WebSocket parser. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { textFrame } from './websocket-frame.ts';

test('texts of every length class are read back unchanged', async (t) => {
  const texts = [0, 1, 125, 126, 65_535, 65_536, 1_000_000].map(
    (bytes) => 'é'.repeat(bytes >> 1) + 'x'.repeat(bytes & 1),
  );
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  t.after(() => server.close());
  server.on('connection', (_, request) => {
    for (const text of texts) request.socket.write(textFrame({ text }));
  });
  await once(server, 'listening');
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const read: string[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('close', () => reject(new Error('closed')));
    socket.addEventListener('message', ({ data }) => {
      if (read.push(String(data)) === texts.length) resolve();
    });
  });
  assert.deepEqual(read, texts);
  const closed = new Promise((resolve) => socket.addEventListener('close', resolve));
  socket.close();
  await closed;
});
