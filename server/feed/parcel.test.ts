/** Messages for many readers are combined once, and encoded once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox, SENT_MAX } from './outbox.ts';
import { type Message, Parcel, SegmentParcels } from './parcel.ts';
import { textsOf } from './testing-feed.ts';
import type { FeedUpdate } from './updates.ts';

const update = (text: string, index: number): FeedUpdate => ({
  text,
  position: { seq: 1, index },
  kind: 'job',
  id: `job-${index}`,
  soft: false,
});

test('readers that get the same messages share a parcel, and its bytes are made once', () => {
  let encoded = 0;
  const encode = ({ text }: Message) => {
    encoded += 1;
    return Buffer.from(text);
  };
  const parcels = new SegmentParcels();
  const [a, b] = [update('a', 0), update('b', 1)];
  const begun = [parcels.begin(a), parcels.begin(a)];
  const [first, second] = begun.map((parcel) => parcel.and(b));
  assert.equal(first, second);
  assert.equal(String(first!.bytes(encode)), 'ab');
  assert.equal(first!.bytes(encode), second!.bytes(encode));
  assert.equal(encoded, 2);
  assert.equal(first!.characters, 2);
});

test('readers that get fewer messages have their own parcel', () => {
  const parcels = new SegmentParcels();
  const [a, b, c] = [update('a', 0), update('b', 1), update('c', 2)];
  const all = parcels.begin(a);
  const some = parcels.begin(b);
  const whole = all.and(b).and(c);
  assert.deepEqual(textsOf(some.and(c)), ['b', 'c']);
  assert.deepEqual(textsOf(whole), ['a', 'b', 'c']);
  assert.deepEqual(textsOf(all), ['a']);
});

test('each transport has its own bytes', () => {
  const parcel = new Parcel({ text: 'a', position: null });
  assert.equal(String(parcel.bytes(() => Buffer.from('one'))), 'one');
  assert.equal(String(parcel.bytes(() => Buffer.from('another'))), 'another');
});

test('the messages of a segment are sent in one piece, before any later message', () => {
  const sent: string[][] = [];
  const outbox = new Outbox({ send: (parcel) => sent.push(textsOf(parcel)), tooSlow: () => {} });
  const parcels = new SegmentParcels();
  assert.equal(outbox.gather(update('a', 0), parcels), true);
  assert.equal(outbox.gather(update('b', 1), parcels), false);
  assert.deepEqual(sent, []);
  outbox.flush();
  assert.deepEqual(sent, [['a', 'b']]);
  outbox.gather(update('c', 2), parcels);
  outbox.push(new Parcel({ text: 'now', position: { seq: 2, index: -1 } }), 'now');
  outbox.flush();
  assert.deepEqual(sent, [['a', 'b'], ['c'], ['now']]);
});

test('a reader that falls behind in the middle of a segment gets the rest as it reads', () => {
  const sent: string[] = [];
  const unread: (() => void)[] = [];
  const outbox = new Outbox({
    send(parcel, read) {
      sent.push(...textsOf(parcel));
      unread.push(read);
    },
    tooSlow: () => assert.fail('it waits for little'),
  });
  const parcels = new SegmentParcels();
  const long = 'x'.repeat(SENT_MAX - 1);
  for (const [index, text] of ['a', long, 'b', 'c'].entries()) outbox.gather(update(text, index), parcels);
  outbox.flush();
  assert.deepEqual(sent, ['a', long]);
  for (let read = unread.shift(); read; read = unread.shift()) read();
  assert.deepEqual(sent, ['a', long, 'b', 'c']);
});
