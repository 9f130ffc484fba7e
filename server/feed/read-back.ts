/**
 * Segments read back for those who were away for longer than the hub remembers: each is read and told once, however many
 * come back at the same time, as they do after a restart.
 */
import type { Engine } from '../engine.ts';
import { type FeedUpdate, updateOf } from './updates.ts';

type Updates = readonly FeedUpdate[] | null;

const KEPT_CHARACTERS_MAX = 16 * 1024 * 1024;

export class ReadBack {
  readonly #engine: Pick<Engine, 'eventsOf'>;
  /** By segment, the one asked for longest ago first. */
  readonly #segments = new Map<number, { updates: Promise<Updates>; characters: number }>();
  #characters = 0;

  constructor(engine: Pick<Engine, 'eventsOf'>) {
    this.#engine = engine;
  }

  /** What a segment up to the head told; null where it has been truncated. Rejects with JournalError where it can't be read. */
  updatesOf(seq: number): Promise<Updates> {
    const known = this.#segments.get(seq);
    if (known) {
      this.#segments.delete(seq);
      this.#segments.set(seq, known);
      return known.updates;
    }
    const updates = this.#read(seq);
    const entry = { updates, characters: 0 };
    this.#segments.set(seq, entry);
    updates.then(
      (read) => {
        if (read === null) this.#segments.delete(seq);
        for (const { text } of read ?? []) entry.characters += text.length;
        this.#characters += entry.characters;
        this.#forget();
      },
      () => this.#segments.delete(seq),
    );
    return updates;
  }

  async #read(seq: number): Promise<Updates> {
    const events = await this.#engine.eventsOf(seq);
    return events ? events.flatMap((event, index) => updateOf(event, { seq, index }) ?? []) : null;
  }

  #forget(): void {
    for (const [seq, { characters }] of this.#segments) {
      if (this.#characters <= KEPT_CHARACTERS_MAX) return;
      this.#segments.delete(seq);
      this.#characters -= characters;
    }
  }
}
