/** The feed against peers that break the protocol: the right close code, bounded memory, no effect on other peers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { FeedClient } from '../../../test/servers/feed-client.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { frame, OPCODE, RawWebSocket } from '../../../test/servers/raw-websocket.ts';
import { submit } from '../../../test/servers/steps.ts';

// A limit so low that even a slow machine can exceed it.
const monitor = await openMonitor({ after }, { socket_messages_per_second: 100 });
const bystander = await FeedClient.open({ after }, monitor.url);
await bystander.ask({ action: 'subscribe', resource: 'jobs' });

/** Makes a change, and waits until the bystander has received it. */
async function othersAreUnharmed(): Promise<void> {
  const { job_id } = await submit(monitor);
  await bystander.until((message) => message.job_id === job_id && message.state === 'QUEUED');
}

const text = (words: string) => Buffer.from(words);
const LARGE = 64 * 1024;

const BROKEN: [string, number, Buffer][] = [
  ['bad UTF-8', 1007, frame({ opcode: OPCODE.text, payload: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]) })],
  [
    'UTF-8 that breaks off across fragments',
    1007,
    Buffer.concat([
      frame({ opcode: OPCODE.text, payload: Buffer.from([0xe2, 0x82]), fin: false }),
      frame({ opcode: OPCODE.continuation, payload: Buffer.from([0x41]) }),
    ]),
  ],
  ['an unmasked frame', 1002, frame({ opcode: OPCODE.text, payload: text('{}'), masked: false })],
  ['a frame of more than 64 KiB', 1009, frame({ opcode: OPCODE.text, payload: Buffer.alloc(LARGE + 1, 'x') })],
  [
    'a frame with a length of 2^62 bytes',
    1009,
    frame({ opcode: OPCODE.text, payload: text('x'), length: Number(2n ** 52n) }),
  ],
  [
    'fragments of more than 64 KiB in total',
    1009,
    Buffer.concat([
      frame({ opcode: OPCODE.text, payload: Buffer.alloc(LARGE, 'x'), fin: false }),
      frame({ opcode: OPCODE.continuation, payload: text('x') }),
    ]),
  ],
  ['a continuation of nothing', 1002, frame({ opcode: OPCODE.continuation, payload: text('x') })],
  [
    'a message within a message',
    1002,
    Buffer.concat([
      frame({ opcode: OPCODE.text, payload: text('{'), fin: false }),
      frame({ opcode: OPCODE.text, payload: text('}') }),
    ]),
  ],
  ['an opcode that does not exist', 1002, frame({ opcode: 3, payload: text('x') })],
  ['reserved bits', 1002, frame({ opcode: OPCODE.text, payload: text('{}'), rsv: 0x40 })],
  ['a ping of more than 125 bytes', 1002, frame({ opcode: OPCODE.ping, payload: Buffer.alloc(126) })],
  ['a ping in fragments', 1002, frame({ opcode: OPCODE.ping, payload: text('x'), fin: false })],
  ['a close with half a code', 1002, frame({ opcode: OPCODE.close, payload: Buffer.from([3]) })],
  ['a close with a code that does not exist', 1002, frame({ opcode: OPCODE.close, payload: Buffer.from([0, 99]) })],
];

for (const [what, code, bytes] of BROKEN) {
  test(`${what} is closed with ${code}`, async (t) => {
    const raw = await RawWebSocket.connect(t, monitor.url);
    raw.socket.write(bytes);
    assert.equal((await raw.closed).code, code);
    await othersAreUnharmed();
  });
}

test('a close gets a reply with the same code', async (t) => {
  const raw = await RawWebSocket.connect(t, monitor.url);
  raw.repliesToClose = false;
  raw.sendFrame({ opcode: OPCODE.close, payload: Buffer.from([0x03, 0xe8]) });
  assert.equal((await raw.closed).code, 1000);
});

test('a frame of exactly 64 KiB is read', async (t) => {
  const raw = await RawWebSocket.connect(t, monitor.url);
  const reply = once(raw, 'text');
  raw.send(`{"action":"none","id":"x","padding":"${'x'.repeat(LARGE - 41)}"}`);
  assert.equal(JSON.parse((await reply)[0] as string).code, 'unknown_action');
});

test('a message in a thousand fragments with pings in between is one message', async (t) => {
  const raw = await RawWebSocket.connect(t, monitor.url);
  const words = text('{"action":"none","id":"in pieces"}'.padEnd(1000));
  const reply = once(raw, 'text');
  for (const [i, byte] of words.entries()) {
    const opcode = i === 0 ? OPCODE.text : OPCODE.continuation;
    raw.sendFrame({ opcode, payload: Buffer.from([byte]), fin: i === words.length - 1 });
    if (i % 100 === 0) raw.sendFrame({ opcode: OPCODE.ping, payload: text('p') });
  }
  assert.equal(JSON.parse((await reply)[0] as string).id, 'in pieces');
  assert.equal(raw.pongs, 10);
});

test('a flood of pings is closed with 4029', async (t) => {
  const raw = await RawWebSocket.connect(t, monitor.url);
  const many = Buffer.concat(Array.from({ length: 1000 }, () => frame({ opcode: OPCODE.ping, payload: text('p') })));
  for (let i = 0; i < 5; i += 1) raw.socket.write(many);
  assert.equal((await raw.closed).code, 4029);
  await othersAreUnharmed();
});

/** Heap and buffers after a full garbage collection. */
function memory(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test('peers that flood and read nothing use bounded memory, and others are served meanwhile', async (t) => {
  const peers = await Promise.all(Array.from({ length: 20 }, () => RawWebSocket.connect(t, monitor.url)));
  const before = memory();
  // Each message gets a long error that the peer does not read.
  const mistake = frame({ opcode: OPCODE.text, payload: text(JSON.stringify({ action: 'x'.repeat(1000) })) });
  const ping = frame({ opcode: OPCODE.ping, payload: Buffer.alloc(125) });
  const flood = Buffer.concat(Array.from({ length: 500 }, (_, i) => (i % 2 === 0 ? mistake : ping)));
  for (const peer of peers) {
    peer.pause();
    for (let i = 0; i < 8; i += 1) peer.socket.write(flood);
  }
  await othersAreUnharmed();
  const grown = memory() - before;
  // The peers are in this process, so their unwritten data is included.
  const bound = 20 * (1.5 * 1024 * 1024 + 8 * flood.length);
  assert.ok(grown < bound, `${Math.round(grown / 1024)} kB more`);
  for (const peer of peers) peer.resume();
  for (const { code } of await Promise.all(peers.map(({ closed }) => closed))) assert.equal(code, 4029);
  await othersAreUnharmed();
});

test('subscriptions that need the archive are handled one at a time', async (t) => {
  const feed = await FeedClient.open(t, monitor.url);
  for (let i = 0; i < 90; i += 1)
    feed.send({ action: 'subscribe', resource: 'job', job_id: `job-none-${i}`, id: `${i}` });
  await feed.until(({ id }) => id === '89');
  assert.deepEqual(
    feed.messages.map(({ id, code }) => `${id} ${code}`),
    Array.from({ length: 90 }, (_, i) => `${i} job_not_found`),
  );
});

test('an incomplete handshake or frame delays no other peer', async (t) => {
  const raw = await RawWebSocket.connect(t, monitor.url);
  raw.socket.write(frame({ opcode: OPCODE.text, payload: text('{"action":"none"}') }).subarray(0, 5));
  await othersAreUnharmed();
  raw.socket.destroy();
  await othersAreUnharmed();
});

test('a peer that vanishes while it catches up leaks nothing', async (t) => {
  const jobs = Array.from({ length: 1000 }, () => ({ audio_url: 's3://audio/x.mp3' }));
  for (let i = 0; i < 4; i += 1) await monitor.post('/jobs/batch', { jobs });
  for (let i = 0; i < 10; i += 1) {
    const raw = await RawWebSocket.connect(t, monitor.url);
    raw.pause();
    raw.send({ action: 'subscribe', resource: 'jobs', since: { seq: 1, index: -1 } });
    raw.socket.resetAndDestroy();
  }
  await othersAreUnharmed();
});
