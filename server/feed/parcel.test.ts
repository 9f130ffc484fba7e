/** What is told to many is put together once, and its bytes are made once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox, SENT_MAX } from './outbox.ts';
import { type Message, Parcel, Telling } from './parcel.ts';
import { textsOf } from './testing-feed.ts';
import type { FeedUpdate } from './updates.ts';

const update = (text: string, index: number): FeedUpdate => ({
  text,
  position: { seq: 1, index },
  kind: 'job',
  id: `job-${index}`,
  soft: false,
});

test('those who are told the same get the same parcel, and its bytes are made once', () => {
  let encoded = 0;
  const encode = ({ text }: Message) => {
    encoded += 1;
    return Buffer.from(text);
  };
  const telling = new Telling();
  const [a, b] = [update('a', 0), update('b', 1)];
  const begun = [telling.begin(a), telling.begin(a)];
  const [first, second] = begun.map((parcel) => parcel.and(b));
  assert.equal(first, second);
  assert.equal(String(first!.bytes(encode)), 'ab');
  assert.equal(first!.bytes(encode), second!.bytes(encode));
  assert.equal(encoded, 2);
  assert.equal(first!.characters, 2);
});

test('those who are told less get a parcel of their own', () => {
  const telling = new Telling();
  const [a, b, c] = [update('a', 0), update('b', 1), update('c', 2)];
  const all = telling.begin(a);
  const some = telling.begin(b);
  const allOfIt = all.and(b).and(c);
  assert.deepEqual(textsOf(some.and(c)), ['b', 'c']);
  assert.deepEqual(textsOf(allOfIt), ['a', 'b', 'c']);
  assert.deepEqual(textsOf(all), ['a']);
});

test('each transport has bytes of its own', () => {
  const parcel = new Parcel({ text: 'a', position: null });
  assert.equal(String(parcel.bytes(() => Buffer.from('one'))), 'one');
  assert.equal(String(parcel.bytes(() => Buffer.from('another'))), 'another');
});

test('what a segment tells leaves in one piece, before anything that is said after it', () => {
  const sent: string[][] = [];
  const outbox = new Outbox({ send: (parcel) => sent.push(textsOf(parcel)), tooSlow: () => {} });
  const telling = new Telling();
  assert.equal(outbox.gather(update('a', 0), telling), true);
  assert.equal(outbox.gather(update('b', 1), telling), false);
  assert.deepEqual(sent, []);
  outbox.leave();
  assert.deepEqual(sent, [['a', 'b']]);
  outbox.gather(update('c', 2), telling);
  outbox.happened(new Parcel({ text: 'now', position: { seq: 2, index: -1 } }), 'now');
  outbox.leave();
  assert.deepEqual(sent, [['a', 'b'], ['c'], ['now']]);
});

test('a reader who falls behind in the middle of a segment gets the rest of it as he reads', () => {
  const sent: string[] = [];
  const unread: (() => void)[] = [];
  const outbox = new Outbox({
    send(parcel, read) {
      sent.push(...textsOf(parcel));
      unread.push(read);
    },
    tooSlow: () => assert.fail('it waits for little'),
  });
  const telling = new Telling();
  const long = 'x'.repeat(SENT_MAX - 1);
  for (const [index, text] of ['a', long, 'b', 'c'].entries()) outbox.gather(update(text, index), telling);
  outbox.leave();
  assert.deepEqual(sent, ['a', long]);
  for (let read = unread.shift(); read; read = unread.shift()) read();
  assert.deepEqual(sent, ['a', long, 'b', 'c']);
});
