/** A store in memory that can be made to fail as real ones do: silent, losing answers, full, unreadable. */
import type { Clock } from '../../server/clock.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import { type GetResult, type PutIfAbsentResult, StoreError } from '../../server/objects/store.ts';

/**
 *     silent    writes have no effect and no answer
 *     lossy     writes take effect, their answers are lost
 *     full      writes are refused
 *     dead      nothing is answered, reads neither
 */
export type Fault = 'none' | 'silent' | 'lossy' | 'full' | 'dead';

/** Words of a store's own that no client should see. */
export const SECRET_WORDS = 'bucket-of-secrets';

export class FaultyStore extends MemoryStore {
  #fault: Fault = 'none';
  #failed: (() => void)[] = [];

  constructor(clock: Clock) {
    super(clock);
  }

  /** From now on. The answer resolves when the first write or read has failed. */
  break(fault: Exclude<Fault, 'none'>): Promise<void> {
    this.#fault = fault;
    return new Promise((resolve) => this.#failed.push(resolve));
  }

  mend(): void {
    this.#fault = 'none';
  }

  override putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    return this.#write(() => super.putIfAbsent(key, bytes));
  }

  override put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#write(() => super.put(key, bytes));
  }

  override delete(key: string): Promise<void> {
    return this.#write(() => super.delete(key));
  }

  override async get(key: string): Promise<GetResult> {
    if (this.#fault === 'dead') throw this.#fail('unavailable', 'store_timeout');
    return super.get(key);
  }

  async #write<T>(write: () => Promise<T>): Promise<T> {
    switch (this.#fault) {
      case 'none':
        return write();
      case 'full':
        throw this.#fail('refused', 'store_full');
      case 'lossy':
        await write();
    }
    throw this.#fail('unavailable', 'store_timeout');
  }

  #fail(kind: 'unavailable' | 'refused', code: string): StoreError {
    for (const failed of this.#failed.splice(0)) failed();
    return new StoreError(kind, code, `${SECRET_WORDS}: ${code}`, { hint: 'make room' });
  }
}
