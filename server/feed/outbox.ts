/**
 * Messages on their way to one reader, which may be slower than the fleet.
 *
 *     flowing   messages are sent immediately
 *     behind    more than SENT_MAX is unread: messages wait in order; progress of a job replaces its waiting progress
 *     closed    more than WAITING_MAX waits: the reader is disconnected with the position to resume from
 *
 * A transition is never dropped, and positions only grow: progress that replaces another moves to the end.
 */
import type { FeedPosition } from '../../protocol/feed.ts';
import { keyOf, Parcel, type SegmentParcels } from './parcel.ts';
import type { FeedUpdate } from './updates.ts';

/** The connection to one reader: a WebSocket or an SSE response. */
export interface Sink {
  /** Calls `sent` once the parcel has left this process, or never will. */
  send(parcel: Parcel, sent: () => void): void;
  /** Stops (true) or resumes (false) reading from the connection: answers to its calls are waiting. */
  hold?(held: boolean): void;
  /**
   * Disconnects the reader. `resume` is the position after the last message sent; null if none with a position was
   * sent.
   */
  tooSlow(resume: FeedPosition | null): void;
}

/** In characters, which are bytes except for text outside ASCII. */
export const SENT_MAX = 256 * 1024;
export const WAITING_MAX = 1024 * 1024;
/** For answers to calls: the reader requested them, and a single one may be large. */
export const ANSWERS_WAITING_MAX = 16 * 1024 * 1024;

export class Outbox {
  readonly #sink: Sink;
  readonly #waiting = new Map<string, Parcel>();
  #sent = 0;
  /** Updates of the current segment, sent when it has been delivered. */
  #gathered: Parcel | null = null;
  #waits = 0;
  #answers_wait = 0;
  #last: FeedPosition | null = null;
  #closed = false;
  #controls = 0;
  readonly #whenFlowing: (() => void)[] = [];

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Whether a message sent now has to wait. Large or many messages should be sent by `whenFlowing`. */
  get behind(): boolean {
    return this.#waiting.size > 0 || this.#sent >= SENT_MAX;
  }

  /** Sends a message with a position, in place of a waiting one with the same key. */
  push(parcel: Parcel, replaces: string): void {
    this.#add(replaces, parcel);
  }

  update(update: FeedUpdate): void {
    this.#add(keyOf(update), new Parcel(update));
  }

  /**
   * Like `update`, but sent by `flush`, together with the rest of its segment. Returns whether it is the first to
   * gather.
   */
  gather<T>(update: FeedUpdate, parcels: SegmentParcels<T>): boolean {
    if (this.#closed) return false;
    if (this.behind) {
      this.#add(parcels.key(update), parcels.alone(update));
      return false;
    }
    const gathered = this.#gathered;
    this.#gathered = gathered === null ? parcels.begin(update) : gathered.and(update);
    this.#sent += update.text.length;
    return gathered === null;
  }

  flush(): void {
    const parcel = this.#gathered;
    this.#gathered = null;
    if (parcel !== null && !this.#closed) this.#dispatch(parcel);
  }

  /** Sends a message without a position, to this reader alone. */
  reply(text: string): void {
    const parcel = new Parcel({ text, position: null });
    this.#controls += 1;
    if (this.behind) this.#add(`control ${this.#controls}`, parcel);
    else if (!this.#closed) {
      this.flush();
      this.#send(parcel);
    }
  }

  /**
   * Sends answers to calls in one piece. While the reader is behind, they wait separately and no further calls are
   * read; it is disconnected as slow only beyond ANSWERS_WAITING_MAX.
   */
  sendAnswers(texts: readonly string[]): void {
    if (this.#closed) return;
    let parcel: Parcel | null = null;
    for (const text of texts) parcel = new Parcel({ text, position: null }, parcel);
    if (parcel === null) return;
    const send = () => {
      this.flush();
      this.#send(parcel);
    };
    if (!this.behind) return send();
    const { characters } = parcel;
    if (this.#answers_wait === 0) this.#sink.hold?.(true);
    this.#answers_wait += characters;
    if (this.#answers_wait > ANSWERS_WAITING_MAX) return this.#disconnect();
    this.whenFlowing(() => {
      this.#answers_wait -= characters;
      if (this.#answers_wait === 0) this.#sink.hold?.(false);
      if (!this.#closed) send();
    });
  }

  /** Runs the function once messages flow, in order of the requests; or when the outbox is closed. */
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

  #add(key: string, parcel: Parcel): void {
    if (this.#closed) return;
    this.flush();
    if (!this.behind) return this.#send(parcel);
    const older = this.#waiting.get(key);
    if (older) {
      this.#waiting.delete(key);
      this.#waits -= older.characters;
    }
    this.#waiting.set(key, parcel);
    this.#waits += parcel.characters;
    if (this.#waits > WAITING_MAX) this.#disconnect();
  }

  #disconnect(): void {
    this.close();
    this.#sink.tooSlow(this.#last);
  }

  #send(parcel: Parcel): void {
    this.#sent += parcel.characters;
    this.#dispatch(parcel);
  }

  #dispatch(parcel: Parcel): void {
    const { characters, message } = parcel;
    if (message.position) this.#last = message.position;
    this.#sink.send(parcel, () => {
      this.#sent -= characters;
      this.#flow();
    });
  }

  #flow(): void {
    for (const [key, parcel] of this.#waiting) {
      if (this.#closed || this.#sent >= SENT_MAX) return;
      this.#waiting.delete(key);
      this.#waits -= parcel.characters;
      this.#send(parcel);
    }
    this.#runFlowing();
  }
}
