/**
 * Deletes packs and shards that the journal does not name: replaced ones, and those whose authors crashed.
 *
 * A replaced one is deleted ten minutes later, when no instance has a fold that still leads to it. Unknown ones are
 * found by a daily list, and deleted when they are a day old by the store's clock *and* by log time: a command that
 * names an object an hour after it was made is refused (decide/archive.ts), so no event can name it any more.
 */
import { DAY_MS, MINUTE_MS } from '../../protocol/time.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import { CHECKPOINT_KEY, PACKS, SHARDS } from './keys.ts';

const GRACE_MS = 10 * MINUTE_MS;

export class Sweeping {
  readonly #store: ObjectStore;
  readonly #engine: Engine;
  readonly #clock: Clock;
  /** Objects that no event names any more, and since when this is known. */
  readonly #unnamed = new Map<string, number>();
  #list_ms: number;

  constructor({ store, engine, clock }: { store: ObjectStore; engine: Engine; clock: Clock }) {
    this.#store = store;
    this.#engine = engine;
    this.#clock = clock;
    this.#list_ms = clock.monotonic() + GRACE_MS;
  }

  /** These have been replaced. */
  add(keys: readonly string[]): void {
    for (const key of keys) this.#unnamed.set(key, this.#clock.monotonic());
  }

  /** Deletes what is due. */
  async runOnce(): Promise<void> {
    const now_ms = this.#clock.monotonic();
    if (now_ms >= this.#list_ms) {
      await this.#list();
      this.#list_ms = now_ms + DAY_MS;
    }
    for (const [key, since_ms] of this.#unnamed) {
      if (now_ms - since_ms < GRACE_MS) continue;
      if (!this.#named().has(key)) await this.#store.delete(key);
      this.#unnamed.delete(key);
    }
  }

  async #list(): Promise<void> {
    const { server_ms } = await this.#store.get(CHECKPOINT_KEY);
    const until_ms = Math.min(server_ms, this.#engine.state.at_ms) - DAY_MS;
    const named = this.#named();
    for (const prefix of [PACKS, SHARDS]) {
      for await (const { key, last_modified_ms } of this.#store.list(prefix)) {
        if (last_modified_ms < until_ms && !named.has(key) && !this.#unnamed.has(key)) this.add([key]);
      }
    }
  }

  #named(): { has(key: string): boolean } {
    const { packs, archive_shards } = this.#engine.state.tables;
    const shards = new Set([...archive_shards.values()].map(({ key }) => key));
    return { has: (key) => packs.has(key) || shards.has(key) };
  }
}
