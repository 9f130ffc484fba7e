/** PgBouncer refuses a connection whose start-up message has settings that it does not track. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { openSource } from './open-source.ts';

/** Those that PgBouncer accepts by default. */
const TRACKED = ['user', 'database', 'client_encoding', 'application_name', 'DateStyle', 'TimeZone'];

test('the start-up message has only what a pooler takes', async (t) => {
  const sent = Promise.withResolvers<string[]>();
  const server = createServer((socket) => {
    socket.once('data', (bytes: Buffer) => {
      // Length and version, then pairs of texts that end with a zero.
      const texts = bytes.subarray(8, bytes.readInt32BE(0)).toString().split('\0');
      sent.resolve(texts.filter((text, index) => index % 2 === 0 && text !== ''));
      socket.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const source = await openSource(
    `postgres://tmon:secret@127.0.0.1:${(server.address() as AddressInfo).port}/jobs?zone=utc`,
  );
  const reading = Array.fromAsync(source.read({ since_ms: 0, signal: new AbortController().signal }));
  await assert.rejects(reading, { kind: 'unreachable' });
  const names = await sent.promise;
  assert.ok(names.includes('user'));
  assert.deepEqual(
    names.filter((name) => !TRACKED.includes(name)),
    [],
  );
});
