/**
 * Keeps the archive small and fast: one step at a time, the first that is due.
 *
 *     write packs without erased jobs → repack single objects → merge small packs → index packs → delete replaced objects → find stray views → expire views
 */
import { HOUR_MS, MINUTE_MS } from '../../protocol/time.ts';
import type { Clock } from '../clock.ts';
import type { Settings } from '../config.ts';
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import { damageIn, damageOf } from './archive-objects.ts';
import { expireViews } from './expiring-views.ts';
import { INDEX_SIZES, type IndexSizes, indexPacks } from './indexing.ts';
import { mergePacks } from './merging.ts';
import type { ViewPublisher } from './publisher.ts';
import { Repacking } from './repacking.ts';
import { rewriteErased } from './rewriting.ts';
import { StrayViews } from './stray-views.ts';
import { Sweeping } from './sweeping.ts';

export type UpkeepOptions = {
  engine: Engine;
  store: ObjectStore;
  clock: Clock;
  settings: Pick<Settings, 'job_views_days'>;
  publisher: ViewPublisher;
  log: (level: 'info' | 'warn', message: string) => void;
  index_sizes?: IndexSizes;
  /** Delay of the upkeep after a start. Default: a minute, because a start has more urgent work. */
  upkeep_after_ms?: number;
};

const EXPIRE_MS = HOUR_MS;
const INDEX_AGAIN_MS = HOUR_MS;

export class ArchiveUpkeep {
  readonly #options: UpkeepOptions;
  readonly #repacking: Repacking;
  readonly #sweeping: Sweeping;
  readonly #strays: StrayViews;
  /** Packs that a merge could not read. */
  readonly #unmergeable = new Set<string>();
  /** Objects already reported in the log. */
  readonly #named = new Set<string>();
  readonly #begin_ms: number;
  #index_ms = Number.NEGATIVE_INFINITY;
  #expire_ms = Number.NEGATIVE_INFINITY;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#begin_ms = options.clock.monotonic() + (options.upkeep_after_ms ?? MINUTE_MS);
    this.#repacking = new Repacking(options);
    this.#sweeping = new Sweeping(options);
    this.#strays = new StrayViews(options);
  }

  /** One step. Returns the amount of work done; 0: nothing is due. Throws StoreError, JournalError. */
  async runOnce(): Promise<number> {
    const { store, engine, index_sizes = INDEX_SIZES } = this.#options;
    this.#nameDamage();
    if (this.#options.clock.monotonic() < this.#begin_ms) return 0;
    await this.#sweeping.runOnce();
    const rewritten = await rewriteErased(this.#options, this.#unmergeable);
    if (rewritten) this.#sweeping.add(rewritten);
    if (rewritten && rewritten.length > 0) return rewritten.length;
    const repacked = await this.#repacking.runOnce();
    if (repacked > 0) return repacked;
    const merged = await mergePacks(this.#options, this.#unmergeable);
    if (merged) this.#sweeping.add(merged.replaced);
    if (merged && merged.replaced.length > 0) return merged.replaced.length;
    if (await this.#index({ store, engine, sizes: index_sizes })) return 1;
    return (await this.#strays.runOnce()) || this.#expire();
  }

  /**
   * A damaged shard cannot be rebuilt while a pack that it refers to is damaged too: it waits, and stops nothing else.
   */
  async #index(options: Parameters<typeof indexPacks>[0]): Promise<boolean> {
    const { clock } = this.#options;
    if (clock.monotonic() < this.#index_ms) return false;
    try {
      const indexed = await indexPacks(options);
      if (indexed) this.#sweeping.add(indexed.replaced);
      return indexed !== null;
    } catch (error) {
      damageOf(error);
      this.#index_ms = clock.monotonic() + INDEX_AGAIN_MS;
      return false;
    }
  }

  async #expire(): Promise<number> {
    const { store, engine, clock, settings } = this.#options;
    if (clock.monotonic() < this.#expire_ms) return 0;
    const expired = await expireViews({ store, engine, days: settings.job_views_days });
    if (expired === 0) this.#expire_ms = clock.monotonic() + EXPIRE_MS;
    return expired;
  }

  #nameDamage(): void {
    const damage = damageIn(this.#options.store);
    for (const key of this.#named) if (!damage.has(key)) this.#named.delete(key);
    for (const [key, problem] of damage) {
      if (this.#named.has(key)) continue;
      this.#named.add(key);
      this.#options.log('warn', `archive: ${key} ${problem}; restore it from a copy of the store`);
    }
  }
}
