/** Files on their way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Send, UploadQueue } from './upload-queue.ts';

type Sending = { name: string; signal: AbortSignal; onSent: (bytes: number) => void; end: (error?: Error) => void };

function open() {
  const queue = new UploadQueue();
  const sending: Sending[] = [];
  const send: Send = (_file, { name, signal, onSent }) =>
    new Promise((resolve, reject) => {
      const end = (error?: Error) => (error ? reject(error) : resolve(`job-of-${name}`));
      signal.addEventListener('abort', () => reject(signal.reason));
      sending.push({ name, signal, onSent, end });
    });
  const add = (...names: string[]) =>
    queue.add(
      names.map((name) => ({ file: new Blob(['0123456789']), name })),
      send,
    );
  const states = () => queue.items().map(({ name, state }) => `${name} ${state}`);
  return { queue, sending, add, states };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test('three files are sent at a time, the others when one of these is done', async () => {
  const { queue, sending, add, states } = open();
  add('a', 'b', 'c', 'd');
  assert.deepEqual(states(), ['a uploading', 'b uploading', 'c uploading', 'd waiting']);
  sending[1]!.onSent(4);
  assert.equal(queue.items()[1]!.sent_bytes, 4);
  sending[1]!.end();
  await settled();
  assert.deepEqual(states(), ['a uploading', 'b submitted', 'c uploading', 'd uploading']);
  assert.deepEqual([queue.items()[1]!.job_id, queue.busy], ['job-of-b', true]);
});

test('a paused upload stops, lets another one begin, and begins again when it is resumed', async () => {
  const { queue, sending, add, states } = open();
  add('a', 'b', 'c', 'd');
  const [first] = queue.items();
  sending[0]!.onSent(9);
  queue.pause(first!.id);
  await settled();
  assert.ok(sending[0]!.signal.aborted);
  assert.deepEqual(states(), ['a paused', 'b uploading', 'c uploading', 'd uploading']);
  assert.equal(queue.items()[0]!.sent_bytes, 0);
  queue.resume(first!.id);
  assert.equal(states()[0], 'a waiting');
  sending[1]!.end();
  await settled();
  assert.equal(states()[0], 'a uploading');
});

test('a failed upload says why, and can be tried again', async () => {
  const { queue, sending, add, states } = open();
  add('a');
  sending[0]!.end(new Error('the file is too large'));
  await settled();
  assert.deepEqual([states(), queue.items()[0]!.error], [['a failed'], 'the file is too large']);
  queue.resume(queue.items()[0]!.id);
  assert.deepEqual([states(), queue.items()[0]!.error], [['a uploading'], null]);
});

test('a file that is removed while it is sent is stopped', async () => {
  const { queue, sending, add, states } = open();
  add('a', 'b');
  queue.remove(queue.items()[0]!.id);
  await settled();
  assert.ok(sending[0]!.signal.aborted);
  assert.deepEqual(states(), ['b uploading']);
});
