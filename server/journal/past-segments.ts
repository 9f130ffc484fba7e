/**
 * Reads segments before the head. A put that was delayed for longer than the retention can recreate a segment after its
 * truncation: it is in the store, but was never part of the log. So a segment counts only if the next one, or the head,
 * continues it.
 */
import { LRUCache } from 'lru-cache';
import type { GetResult } from '../objects/store.ts';
import { segmentKey } from './keys.ts';
import { decodeSegment, type Segment } from './segment.ts';

/** The place of a segment in the chain. */
type Link = { prev: string; hash: string };

export type PastSegmentsOptions = {
  /** Resolves with a segment that this journal may contain. Rejects with JournalError. */
  get: (key: string) => Promise<GetResult>;
  head: () => { seq: number; hash: string };
  journal_id: string;
};

/** Neighbours are read at about the same time. */
const LINKS_MAX = 256;

export class PastSegments {
  readonly #options: PastSegmentsOptions;
  readonly #links = new LRUCache<number, Promise<Link | null>>({ max: LINKS_MAX });

  constructor(options: PastSegmentsOptions) {
    this.#options = options;
  }

  /** The lines of a segment up to the head; null if it has been truncated. Rejects with JournalError. */
  async lines(seq: number): Promise<readonly string[] | null> {
    const reading = this.#read(seq);
    void this.#remember(seq, reading);
    const segment = await reading;
    return segment && (await this.#isContinued(segment)) ? segment.lines : null;
  }

  async #isContinued({ header: { seq }, hash }: Segment): Promise<boolean> {
    const head = this.#options.head();
    if (seq === head.seq) return hash === head.hash;
    const next = await (this.#links.get(seq + 1) ?? this.#remember(seq + 1, this.#read(seq + 1)));
    return next?.prev === hash;
  }

  /** Keeps the link of a segment that is being read, unless it turns out not to be there. */
  #remember(seq: number, reading: Promise<Segment | null>): Promise<Link | null> {
    const link = reading.then((segment) => segment && { prev: segment.header.prev, hash: segment.hash });
    const forget = () => {
      if (this.#links.peek(seq) === link) this.#links.delete(seq);
    };
    this.#links.set(seq, link);
    link.then((found) => found ?? forget(), forget);
    return link;
  }

  async #read(seq: number): Promise<Segment | null> {
    const { get, journal_id } = this.#options;
    const got = await get(segmentKey(seq));
    return got.found ? decodeSegment(got.bytes, { journal_id, seq }) : null;
  }
}
