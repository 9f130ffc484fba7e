/**
 * What leaves for a reader in one piece: a message, or all that a segment told him. However many readers are told the same,
 * it is put together once, and its bytes are made once.
 *
 *     nothing ── a ── a b ── a b c      who follows everything
 *        └────── b                      who follows only what b is about
 *
 * Events are told one after the other, each to all who follow it: whoever has been told the same so far holds the same parcel,
 * and what comes next leads all of them to the same next one.
 */
import type { FeedPosition } from '../../protocol/feed.ts';
import type { FeedUpdate } from './updates.ts';

export type Message = {
  readonly text: string;
  /** null: said to the reader alone. */
  readonly position: FeedPosition | null;
};

/** A message as its transport carries it. One function for all readers of a transport: bytes are remembered by it. */
export type Encode = (message: Message) => Uint8Array;

export class Parcel {
  readonly message: Message;
  /** Of all its messages. */
  readonly characters: number;
  readonly #before: Parcel | null;
  #next: Parcel | null = null;
  #bytes: { encode: Encode; bytes: Uint8Array }[] = [];

  constructor(message: Message, before: Parcel | null = null) {
    this.message = message;
    this.characters = message.text.length + (before?.characters ?? 0);
    this.#before = before;
  }

  /** This and one more message. */
  and(message: Message): Parcel {
    if (this.#next?.message !== message) this.#next = new Parcel(message, this);
    return this.#next;
  }

  bytes(encode: Encode): Uint8Array {
    for (const known of this.#bytes) if (known.encode === encode) return known.bytes;
    const parts: Uint8Array[] = [];
    for (let one: Parcel | null = this; one; one = one.#before) parts.push(encode(one.message));
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts.reverse());
    this.#bytes.push({ encode, bytes });
    return bytes;
  }
}

/** What one segment tells: parcels begin here, and leave together at its end. */
export class Telling<Follower> {
  /** Who has been given something that has not left. */
  readonly given: Follower[] = [];
  #first: Parcel | null = null;
  #alone: Parcel | null = null;
  #keyed: FeedUpdate | null = null;
  #key = '';

  /** The first of a parcel. */
  begin(message: Message): Parcel {
    if (this.#first?.message !== message) this.#first = new Parcel(message);
    return this.#first;
  }

  /** A parcel that stays as it is: for those who can't take it yet. */
  alone(message: Message): Parcel {
    if (this.#alone?.message !== message) this.#alone = new Parcel(message);
    return this.#alone;
  }

  /** Under which that waits, made once as well. */
  key(update: FeedUpdate): string {
    if (this.#keyed !== update) {
      this.#keyed = update;
      this.#key = keyOf(update);
    }
    return this.#key;
  }
}

/** Under which an update waits: progress of a job, and a worker's heartbeat, replace the one before. */
export function keyOf({ soft, kind, id, position }: FeedUpdate): string {
  return soft ? `${kind}|${id}` : `${position.seq}.${position.index}`;
}
