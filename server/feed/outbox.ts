/**
 * What is on its way to one reader, who may be slower than the fleet.
 *
 *     flowing   messages go out as they come
 *     behind    more than SENT_MAX is unread: messages wait here in order, progress of a job replacing what waits of it
 *     closed    more than WAITING_MAX waits: the reader is let go with the position to resume from
 *
 * A transition is never dropped, and positions only grow: a progress that replaces another moves to the end of the line.
 */
import type { FeedPosition } from '../../protocol/feed.ts';

/** One reader's way out: a WebSocket, or an SSE response. */
export interface Sink {
  /** `sent` is called when the message has left this process, or never will. */
  send(text: string, position: FeedPosition | null, sent: () => void): void;
  /** Lets the reader go. `resume`: after all that was sent; null where nothing with a position was. */
  tooSlow(resume: FeedPosition | null): void;
}

/** In characters, which are bytes but for names and words in other scripts. */
export const SENT_MAX = 256 * 1024;
export const WAITING_MAX = 1024 * 1024;
/** Of answers to calls, which the reader asked for and of which one alone may be large. */
export const ANSWERS_WAITING_MAX = 16 * 1024 * 1024;

type Waiting = { text: string; position: FeedPosition | null };

export class Outbox {
  readonly #sink: Sink;
  readonly #waiting = new Map<string, Waiting>();
  #sent = 0;
  #waits = 0;
  #answers_wait = 0;
  #last: FeedPosition | null = null;
  #closed = false;
  #controls = 0;
  readonly #whenFlowing: (() => void)[] = [];

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** What is said now has to wait. One who has much to say, or something large, says it `whenFlowing`. */
  get behind(): boolean {
    return this.#waiting.size > 0 || this.#sent >= SENT_MAX;
  }

  /** Something that happened. `replaces`: what waits under this key is out of date with it. */
  happened(text: string, position: FeedPosition, replaces?: string): void {
    this.#add(replaces ?? `${position.seq}.${position.index}`, { text, position });
  }

  /** Something said to the reader alone. */
  say(text: string): void {
    if (!this.behind) return this.#closed ? undefined : this.#send({ text, position: null });
    this.#controls += 1;
    this.#add(`control ${this.#controls}`, { text, position: null });
  }

  /** What the reader has called for. While it is behind it waits apart, and does not count as being slow until there is much of it. */
  answer(text: string): void {
    if (!this.behind) return this.say(text);
    if (this.#closed) return;
    this.#answers_wait += text.length;
    if (this.#answers_wait > ANSWERS_WAITING_MAX) return this.#letGo();
    this.whenFlowing(() => {
      this.#answers_wait -= text.length;
      this.say(text);
    });
  }

  /** Runs it as soon as messages flow, one after the other; or when nobody reads any more. */
  whenFlowing(run: () => void): void {
    this.#whenFlowing.push(run);
    this.#runFlowing();
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    this.#runFlowing();
  }

  #runFlowing(): void {
    while (this.#whenFlowing.length > 0 && (!this.behind || this.#closed)) this.#whenFlowing.shift()!();
  }

  #add(key: string, message: Waiting): void {
    if (this.#closed) return;
    if (!this.behind) return this.#send(message);
    const older = this.#waiting.get(key);
    if (older) {
      this.#waiting.delete(key);
      this.#waits -= older.text.length;
    }
    this.#waiting.set(key, message);
    this.#waits += message.text.length;
    if (this.#waits > WAITING_MAX) this.#letGo();
  }

  #letGo(): void {
    this.close();
    this.#sink.tooSlow(this.#last);
  }

  #send({ text, position }: Waiting): void {
    const { length } = text;
    this.#sent += length;
    if (position) this.#last = position;
    this.#sink.send(text, position, () => {
      this.#sent -= length;
      this.#flow();
    });
  }

  #flow(): void {
    for (const [key, message] of this.#waiting) {
      if (this.#closed || this.#sent >= SENT_MAX) return;
      this.#waiting.delete(key);
      this.#waits -= message.text.length;
      this.#send(message);
    }
    this.#runFlowing();
  }
}
