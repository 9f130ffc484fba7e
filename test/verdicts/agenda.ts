/** What will happen when, in simulated time: a binary heap. Equal times happen in the order in which they were planned. */
type Item = { at_ms: number; order: number; run: () => void };

export class Agenda {
  now_ms: number;
  #items: Item[] = [];
  #order = 0;

  constructor(now_ms: number) {
    this.now_ms = now_ms;
  }

  after(delay_ms: number, run: () => void): void {
    const item = { at_ms: Math.round(this.now_ms + Math.max(0, delay_ms)), order: this.#order++, run };
    const items = this.#items;
    items.push(item);
    for (let i = items.length - 1; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!before(item, items[parent]!)) break;
      [items[i], items[parent]] = [items[parent]!, item];
      i = parent;
    }
  }

  runUntil(end_ms: number): void {
    while (this.#items.length > 0 && this.#items[0]!.at_ms <= end_ms) {
      const first = this.#pop();
      this.now_ms = first.at_ms;
      first.run();
    }
    this.now_ms = end_ms;
  }

  #pop(): Item {
    const items = this.#items;
    const first = items[0]!;
    const last = items.pop()!;
    if (items.length === 0) return first;
    items[0] = last;
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < items.length && before(items[child]!, items[least]!)) least = child;
      }
      if (least === i) return first;
      [items[i], items[least]] = [items[least]!, items[i]!];
      i = least;
    }
  }
}

const before = (a: Item, b: Item): boolean => a.at_ms < b.at_ms || (a.at_ms === b.at_ms && a.order < b.order);
