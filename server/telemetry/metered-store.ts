/** A store whose operations are measured. Everything else passes through. */
import type { Clock } from '../clock.ts';
import {
  type GetResult,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type PutIfAbsentResult,
  StoreError,
} from '../objects/store.ts';
import type { Meters, StoreOperation, StoreRequest } from './meters.ts';

export function meteredStore(store: ObjectStore, meters: Pick<Meters, 'store'>, clock: Clock): ObjectStore {
  return new MeteredStore(store, meters, clock);
}

type Outcome = Omit<StoreRequest, 'operation' | 'duration_ms'>;

class MeteredStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #meters: Pick<Meters, 'store'>;
  readonly #clock: Clock;
  readonly url: string;
  readonly shared: boolean;
  readonly failed?: Promise<StoreError>;
  readonly inspect?: NonNullable<ObjectStore['inspect']>;
  readonly identify?: NonNullable<ObjectStore['identify']>;
  readonly race?: NonNullable<ObjectStore['race']>;

  constructor(store: ObjectStore, meters: Pick<Meters, 'store'>, clock: Clock) {
    this.#store = store;
    this.#meters = meters;
    this.#clock = clock;
    this.url = store.url;
    this.shared = store.shared;
    if (store.failed) this.failed = store.failed;
    if (store.inspect) this.inspect = store.inspect.bind(store);
    if (store.identify) this.identify = store.identify.bind(store);
    if (store.race) this.race = store.race.bind(store);
  }

  putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    const written_bytes = bytes.length;
    return this.#measure('put_if_absent', this.#store.putIfAbsent(key, bytes), ({ created }) => ({
      outcome: created ? 'ok' : 'exists',
      written_bytes,
    }));
  }

  get(key: string): Promise<GetResult> {
    return this.#measure('get', this.#store.get(key), (got) =>
      got.found ? { outcome: 'ok', read_bytes: got.bytes.length } : { outcome: 'not_found' },
    );
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    const written_bytes = bytes.length;
    return this.#measure('put', this.#store.put(key, bytes), () => ({ outcome: 'ok', written_bytes }));
  }

  delete(key: string): Promise<void> {
    return this.#measure('delete', this.#store.delete(key), () => ({ outcome: 'ok' }));
  }

  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ListedObject> {
    const began_ms = this.#clock.monotonic();
    let outcome: Outcome = { outcome: 'ok' };
    try {
      yield* this.#store.list(prefix, options);
    } catch (error) {
      outcome = failureOf(error);
      throw error;
    } finally {
      this.#meters.store({ operation: 'list', duration_ms: this.#clock.monotonic() - began_ms, ...outcome });
    }
  }

  locate(key: string): string {
    return this.#store.locate(key);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #measure<T>(operation: StoreOperation, running: Promise<T>, outcomeOf: (result: T) => Outcome): Promise<T> {
    const began_ms = this.#clock.monotonic();
    try {
      const result = await running;
      this.#meters.store({ operation, duration_ms: this.#clock.monotonic() - began_ms, ...outcomeOf(result) });
      return result;
    } catch (error) {
      this.#meters.store({ operation, duration_ms: this.#clock.monotonic() - began_ms, ...failureOf(error) });
      throw error;
    }
  }
}

const failureOf = (error: unknown): Outcome => ({ outcome: error instanceof StoreError ? error.kind : 'unavailable' });
