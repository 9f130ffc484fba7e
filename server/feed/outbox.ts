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
import { keyOf, Parcel, type Telling } from './parcel.ts';
import type { FeedUpdate } from './updates.ts';

/** One reader's way out: a WebSocket, or an SSE response. */
export interface Sink {
  /** `sent` is called when it has left this process, or never will. */
  send(parcel: Parcel, sent: () => void): void;
  /** Answers to what the reader calls have to wait, or no longer: until then no more is to be taken from it. */
  hold?(held: boolean): void;
  /** Lets the reader go. `resume`: after all that was sent; null where nothing with a position was. */
  tooSlow(resume: FeedPosition | null): void;
}

/** In characters, which are bytes but for names and words in other scripts. */
export const SENT_MAX = 256 * 1024;
export const WAITING_MAX = 1024 * 1024;
/** Of answers to calls, which the reader asked for and of which one alone may be large. */
export const ANSWERS_WAITING_MAX = 16 * 1024 * 1024;

export class Outbox {
  readonly #sink: Sink;
  readonly #waiting = new Map<string, Parcel>();
  #sent = 0;
  /** What leaves at the end of what is being told. */
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

  /** What is said now has to wait. One who has much to say, or something large, says it `whenFlowing`. */
  get behind(): boolean {
    return this.#waiting.size > 0 || this.#sent >= SENT_MAX;
  }

  /** Something that happened. `replaces`: what waits under this key is out of date with it. */
  happened(parcel: Parcel, replaces: string): void {
    this.#add(replaces, parcel);
  }

  update(update: FeedUpdate): void {
    this.#add(keyOf(update), new Parcel(update));
  }

  /** The same, but it leaves with all else that is told now, by `leave`. True: it is the first of that. */
  gather<T>(update: FeedUpdate, telling: Telling<T>): boolean {
    if (this.#closed) return false;
    if (this.behind) {
      this.#add(telling.key(update), telling.alone(update));
      return false;
    }
    const gathered = this.#gathered;
    this.#gathered = gathered === null ? telling.begin(update) : gathered.and(update);
    this.#sent += update.text.length;
    return gathered === null;
  }

  leave(): void {
    const parcel = this.#gathered;
    this.#gathered = null;
    if (parcel !== null && !this.#closed) this.#dispatch(parcel);
  }

  /** Something said to the reader alone. */
  say(text: string): void {
    const parcel = new Parcel({ text, position: null });
    this.#controls += 1;
    if (this.behind) this.#add(`control ${this.#controls}`, parcel);
    else if (!this.#closed) {
      this.leave();
      this.#send(parcel);
    }
  }

  /**
   * What the reader has called for, in one piece. While it is behind they wait apart, no more calls are taken from it, and it
   * does not count as slow until there is much of them.
   */
  answer(texts: readonly string[]): void {
    if (this.#closed) return;
    let parcel: Parcel | null = null;
    for (const text of texts) parcel = new Parcel({ text, position: null }, parcel);
    if (parcel === null) return;
    const send = () => {
      this.leave();
      this.#send(parcel);
    };
    if (!this.behind) return send();
    const { characters } = parcel;
    if (this.#answers_wait === 0) this.#sink.hold?.(true);
    this.#answers_wait += characters;
    if (this.#answers_wait > ANSWERS_WAITING_MAX) return this.#letGo();
    this.whenFlowing(() => {
      this.#answers_wait -= characters;
      if (this.#answers_wait === 0) this.#sink.hold?.(false);
      if (!this.#closed) send();
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

  #add(key: string, parcel: Parcel): void {
    if (this.#closed) return;
    this.leave();
    if (!this.behind) return this.#send(parcel);
    const older = this.#waiting.get(key);
    if (older) {
      this.#waiting.delete(key);
      this.#waits -= older.characters;
    }
    this.#waiting.set(key, parcel);
    this.#waits += parcel.characters;
    if (this.#waits > WAITING_MAX) this.#letGo();
  }

  #letGo(): void {
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
