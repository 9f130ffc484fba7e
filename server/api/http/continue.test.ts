/** Clients that ask before they send a body, as curl does with files. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, type TestContext, test } from 'node:test';
import { ADMIN_KEY, openMonitor } from '../../../test/servers/monitor.ts';
import { hashOfKey } from '../../access/secrets.ts';

const monitor = await openMonitor({ after }, { admin_key_hash: hashOfKey(ADMIN_KEY) });

const KEY = `authorization: Bearer ${ADMIN_KEY}`;

/** Sends the head of a request; `until` matches what has been received. */
function asking(t: TestContext, head: string[]) {
  const { hostname, port, host } = new URL(monitor.url);
  const socket = connect(Number(port), hostname);
  t.after(() => void socket.destroy());
  socket.write(`${head[0]}\r\nhost: ${host}\r\nexpect: 100-continue\r\n${head.slice(1).join('\r\n')}\r\n\r\n`);
  let received = '';
  const until = async (pattern: RegExp) => {
    while (!pattern.test(received)) received += (await once(socket, 'data'))[0];
    return received;
  };
  return { socket, until };
}

test('a request that is refused by its headers gets no 100-continue, and its connection is closed', async (t) => {
  const upload = 'POST /api/v1/uploads?name=a.wav HTTP/1.1';
  const large = 'content-length: 999999999999';
  for (const [head, status] of [
    [[upload, 'content-length: 10'], 401],
    [[upload, KEY, large], 413],
    [['POST /api/v1/jobs HTTP/1.1', KEY, 'content-type: application/json', large], 413],
    [['POST /nothing HTTP/1.1', KEY, 'content-length: 10'], 404],
    [['POST /api/v1/jobs HTTP/1.1', KEY, 'content-type: text/html', 'content-length: 10'], 415],
  ] as const) {
    const { socket, until } = asking(t, [...head]);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    assert.match(await until(/\r\n\r\n/), new RegExp(`^HTTP/1.1 ${status} [^]*connection: close`, 'i'), head.join(' '));
    await closed;
  }
});

test('a request that is accepted gets it once, before its body', async (t) => {
  const body = JSON.stringify({ audio_url: 's3://bucket/a.mp3' });
  const head = ['POST /api/v1/jobs HTTP/1.1', KEY, 'content-type: application/json', `content-length: ${body.length}`];
  const { socket, until } = asking(t, head);
  assert.equal(await until(/\r\n\r\n/), 'HTTP/1.1 100 Continue\r\n\r\n');
  socket.write(body);
  const received = await until(/job-/);
  assert.match(received, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 201 /);
  assert.doesNotMatch(received, /connection: close/i);
  socket.write(`GET /livez HTTP/1.1\r\nhost: ${new URL(monitor.url).host}\r\n\r\n`);
  await until(/"ok"/);
});
