/** Whatever stands before a monitor may send: each response gets its class of error and a hint that fits. The Python SDK reads the same file. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import * as sdk from './index.ts';

type Delivery = 'silent' | 'endless' | 'slow' | 'raw' | 'stalled' | 'truncated' | 'closed';

type BadResponse = {
  name: string;
  status: number;
  headers: Record<string, string>;
  body?: string;
  body_base64?: string;
  delivery?: Delivery;
  then: { class: string | null; hint?: string };
};

const RESPONSES = JSON.parse(
  readFileSync(new URL('../../test/network/bad-responses.json', import.meta.url), 'utf8'),
) as BadResponse[];

/** Of silence: short where it is to end, long where it must not. */
const SHORT_MS = 150;
const LONG_MS = 3_000;
/** The pauses of a slow body, which takes longer than LONG_MS in all. */
const SLOW_MS = 600;
const SLOW_PARTS = 6;

let respond: (socket: Socket) => void = () => {};
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', () => respond(socket));
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
after(() => server.close());
const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const bodyOf = ({ body, body_base64 }: BadResponse): Buffer =>
  body_base64 === undefined ? Buffer.from(body ?? '') : Buffer.from(body_base64, 'base64');

function headOf({ status, headers }: BadResponse, length: number | null): Buffer {
  const lines = Object.entries({
    connection: 'close',
    ...headers,
    ...(length !== null && { 'content-length': length }),
  });
  return Buffer.from(`HTTP/1.1 ${status} X\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
}

/** Sends the response; `bytes` of it if it is cut. */
function play(one: BadResponse, bytes?: number): (socket: Socket) => void {
  const body = bodyOf(one);
  const whole = Buffer.concat([headOf(one, one.status === 204 ? null : body.length), body]);
  return (socket) => {
    switch (one.delivery) {
      case undefined:
        return void socket.end(whole);
      case 'raw':
        return void socket.end(body);
      case 'closed':
        return void socket.end();
      case 'truncated':
        return void socket.end(whole.subarray(0, bytes));
      case 'silent':
        return;
      case 'stalled':
        return void socket.write(whole.subarray(0, whole.length - Math.ceil(body.length / 2)));
      case 'slow': {
        let sent = whole.length - body.length;
        socket.write(whole.subarray(0, sent));
        const more = () => {
          const part = Math.ceil(body.length / SLOW_PARTS);
          socket.write(whole.subarray(sent, sent + part));
          sent += part;
          if (sent < whole.length) setTimeout(more, SLOW_MS);
          else socket.end();
        };
        return void setTimeout(more, SLOW_MS);
      }
      case 'endless': {
        socket.write(headOf(one, null));
        socket.write(body);
        const more = () => {
          while (socket.writable && socket.write('x'.repeat(16 * 1024)));
        };
        socket.on('drain', more);
        return more();
      }
    }
  };
}

async function outcome({ then }: BadResponse): Promise<unknown> {
  const timeoutMs = then.class === 'TimedOutError' ? SHORT_MS : LONG_MS;
  const api = new sdk.TranscriptionAPI({ baseUrl, timeoutMs, maxResponseBytes: 1024 * 1024, retries: 0 });
  return api.jobs.get('job-1').then(
    () => null,
    (error: unknown) => error,
  );
}

function check({ name, then }: BadResponse, error: unknown): void {
  if (then.class === null) return assert.equal(error, null, name);
  const kind = (sdk as Record<string, unknown>)[then.class] as typeof sdk.ApiError;
  assert.ok(error instanceof kind, `${name}: ${error}`);
  assert.match(error.hint ?? '', new RegExp(then.hint ?? '', 'i'), `${name}: ${error.message}`);
}

for (const one of RESPONSES.filter(({ delivery }) => delivery !== 'truncated')) {
  // To fetch a 407 is a network error, as the standard has it.
  const skip = one.status === 407 ? 'fetch does not show it' : false;
  test(`${one.name}: ${one.then.class ?? 'the job'}`, { skip }, async () => {
    respond = play(one);
    check(one, await outcome(one));
  });
}

for (const one of RESPONSES.filter(({ delivery }) => delivery === 'truncated')) {
  test(`${one.name}: ${one.then.class}`, async () => {
    const length = headOf(one, bodyOf(one).length).length + bodyOf(one).length;
    for (let bytes = 0; bytes < length; bytes += 1) {
      respond = play(one, bytes);
      check(one, await outcome(one));
    }
  });
}
