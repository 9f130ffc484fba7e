/**
 * Reads segments that the hub no longer keeps, for readers that resume from further back. Each is read and turned into
 * messages once, however many readers reconnect at the same time, as they do after a restart.
 */
import { LRUCache } from 'lru-cache';
import type { Engine } from '../engine.ts';
import { type FeedUpdate, updateOf } from './updates.ts';

type Updates = readonly FeedUpdate[];

/** Memory of a cached segment in addition to its messages. */
const OVERHEAD_CHARACTERS = 200;

export class ReadBack {
  readonly #engine: Pick<Engine, 'eventsOf'>;
  readonly #kept: LRUCache<number, Updates>;
  /** Not in the cache, which would evict entries without a size first. */
  readonly #under_way = new Map<number, Promise<Updates | null>>();

  constructor(engine: Pick<Engine, 'eventsOf'>, characters_max = 16 * 1024 * 1024) {
    this.#engine = engine;
    this.#kept = new LRUCache({
      maxSize: characters_max,
      sizeCalculation: (updates) => updates.reduce((sum, { text }) => sum + text.length, OVERHEAD_CHARACTERS),
    });
  }

  /**
   * Returns the messages of a segment; null if it has been truncated. Rejects with JournalError if it can't be read.
   */
  updatesOf(seq: number): Promise<Updates | null> {
    const kept = this.#kept.get(seq);
    if (kept) return Promise.resolve(kept);
    const under_way = this.#under_way.get(seq);
    if (under_way) return under_way;
    const reading = this.#read(seq).finally(() => this.#under_way.delete(seq));
    this.#under_way.set(seq, reading);
    // A segment that is read ahead has no awaiter yet.
    reading.catch(() => {});
    return reading;
  }

  async #read(seq: number): Promise<Updates | null> {
    const events = await this.#engine.eventsOf(seq);
    if (!events) return null;
    const updates = events.flatMap((event, index) => updateOf(event, { seq, index }) ?? []);
    this.#kept.set(seq, updates);
    return updates;
  }
}
