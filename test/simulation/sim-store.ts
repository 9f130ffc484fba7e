/**
 * The store itself: objects and one clock, without delay or faults. store-port.ts adds the faults on the way to it and
 * back.
 */
import type { World } from './world.ts';

export type StoredObject = { bytes: Uint8Array; last_modified_ms: number };

/** Called after every effect. */
export interface StoreObserver {
  created(key: string, object: StoredObject): void;
  deleted(key: string, object: StoredObject): void;
}

export class SimStore {
  readonly objects = new Map<string, StoredObject>();
  observer: StoreObserver | null = null;
  readonly #world: World;
  /** S3's times are whole seconds. */
  readonly #grain_ms: number;

  constructor(world: World, grain_ms: number) {
    this.#world = world;
    this.#grain_ms = grain_ms;
  }

  now(): number {
    return Math.floor(this.#world.now_ms / this.#grain_ms) * this.#grain_ms;
  }

  putIfAbsent(key: string, bytes: Uint8Array): boolean {
    if (this.objects.has(key)) return false;
    const object = { bytes, last_modified_ms: this.now() };
    this.objects.set(key, object);
    this.observer?.created(key, object);
    return true;
  }

  put(key: string, bytes: Uint8Array): void {
    this.objects.set(key, { bytes, last_modified_ms: this.now() });
  }

  delete(key: string): void {
    const object = this.objects.get(key);
    if (!object) return;
    this.objects.delete(key);
    this.observer?.deleted(key, object);
  }

  /** At most `count` keys under the prefix after this one, in order. */
  list(prefix: string, after: string, count: number): [string, StoredObject][] {
    return [...this.objects]
      .filter(([key]) => key.startsWith(prefix) && key > after)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, count);
  }
}
