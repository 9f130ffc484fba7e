/**
 * What is sent to a reader in one piece: a message, or all messages of a segment that it follows. Readers that get the
 * same messages share one parcel and its bytes.
 *
 *     nothing ── a ── a b ── a b c      followers of everything
 *        └────── b                      followers of the subject of b only
 *
 * Events are delivered one after the other, each to all of its followers: readers that got the same messages so far
 * hold the same parcel, and the next message leads all of them to the same next parcel.
 */
import type { FeedPosition } from '../../protocol/feed.ts';
import type { FeedUpdate } from './updates.ts';

export type Message = {
  readonly text: string;
  /** null for a reply to one reader. */
  readonly position: FeedPosition | null;
};

/**
 * Encodes a message for a transport. Bytes are cached per function, so a transport must use the same one for all
 * readers.
 */
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

  /** Returns the parcel with one more message. */
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

/** The parcels of one segment, shared among its followers and sent at its end. */
export class SegmentParcels<Follower> {
  /** Followers with a parcel that has not been sent. */
  readonly open: Follower[] = [];
  #first: Parcel | null = null;
  #alone: Parcel | null = null;
  #keyed: FeedUpdate | null = null;
  #key = '';

  /** Returns the parcel that begins with this message. */
  begin(message: Message): Parcel {
    if (this.#first?.message !== message) this.#first = new Parcel(message);
    return this.#first;
  }

  /** Returns a parcel with this message alone, for readers that are behind. */
  alone(message: Message): Parcel {
    if (this.#alone?.message !== message) this.#alone = new Parcel(message);
    return this.#alone;
  }

  /** Returns `keyOf(update)`, computed once. */
  key(update: FeedUpdate): string {
    if (this.#keyed !== update) {
      this.#keyed = update;
      this.#key = keyOf(update);
    }
    return this.#key;
  }
}

/** The key under which an update waits: progress of a job, or a worker's heartbeat, replaces the one before. */
export function keyOf({ soft, kind, id, position }: FeedUpdate): string {
  return soft ? `${kind}|${id}` : `${position.seq}.${position.index}`;
}
