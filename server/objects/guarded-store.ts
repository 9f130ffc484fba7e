/**
 * Uses a store that is not known to keep the promise of `putIfAbsent` in such a way that a broken promise is noticed
 * before anything is acknowledged that could be lost. It guards the objects that the journal's safety rests on, its
 * segments and its format.
 *
 *     flag up → is the name free? → put → flag down → are others' flags down? → is it still ours, and what we built on? → created
 *                   └ taken: created false        └ lost: created false    └ no: wait
 *
 * Why this suffices. A writer's flag is up before it reads the name, and until its put has a response. So once the name
 * is ours and no other flag is up, a writer that raises one later finds the name taken and does not put, and every put
 * concurrent with ours has its response: what is stored now is final. If that is not ours, or not what ours was built
 * on, the guarantee was broken; then nothing was acknowledged yet. It needs reads and lists that see what was written
 * before, which the store check tests, and that no request is on its way for longer than a flag counts (`FLAG_MS`, by
 * the store's own clock).
 *
 * Besides, the first puts and a sample of later ones are sent twice at once: if both return "created", the store is
 * refused before it does that to two writers.
 *
 * Cost per segment: one put, one list, two gets and a delete more than without.
 */
import { hash } from 'node:crypto';
import { type Clock, sleep } from '../clock.ts';
import {
  type GetResult,
  type ListedObject,
  type ListOptions,
  type ObjectStore,
  type PutIfAbsentResult,
  StoreError,
} from './store.ts';

export type GuardOptions = {
  clock: Clock;
  /** A name that no other writer has. */
  writer: string;
  /** Records in the store, under `UNSAFE_KEY`, what was seen. */
  remember: (says: string) => Promise<void>;
  /** Whether the nth put is sent twice. */
  sentTwice?: (n: number) => boolean;
};

/** One list shows the flags and whether another instance has found the store unsafe. */
const WATCHED = 'meta/store-';
const FLAGS = 'meta/store-guard/';
export const UNSAFE_KEY = 'meta/store-unsafe.json';

/** A flag counts for this long: its writer is gone, or its request is. */
const FLAG_MS = 30_000;
/** A writer whose flag has been up for longer than this raises another before it puts. */
const FLAG_FRESH_MS = 10_000;
/** For as long as this a segment may still be replaced by a writer whose flag was up before. */
const YOUNG_MS = FLAG_MS + 5_000;
/** An object that is gone after this may have been truncated. */
const TRUNCATED_MS = 300_000;
const FLAGS_PAUSE_MS = 20;
/** After this long the put fails as unavailable, and the caller retries. */
const FLAGS_PATIENCE_MS = 5_000;
const YOUNG_MAX = 256;
const firstAndSample = (n: number): boolean => n <= 50 || n % 20 === 0;

type Seen = { hash: string; server_ms: number };

export class GuardedStore implements ObjectStore {
  readonly url: string;
  readonly shared: boolean;
  readonly #store: ObjectStore;
  readonly #options: GuardOptions;
  /** Objects read while a writer could still have replaced them; verified before anything is built on them. */
  readonly #young = new Map<string, Seen>();
  /** Our flags whose puts got no response, with what they would have put. */
  readonly #unanswered = new Map<string, string>();
  #puts = 0;
  #flags = 0;
  #unsafe: StoreError | null = null;

  constructor(store: ObjectStore, options: GuardOptions) {
    this.url = store.url;
    this.shared = store.shared;
    this.#store = store;
    this.#options = options;
    if (store.inspect) this.inspect = () => store.inspect!();
    if (store.identify) this.identify = () => store.identify!();
  }

  readonly inspect?: ObjectStore['inspect'] & {};
  readonly identify?: ObjectStore['identify'] & {};

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    if (!isGuarded(key)) return await this.#store.putIfAbsent(key, bytes);
    if (this.#unsafe) throw this.#unsafe;
    const { clock } = this.#options;
    const name = nameOf(key);
    // A unique name each time: a delete that arrives late must not remove another flag.
    const flag = `${FLAGS}${name}/${this.#options.writer}-${++this.#flags}`;
    const raised_ms = clock.monotonic();
    await this.#store.put(flag, new Uint8Array([49]));
    let result: PutIfAbsentResult;
    try {
      const there = await this.#store.get(key);
      if (there.found) result = { created: false, server_ms: there.server_ms };
      else if (clock.monotonic() - raised_ms > FLAG_FRESH_MS) throw this.#slow(key, 'the store was too slow');
      else result = await this.#put(key, bytes);
    } catch (error) {
      // Unavailable: the put may still be on its way, and the flag says so until it no longer counts.
      if (error instanceof StoreError && error.kind === 'unavailable')
        this.#unanswered.set(flag, contentOf(key, bytes));
      else await this.#lower(flag);
      throw error;
    }
    await this.#lower(flag);
    if (!result.created) {
      const there = await this.#store.get(key);
      // From our earlier attempt whose response was lost: the caller recognises it as its own.
      if (!there.found || hashOf(there.bytes) !== hashOf(bytes)) return result;
    }
    await this.#settle(key, bytes, result.server_ms);
    return result;
  }

  async get(key: string): Promise<GetResult> {
    const there = await this.#store.get(key);
    if (there.found && isGuarded(key) && there.server_ms - there.last_modified_ms < YOUNG_MS) {
      this.#young.set(key, { hash: hashOf(there.bytes), server_ms: there.server_ms });
      if (this.#young.size > YOUNG_MAX) await this.#verify([...this.#young].slice(0, YOUNG_MAX / 2));
    }
    return there;
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject> {
    return this.#store.list(prefix, options);
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#store.put(key, bytes);
  }

  delete(key: string): Promise<void> {
    return this.#store.delete(key);
  }

  locate(key: string): string {
    return this.#store.locate(key);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** The put itself, now and then twice at once with the same bytes: whichever wins, they are ours. */
  async #put(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    this.#puts += 1;
    const { sentTwice = firstAndSample } = this.#options;
    if (!sentTwice(this.#puts)) return await this.#store.putIfAbsent(key, bytes);
    const settled = await Promise.allSettled([
      this.#store.putIfAbsent(key, bytes),
      this.#store.putIfAbsent(key, bytes),
    ]);
    const results = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const created = results.filter((result) => result.created);
    if (created.length > 1) {
      throw await this.#refuse(`two writers of ${key} both got "created"`);
    }
    const failed = settled.find((each) => each.status === 'rejected');
    if (failed) throw failed.reason;
    return created[0] ?? results[0]!;
  }

  /** Returns once the object under the key is ours and final, and so is everything read before it. */
  async #settle(key: string, bytes: Uint8Array, server_ms: number): Promise<void> {
    const { clock } = this.#options;
    const began_ms = clock.monotonic();
    while (await this.#mayChange(key, bytes, server_ms + (clock.monotonic() - began_ms))) {
      if (clock.monotonic() - began_ms > FLAGS_PATIENCE_MS) throw this.#slow(key, 'another writer has not ended');
      await sleep(clock, FLAGS_PAUSE_MS);
    }
    await this.#verify([...this.#young, [key, { hash: hashOf(bytes), server_ms }]]);
  }

  /** Whether a flag is up whose put could replace this object or one before it. */
  async #mayChange(key: string, bytes: Uint8Array, server_ms: number): Promise<boolean> {
    const harmless = contentOf(key, bytes);
    let may = false;
    for await (const object of this.#store.list(WATCHED)) {
      if (object.key === UNSAFE_KEY)
        throw await this.#refuse('another instance has found it unsafe', { recorded: true });
      if (!object.key.startsWith(FLAGS)) continue;
      const [name = ''] = object.key.slice(FLAGS.length).split('/');
      if (name > nameOf(key) || this.#unanswered.get(object.key) === harmless) continue;
      if (server_ms - object.last_modified_ms < FLAG_MS) may = true;
      else await this.#lower(object.key);
    }
    return may;
  }

  /** Throws if one of these objects is no longer what was put or read. */
  async #verify(seen: readonly (readonly [key: string, Seen])[]): Promise<void> {
    await Promise.all(
      seen.map(async ([key, { hash, server_ms }]) => {
        const there = await this.#store.get(key);
        if (there.found ? hashOf(there.bytes) !== hash : there.server_ms - server_ms < TRUNCATED_MS) {
          throw await this.#refuse(
            `${key} was ${there.found ? 'replaced by another writer' : 'lost'} after it was created`,
          );
        }
      }),
    );
    for (const [key, { hash }] of seen) if (this.#young.get(key)?.hash === hash) this.#young.delete(key);
  }

  async #refuse(says: string, { recorded = false } = {}): Promise<StoreError> {
    if (this.#unsafe) return this.#unsafe;
    this.#unsafe = new StoreError('refused', 'store_unsafe', `${this.url} is not safe to write to: ${says}`, {
      hint: `move to another store, or have this server corrected and run: tmon doctor --store ${this.url} --recheck`,
    });
    // The refusal stands even if it cannot be recorded.
    if (!recorded) await this.#options.remember(says).catch(() => undefined);
    return this.#unsafe;
  }

  #slow(key: string, says: string): StoreError {
    return new StoreError('unavailable', 'store_unavailable', `${this.locate(key)}: ${says}`);
  }

  async #lower(flag: string): Promise<void> {
    // One that stays up delays others until it no longer counts.
    await this.#store.delete(flag).then(
      () => this.#unanswered.delete(flag),
      () => undefined,
    );
  }
}

function isGuarded(key: string): boolean {
  return key.startsWith('journal/') || key === 'meta/format.json';
}

/** The last part of the key; names of segments are in the order of their numbers. */
function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

function contentOf(key: string, bytes: Uint8Array): string {
  return `${key} ${hashOf(bytes)}`;
}

function hashOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64');
}
