/**
 * Objects in this process's memory: for tests, for the simulator, and for trying things out. Nothing survives the
 * process.
 *
 * It is the strictest of the adapters, so that what passes here passes everywhere: bytes are copied in and out, keys
 * that a directory could not keep side by side are refused, and `list` shows the keys there were when it began.
 */
import type { Clock } from '../clock.ts';
import { SortedMap } from '../sorted-map.ts';
import {
  assertKey,
  assertPrefix,
  type GetResult,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type PutIfAbsentResult,
  StoreError,
} from './store.ts';

type Kept = { bytes: Uint8Array; last_modified_ms: number };

export class MemoryStore implements ObjectStore {
  readonly url = 'memory:';
  readonly shared: boolean = false;
  readonly #clock: Clock;
  readonly #objects = new SortedMap<string, Kept>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    this.#assertRoomFor(key);
    const now = this.#clock.now();
    const created = !this.#objects.has(key);
    if (created) this.#objects.set(key, { bytes: new Uint8Array(bytes), last_modified_ms: now });
    return { created, server_ms: now };
  }

  async get(key: string): Promise<GetResult> {
    assertKey(key);
    const kept = this.#objects.get(key);
    const server_ms = this.#clock.now();
    if (!kept) return { found: false, server_ms };
    return { found: true, bytes: new Uint8Array(kept.bytes), last_modified_ms: kept.last_modified_ms, server_ms };
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    assertPrefix(prefix);
    if (options.after !== undefined) assertPrefix(options.after);
    const after = options.after ?? '';
    const snapshot = this.#objects.clone();
    for (const [key, kept] of snapshot.entries(after > prefix ? after : prefix)) {
      if (!key.startsWith(prefix)) {
        if (key > prefix) return;
        continue;
      }
      if (key === after) continue;
      yield { key, size_bytes: kept.bytes.length, last_modified_ms: kept.last_modified_ms };
    }
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    this.#assertRoomFor(key);
    this.#objects.set(key, { bytes: new Uint8Array(bytes), last_modified_ms: this.#clock.now() });
  }

  async delete(key: string): Promise<void> {
    assertKey(key);
    this.#objects.delete(key);
  }

  locate(key: string): string {
    assertKey(key);
    return `memory:${key}`;
  }

  async close(): Promise<void> {}

  #assertRoomFor(key: string): void {
    assertKey(key);
    const below = this.#objects.keys(`${key}/`).next().value as string | undefined;
    let inTheWay = below?.startsWith(`${key}/`) ? below : undefined;
    for (let slash = key.lastIndexOf('/'); slash > 0 && !inTheWay; slash = key.lastIndexOf('/', slash - 1)) {
      const above = key.slice(0, slash);
      if (this.#objects.has(above)) inTheWay = above;
    }
    if (!inTheWay) return;
    throw new StoreError('refused', 'key_conflict', `${key} can't be kept: ${inTheWay} is an object already`);
  }
}
