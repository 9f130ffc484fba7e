/**
 * Records by id that React reads: a change notifies only those who read that record, and those who read the whole set.
 * Changes are collected until `flush`, so that a frame with a hundred events renders each row once.
 */
export class Records<T> {
  readonly #values = new Map<string, T>();
  readonly #readers = new Map<string, Set<() => void>>();
  readonly #readersOfAll = new Set<() => void>();
  #changed = new Set<string>();
  #flushed: ReadonlySet<string> = new Set();
  #version = 0;

  get(id: string): T | undefined {
    return this.#values.get(id);
  }

  get size(): number {
    return this.#values.size;
  }

  /** Grows with each flush that changed anything: the snapshot of readers of the whole set. */
  get version(): number {
    return this.#version;
  }

  /** Ids that the last flush has notified about. */
  get changed(): ReadonlySet<string> {
    return this.#flushed;
  }

  entries(): IterableIterator<[string, T]> {
    return this.#values.entries();
  }

  values(): IterableIterator<T> {
    return this.#values.values();
  }

  set(id: string, value: T): void {
    if (this.#values.get(id) === value) return;
    this.#values.set(id, value);
    this.#changed.add(id);
  }

  delete(id: string): void {
    if (this.#values.delete(id)) this.#changed.add(id);
  }

  /** Replaces the whole set. */
  replace(entries: Iterable<readonly [string, T]>): void {
    const next = new Map(entries);
    for (const id of [...this.#values.keys()]) if (!next.has(id)) this.delete(id);
    for (const [id, value] of next) this.set(id, value);
  }

  hasReaders(id: string): boolean {
    return this.#readers.has(id);
  }

  /** Ids that somebody reads. */
  readIds(): string[] {
    return [...this.#readers.keys()];
  }

  subscribe(id: string, reader: () => void): () => void {
    const readers = this.#readers.get(id) ?? new Set();
    this.#readers.set(id, readers.add(reader));
    return () => {
      readers.delete(reader);
      if (readers.size === 0 && this.#readers.get(id) === readers) this.#readers.delete(id);
    };
  }

  subscribeAll(reader: () => void): () => void {
    this.#readersOfAll.add(reader);
    return () => this.#readersOfAll.delete(reader);
  }

  flush(): void {
    if (this.#changed.size === 0) return;
    const changed = this.#changed;
    this.#changed = new Set();
    this.#flushed = changed;
    this.#version += 1;
    for (const id of changed) for (const reader of [...(this.#readers.get(id) ?? [])]) reader();
    for (const reader of [...this.#readersOfAll]) reader();
  }
}

/** One value that React reads. */
export class Value<T> {
  #value: T;
  #changed = false;
  readonly #readers = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  readonly get = (): T => this.#value;

  set(value: T): void {
    if (Object.is(this.#value, value)) return;
    this.#value = value;
    this.#changed = true;
  }

  /** Sets it and notifies at once. */
  put(value: T): void {
    this.set(value);
    this.flush();
  }

  readonly subscribe = (reader: () => void): (() => void) => {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  };

  flush(): void {
    if (!this.#changed) return;
    this.#changed = false;
    for (const reader of [...this.#readers]) reader();
  }
}
