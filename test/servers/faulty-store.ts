/** A store in memory that can fail like real ones: silent, losing responses, full, unreadable. */
import type { Clock } from '../../server/clock.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import { type GetResult, type PutIfAbsentResult, StoreError } from '../../server/objects/store.ts';

/**
 *     silent    writes have no effect and no response
 *     lossy     writes take effect, their responses are lost
 *     full      writes are refused
 *     dead      no response to anything, including reads
 */
export type Fault = 'none' | 'silent' | 'lossy' | 'full' | 'dead';

/** A store's internal message, which no client should see. */
export const SECRET_WORDS = 'bucket-of-secrets';

export class FaultyStore extends MemoryStore {
  #fault: Fault = 'none';
  #failed: (() => void)[] = [];

  constructor(clock: Clock) {
    super(clock);
  }

  /** Starts the fault. The promise resolves when the first write or read has failed. */
  break(fault: Exclude<Fault, 'none'>): Promise<void> {
    this.#fault = fault;
    return new Promise((resolve) => this.#failed.push(resolve));
  }

  repair(): void {
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
