/** What a slow reader receives. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedPosition } from '../../protocol/feed.ts';
import { ANSWERS_WAITING_MAX, Outbox, SENT_MAX, WAITING_MAX } from './outbox.ts';
import { Parcel, SegmentParcels } from './parcel.ts';
import type { FeedUpdate } from './updates.ts';

/** A reader that reads nothing until the test lets it. */
class SlowSink {
  readonly sent: { text: string; position: FeedPosition | null }[] = [];
  readonly holds: boolean[] = [];
  resume: FeedPosition | null | undefined;
  #unread: (() => void)[] = [];

  send({ message: { text, position } }: Parcel, sent: () => void): void {
    this.sent.push({ text, position });
    this.#unread.push(sent);
  }

  hold(held: boolean): void {
    this.holds.push(held);
  }

  tooSlow(resume: FeedPosition | null): void {
    this.resume = resume;
  }

  read(): void {
    for (const sent of this.#unread.splice(0)) sent();
  }

  /** Reads until nothing more arrives. */
  readAll(): string[] {
    for (let before = -1; before !== this.sent.length; ) {
      before = this.sent.length;
      this.read();
    }
    return this.sent.map(({ text }) => text);
  }
}

const at = (seq: number, index = 0): FeedPosition => ({ seq, index });

function happen(outbox: Outbox, text: string, position: FeedPosition, replaces?: string): void {
  outbox.push(new Parcel({ text, position }), replaces ?? `${position.seq}.${position.index}`);
}

/** Fills the unread limit, so that everything after it waits. */
const FULL = 'x'.repeat(SENT_MAX);

test('messages are sent immediately while they are read', () => {
  const sink = new SlowSink();
  const outbox = new Outbox(sink);
  happen(outbox, 'a', at(1));
  outbox.reply('b');
  happen(outbox, 'c', at(2));
  assert.deepEqual(sink.sent, [
    { text: 'a', position: at(1) },
    { text: 'b', position: null },
    { text: 'c', position: at(2) },
  ]);
});

test('progress replaces the waiting progress of the same job, and positions only grow', () => {
  const sink = new SlowSink();
  const outbox = new Outbox(sink);
  happen(outbox, FULL, at(1));
  happen(outbox, 'job-1 10 %', at(2), 'job|job-1');
  happen(outbox, 'job-2 50 %', at(3), 'job|job-2');
  happen(outbox, 'job-3 is COMPLETED', at(4));
  happen(outbox, 'job-1 20 %', at(5), 'job|job-1');
  happen(outbox, 'job-1 30 %', at(6), 'job|job-1');
  assert.equal(sink.sent.length, 1);
  assert.deepEqual(sink.readAll().slice(1), ['job-2 50 %', 'job-3 is COMPLETED', 'job-1 30 %']);
  const seqs = sink.sent.map(({ position }) => position!.seq);
  assert.deepEqual(
    seqs,
    seqs.toSorted((a, b) => a - b),
  );
});

test('transitions are never dropped, however many wait', () => {
  const sink = new SlowSink();
  const outbox = new Outbox(sink);
  happen(outbox, FULL, at(1));
  const transitions = Array.from({ length: 1000 }, (_, i) => `transition ${i}`);
  for (const [i, text] of transitions.entries()) {
    happen(outbox, text, at(2, i));
    happen(outbox, `progress ${i}`, at(3, i), 'job|job-1');
  }
  const texts = sink.readAll();
  assert.deepEqual(
    texts.filter((text) => text.startsWith('transition')),
    transitions,
  );
  assert.deepEqual(
    texts.filter((text) => text.startsWith('progress')),
    ['progress 999'],
  );
  assert.equal(sink.resume, undefined);
});

test('a reader over its buffer is disconnected with the position of the last message sent', () => {
  const sink = new SlowSink();
  const outbox = new Outbox(sink);
  happen(outbox, FULL, at(1));
  const message = 'y'.repeat(1000);
  for (let i = 0; sink.resume === undefined; i += 1) {
    assert.ok(i <= WAITING_MAX / message.length + 1, 'it holds more than allowed');
    happen(outbox, message, at(2, i));
  }
  assert.deepEqual(sink.resume, at(1));
  sink.read();
  happen(outbox, 'too late', at(3));
  assert.equal(sink.sent.length, 1);
});

test('a reader that was sent no position is disconnected without one', () => {
  const sink = new SlowSink();
  const outbox = new Outbox(sink);
  outbox.reply(FULL);
  outbox.reply('z'.repeat(WAITING_MAX + 1));
  assert.equal(sink.resume, null);
});

test('a large message is sent immediately while messages flow, and does not count as slow reading', () => {
  const sink = new SlowSink();
  const outbox = new Outbox(sink);
  happen(outbox, 'x'.repeat(4 * WAITING_MAX), at(1));
  assert.equal(sink.sent.length, 1);
  assert.equal(sink.resume, undefined);
});

test('senders of large messages take turns', () => {
  const sink = new SlowSink();
  const outbox = new Outbox(sink);
  happen(outbox, FULL, at(1));
  for (const name of ['first', 'second']) outbox.whenFlowing(() => happen(outbox, `${name} ${FULL}`, at(2)));
  assert.equal(sink.sent.length, 1);
  sink.read();
  assert.equal(sink.sent.length, 2);
  sink.read();
  assert.equal(sink.sent.length, 3);
  assert.equal(sink.resume, undefined);
});

test('closing releases waiting senders', () => {
  const outbox = new Outbox(new SlowSink());
  happen(outbox, FULL, at(1));
  let gone = false;
  outbox.whenFlowing(() => {
    gone = true;
  });
  assert.equal(gone, false);
  outbox.close();
  assert.equal(gone, true);
});

test('waiting answers to calls pause reading from the connection; waiting events do not', () => {
  const sink = new SlowSink();
  const outbox = new Outbox(sink);
  outbox.sendAnswers(['a']);
  outbox.reply(FULL);
  happen(outbox, 'event', at(1));
  assert.deepEqual(sink.holds, []);
  outbox.sendAnswers(['b', 'c']);
  outbox.sendAnswers(['d']);
  assert.deepEqual(sink.holds, [true]);
  sink.readAll();
  assert.deepEqual(sink.holds, [true, false]);
  outbox.sendAnswers(['e']);
  assert.deepEqual(sink.holds, [true, false], 'a reader that has read everything is not paused');
});

const updateAt = (position: FeedPosition): FeedUpdate => ({
  kind: 'job',
  id: 'job-1',
  state: 'QUEUED',
  soft: false,
  position,
  text: `update ${position.seq}.${position.index}`,
});

test('the updates of a segment are sent as one parcel, before any later message', () => {
  const sink = new SlowSink();
  const outbox = new Outbox(sink);
  const parcels = new SegmentParcels();
  assert.equal(outbox.gather(updateAt(at(1, 0)), parcels), true);
  assert.equal(outbox.gather(updateAt(at(1, 1)), parcels), false, 'sent with the first');
  assert.deepEqual(sink.sent, []);
  outbox.reply('pong');
  outbox.flush();
  assert.deepEqual(sink.sent, [
    { text: 'update 1.1', position: at(1, 1) },
    { text: 'pong', position: null },
  ]);
});

test('a closed outbox sends nothing, not even what it had gathered', () => {
  const sink = new SlowSink();
  const outbox = new Outbox(sink);
  const parcels = new SegmentParcels();
  outbox.gather(updateAt(at(1, 0)), parcels);
  outbox.close();
  outbox.flush();
  assert.equal(outbox.gather(updateAt(at(1, 1)), parcels), false);
  outbox.flush();
  outbox.update(updateAt(at(2)));
  outbox.reply('pong');
  outbox.sendAnswers(['answer']);
  assert.deepEqual(sink.sent, []);
});

test('a reader is disconnected when more answers wait than allowed', () => {
  const sink = new SlowSink();
  const outbox = new Outbox(sink);
  happen(outbox, FULL, at(1));
  outbox.sendAnswers(['x'.repeat(ANSWERS_WAITING_MAX)]);
  assert.equal(sink.resume, undefined);
  outbox.sendAnswers(['x']);
  assert.deepEqual(sink.resume, at(1));
});
