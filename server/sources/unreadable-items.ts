/**
 * What a followed source has that could not be read, until it can be: a file is read again when it changes, a row is reported again.
 * A line of a log stays what it is, for as long as reports of its time count.
 */
import type { Unreadable } from '../../sources/source.ts';

const ITEMS_MAX = 10_000;
const EXAMPLES_MAX = 10;
/** As in a check: a file that is being written keeps its last known state for so long. */
const HALF_WRITTEN_MS = 5 * 60_000;

type Item = { why: string; since_ms: number; half_written: boolean };

export class UnreadableItems {
  readonly #items = new Map<string, Item>();
  readonly #kept_ms: number;

  constructor({ kept_ms }: { kept_ms: number }) {
    this.#kept_ms = kept_ms;
  }

  add({ where, why, half_written = false, last_known = false }: Unreadable, now_ms: number): void {
    const known = this.#items.get(where);
    if (known === undefined && this.#items.size >= ITEMS_MAX) return;
    const writing = half_written && last_known;
    // Another half-written version does not begin the time anew.
    const since_ms = writing && known?.half_written ? known.since_ms : now_ms;
    this.#items.set(where, { why, since_ms, half_written: writing });
  }

  /** It can be read by now. */
  remove(where: string): void {
    this.#items.delete(where);
  }

  at(now_ms: number): { count: number; examples: { where: string; why: string }[] } {
    let count = 0;
    const examples: { where: string; why: string }[] = [];
    for (const [where, { why, since_ms, half_written }] of this.#items) {
      if (now_ms - since_ms > this.#kept_ms) this.#items.delete(where);
      else if (!half_written || now_ms - since_ms >= HALF_WRITTEN_MS) {
        count += 1;
        if (examples.length < EXAMPLES_MAX) examples.push({ where, why });
      }
    }
    return { count, examples };
  }
}
