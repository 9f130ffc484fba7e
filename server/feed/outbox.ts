/**
 * What is on its way to one reader, who may be slower than the fleet.
 *
 *     flowing   messages go out as they come
 *     behind    more than SENT_BYTES_MAX are unread: messages wait here in order, progress of a job replacing what waits of it
 *     closed    more than WAITING_BYTES_MAX wait: the reader is let go with the position to resume from
 *
 * A transition is never dropped, and positions only grow: a progress that replaces another moves to the end of the line.
 */
import type { FeedPosition } from '../../protocol/feed.ts';

/** One message's way out: a WebSocket, or an SSE response. */
export interface Sink {
  /** `sent` is called when the bytes have left this process. */
  send(text: string, position: FeedPosition | null, sent: () => void): void;
  /** Lets the reader go; `resume` is where it may come back. */
  tooSlow(resume: FeedPosition | null): void;
}

const SENT_BYTES_MAX = 256 * 1024;
const WAITING_BYTES_MAX = 1024 * 1024;

type Waiting = { text: string; position: FeedPosition | null };

export class Outbox {
  readonly #sink: Sink;
  readonly #waiting = new Map<string, Waiting>();
  #sent_bytes = 0;
  #waiting_bytes = 0;
  #last: FeedPosition | null = null;
  #closed = false;
  #controls = 0;
  readonly #whenReady: (() => void)[] = [];

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Something that happened. `replaces`: what waits under this key is out of date with it. */
  happened(text: string, position: FeedPosition, replaces?: string): void {
    this.#add(replaces ?? `${position.seq}.${position.index}`, { text, position });
  }

  /** Something said to the reader alone. */
  say(text: string): void {
    this.#controls += 1;
    this.#add(`control ${this.#controls}`, { text, position: null });
  }

  /** Resolves when nothing waits, for one who has much to say. */
  async ready(): Promise<void> {
    if (this.#waiting.size > 0 && !this.#closed) await new Promise<void>((resolve) => this.#whenReady.push(resolve));
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    this.#tellReady();
  }

  #tellReady(): void {
    for (const resolve of this.#whenReady.splice(0)) resolve();
  }

  #add(key: string, message: Waiting): void {
    if (this.#closed) return;
    if (this.#waiting.size === 0 && this.#sent_bytes < SENT_BYTES_MAX) return this.#send(message);
    const older = this.#waiting.get(key);
    if (older) {
      this.#waiting.delete(key);
      this.#waiting_bytes -= older.text.length;
    }
    this.#waiting.set(key, message);
    this.#waiting_bytes += message.text.length;
    if (this.#waiting_bytes <= WAITING_BYTES_MAX) return;
    this.close();
    this.#sink.tooSlow(this.#last);
  }

  #send({ text, position }: Waiting): void {
    const { length } = text;
    this.#sent_bytes += length;
    if (position) this.#last = position;
    this.#sink.send(text, position, () => {
      this.#sent_bytes -= length;
      if (this.#waiting.size > 0) this.#flow();
    });
  }

  #flow(): void {
    for (const [key, message] of this.#waiting) {
      if (this.#closed || this.#sent_bytes >= SENT_BYTES_MAX) return;
      this.#waiting.delete(key);
      this.#waiting_bytes -= message.text.length;
      this.#send(message);
    }
    this.#tellReady();
  }
}
