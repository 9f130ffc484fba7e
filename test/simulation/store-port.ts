/** The connection of one process to the store, with all faults that a network and a sleeping machine can cause. */
import { HOUR_MS } from '../../protocol/time.ts';
import {
  type GetResult,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type PutIfAbsentResult,
  StoreError,
} from '../../server/objects/store.ts';
import type { Faults } from './faults.ts';
import type { Plan } from './plan.ts';
import type { SimStore } from './sim-store.ts';
import type { Process, World } from './world.ts';

/** The store's outages, the same for every process. */
export type Weather = { down_until_ms: number; refuses_writes_until_ms: number; refuses_all_until_ms: number };

export class StorePort implements ObjectStore {
  readonly url = 'sim:';
  readonly shared = true;
  readonly #world: World;
  readonly #store: SimStore;
  readonly #faults: Faults;
  readonly #process: Process;
  readonly #weather: Weather;
  readonly #plan: Plan;
  readonly #sleep: (length_ms: number) => boolean;

  constructor(options: {
    world: World;
    store: SimStore;
    faults: Faults;
    process: Process;
    /** Puts the process to sleep; false if it must stay awake. */
    sleep: (length_ms: number) => boolean;
    weather: Weather;
    plan: Plan;
  }) {
    this.#world = options.world;
    this.#store = options.store;
    this.#faults = options.faults;
    this.#process = options.process;
    this.#weather = options.weather;
    this.#plan = options.plan;
    this.#sleep = options.sleep;
  }

  putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    // A copy: a request under way must not change.
    const sent = new Uint8Array(bytes);
    return this.#request(`create ${key}`, true, () => {
      const created = this.#store.putIfAbsent(key, sent);
      return { created, server_ms: this.#store.now() };
    });
  }

  get(key: string): Promise<GetResult> {
    return this.#request(`get ${key}`, false, () => {
      const object = this.#store.objects.get(key);
      const server_ms = this.#store.now();
      return object ? { found: true, ...object, server_ms } : { found: false, server_ms };
    });
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    const { page: size } = this.#plan;
    let after = options.after ?? '';
    for (;;) {
      const page = await this.#request(`list ${prefix} after ${after}`, false, () =>
        this.#store.list(prefix, after, size),
      );
      for (const [key, { bytes, last_modified_ms }] of page) yield { key, size_bytes: bytes.length, last_modified_ms };
      if (page.length < size) return;
      after = page.at(-1)![0];
    }
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#request(`put ${key}`, true, () => this.#store.put(key, bytes));
  }

  delete(key: string): Promise<void> {
    return this.#request(`delete ${key}`, true, () => this.#store.delete(key));
  }

  locate(key: string): string {
    return `sim:${key}`;
  }

  async close(): Promise<void> {}

  #request<T>(what: string, writes: boolean, effect: () => T): Promise<T> {
    // A dead process sends nothing, and gets no response.
    if (!this.#process.alive) return new Promise(() => {});
    return new Promise((resolve, reject) => this.#send(what, writes, effect, { resolve, reject }));
  }

  #send<T>(what: string, writes: boolean, effect: () => T, { resolve, reject }: Caller<T>): void {
    const { chance } = this.#faults;
    const fate = this.#faults.fate(writes);
    const trip = () => (fate === 'slow' ? chance.between(200, 6_000) : chance.between(1, 40));
    const timeout_ms = chance.between(1_000, 8_000);
    const note = (more: string) => this.#world.note(`${this.#process.name}: ${what}: ${more}`);
    const respond = (run: () => void, delay_ms = trip()) => this.#world.after(delay_ms, this.#process, run);
    const noResponse = () =>
      respond(() => reject(new StoreError('unavailable', 'store_timeout', `${what}: no response`)), timeout_ms);
    let landed = false;
    let refused = false;
    const arrive = (delay_ms: number, then: (result: T) => void) =>
      this.#world.after(delay_ms, null, () => {
        if (this.#plan.sole && !this.#process.alive) return;
        const refusal = this.#refusal(writes);
        // "Refused" means that nothing was done, and nothing will be, by no other copy of the request either.
        if (refused) return;
        if (refusal) {
          note(refusal.code);
          refused = refusal.kind === 'refused' && !landed;
          if (landed) noResponse();
          else respond(() => reject(refusal));
          return;
        }
        const result = effect();
        landed = true;
        note(`${fate === 'fine' ? '' : `${fate} `}${outline(result)}`);
        then(result);
      });
    const succeed = (result: T) => respond(() => resolve(result));
    switch (fate) {
      case 'request_lost':
        note('request lost');
        noResponse();
        return;
      case 'response_lost':
        arrive(trip(), noResponse);
        return;
      case 'deferred':
        note('later');
        respond(() => reject(new StoreError('unavailable', 'store_busy', `${what}: 409, 429 or 503`)));
        return;
      case 'landed_later': {
        const late_ms = 1_000 * 10 ** chance.between(0, 3.9);
        noResponse();
        // Usually its sender sleeps meanwhile: then a name can be used and freed unnoticed.
        if (late_ms > 60_000 && chance.happens(0.7)) this.#sleep(late_ms * chance.between(0.5, 1.5));
        arrive(late_ms, () => {});
        return;
      }
      case 'refused_once':
        note('refused');
        respond(() => reject(new StoreError('refused', 'store_denied', `${what}: access denied`)));
        return;
      case 'sent_twice':
        if (chance.happens(0.5)) {
          arrive(trip(), () => {});
          arrive(trip(), succeed);
        } else {
          arrive(trip(), succeed);
          arrive(chance.between(60_000, 2 * HOUR_MS), () => {});
        }
        return;
      case 'paused_before_sending': {
        const pause_ms = this.#faults.pauseLength();
        arrive((this.#sleep(pause_ms) ? pause_ms : 0) + trip(), chance.happens(0.7) ? succeed : noResponse);
        return;
      }
      case 'paused_before_response':
        this.#sleep(this.#faults.pauseLength());
        arrive(trip(), chance.happens(0.5) ? succeed : noResponse);
        return;
      default:
        arrive(trip(), succeed);
    }
  }

  #refusal(writes: boolean): StoreError | null {
    const { now_ms } = this.#world;
    const { down_until_ms, refuses_writes_until_ms, refuses_all_until_ms } = this.#weather;
    if (now_ms < down_until_ms) return new StoreError('unavailable', 'store_down', 'the store is down');
    if (now_ms < refuses_all_until_ms) return new StoreError('refused', 'store_denied', 'access denied');
    if (writes && now_ms < refuses_writes_until_ms) return new StoreError('refused', 'store_full', 'no space left');
    return null;
  }
}

type Caller<T> = { resolve: (result: T) => void; reject: (error: Error) => void };

function outline(result: unknown): string {
  if (Array.isArray(result)) return `${result.length} keys`;
  if (typeof result !== 'object' || result === null) return 'done';
  if ('created' in result) return result.created ? 'created' : 'exists';
  return 'found' in result && result.found ? 'found' : 'not found';
}
