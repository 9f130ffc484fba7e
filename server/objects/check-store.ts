/**
 * The store check: tests the guarantees that the journal needs by exercising them.
 *
 * Several servers that speak S3 create one object for several racing writers, or ignore `If-None-Match` altogether, and
 * then two histories would be acknowledged. So the monitor refuses a store that fails. Everything happens under
 * `doctor/<random>/`, which is removed at the end.
 *
 * Cost in a bucket (S3 Standard): the full check 14,000 requests, about $0.07; the serving one 2,000, $0.01; the quick
 * one 120, $0.0005.
 */
import { backoff } from '../backoff.ts';
import { type Clock, sleep, systemClock } from '../clock.ts';
import {
  type ListedObject,
  type ObjectStore,
  type PutIfAbsentResult,
  type RaceResult,
  StoreError,
  type StoreFinding,
} from './store.ts';

export type StoreCheckOptions = {
  /** Number of writers that race for one key. */
  writers: number;
  /** Number of new keys they race for, one after the other. */
  keys: number;
  clock?: Clock;
};

/** `tmon doctor`. */
export const fullCheck: StoreCheckOptions = { writers: 64, keys: 200 };
/** Before serving from a server that is not known to be good. */
export const servingCheck: StoreCheckOptions = { writers: 32, keys: 50 };
/** Before serving from a directory, or a server that is known to be good. */
export const quickCheck: StoreCheckOptions = { writers: 8, keys: 4 };

/** Incremented when a store that passed an earlier version of this check may fail the new one. */
export const CHECK_VERSION = 2;

export type StoreCheckReport = {
  /** The store's URL, without credentials. */
  url: string;
  /** False if any finding's verdict is `fail` or `unfinished`: the monitor must not write to this store. */
  passed: boolean;
  findings: StoreFinding[];
};

type Place = { store: PatientStore; folder: string; options: StoreCheckOptions };
type Finding = Omit<StoreFinding, 'check'>;
type Check = (place: Place) => Promise<Finding[]>;

const UNSAFE = 'this store must not hold the journal: use Amazon S3, another server, or dir:PATH';

/** More than this between the two clocks of one store and the journal's 120 s of margin are at risk. */
const CLOCKS_APART_MS = 60_000;
/** A request that a store defers (503, or 409 to racing writers, as Amazon does) is sent this many times, */
const SENDS = 10;
/** with pauses that double up to this: 12 s in all. */
const PAUSES = { base_ms: 20, max_ms: 4_000 };

/** Never throws for a fault of the store: each is a finding. */
export async function checkStore(store: ObjectStore, options: StoreCheckOptions): Promise<StoreCheckReport> {
  const patient = new PatientStore(store, options.clock ?? systemClock);
  const place = { store: patient, folder: `doctor/${crypto.randomUUID()}/`, options };
  const findings: StoreFinding[] = [];
  const run = async (check: string, work: Check) => {
    // A store that did not respond to one check would make each of the others wait as long.
    if (findings.some(({ verdict }) => verdict === 'unfinished')) return;
    try {
      for (const finding of await work(place)) findings.push({ check, ...finding });
    } catch (error) {
      findings.push({ check, ...findingOf(error) });
    }
  };
  await run('reachable', reachable);
  if (findings[0]?.verdict === 'pass') {
    await run('one creator', oneCreator);
    await run('a race has one winner', race);
    await run('read after write', readAfterWrite);
    await run('list after write', listAfterWrite);
    await run('gone after delete', goneAfterDelete);
    await run('clocks', clocks);
    if (store.inspect) findings.push(...(await store.inspect()));
    await run('cleaned up', cleanUp);
  }
  const passed = findings.every(({ verdict }) => verdict !== 'fail' && verdict !== 'unfinished');
  return { url: store.url, passed, findings };
}

async function reachable({ store, folder }: Place): Promise<Finding[]> {
  const result = await store.get(`${folder}nothing`);
  if (result.found) return [broken('an object was found under a name never used')];
  await store.put(`${folder}reachable`, bytesOf('reachable'));
  return [pass('it responds, can be read and can be written')];
}

async function oneCreator({ store, folder }: Place): Promise<Finding[]> {
  const key = `${folder}one-creator`;
  const first = await store.putIfAbsent(key, bytesOf('first'));
  const second = await store.putIfAbsent(key, bytesOf('second'));
  if (second.created) {
    return [broken('it reported "created" for an existing object: it ignores If-None-Match')];
  }
  const kept = await textAt(store, key);
  if (first.created && kept !== 'first') return [broken(`an existing object was changed to ${kept}`)];
  return [pass('an existing object is never created again')];
}

async function race({ store, folder, options }: Place): Promise<Finding[]> {
  const { writers, keys } = options;
  for (let n = 0; n < keys; n++) {
    const key = `${folder}race/${String(n).padStart(6, '0')}`;
    const names = Array.from({ length: writers }, (_, writer) => `writer ${writer}`);
    const results = await raceFor(store, key, names);
    // Only after the race: a read in between would delay some of the writers.
    const kept = await textAt(store, key);
    const winners = results.filter((result) => result.created);
    const of = `of ${writers} writers racing for one key (round ${n + 1} of ${keys})`;
    if (winners.length > 1) return [broken(`${winners.length} ${of} got "created"`)];
    if (winners.length === 0 && !results.some((result) => result.resent)) {
      return [broken(`none ${of} got "created"`)];
    }
    if (winners[0] && winners[0].name !== kept) {
      return [broken(`${winners[0].name} ${of} won, but the object holds the bytes of ${kept ?? 'none'}`)];
    }
    if (kept === undefined) return [broken(`the winner ${of} cannot be found`)];
  }
  return [pass(`${writers} writers raced for ${keys} keys: one winner each, whose bytes were read`)];
}

type Raced = { name: string; created: boolean; resent: boolean };

/** Sends all at once; a writer whose request is deferred sends it again when the others have their responses. */
async function raceFor(store: PatientStore, key: string, names: string[]): Promise<Raced[]> {
  const bodies = names.map(bytesOf);
  const first = await store.race(key, bodies);
  const raced: Raced[] = [];
  for (const [i, result] of first.entries()) {
    const name = names[i]!;
    if ('created' in result) raced.push({ name, created: result.created, resent: false });
    else if (result.error.kind === 'refused') throw result.error;
    else raced.push({ name, created: (await store.putIfAbsent(key, bodies[i]!)).created, resent: true });
  }
  return raced;
}

async function readAfterWrite({ store, folder, options }: Place): Promise<Finding[]> {
  const key = `${folder}read`;
  for (let n = 0; n < options.keys; n++) {
    await store.put(key, bytesOf(`version ${n}`));
    const read = await textAt(store, key);
    if (read !== `version ${n}`) return [broken(`after "version ${n}" was written, ${read ?? 'nothing'} was read`)];
  }
  return [pass('what was written is read at once')];
}

async function listAfterWrite({ store, folder, options }: Place): Promise<Finding[]> {
  const prefix = `${folder}list/`;
  const keys: string[] = [];
  for (let n = 0; n < options.keys; n++) {
    // New names before and after the existing ones, and three that distinguish byte order from other orders.
    const key = `${prefix}${['a-b', 'a/b', 'a0', 'B'][n] ?? `${(n * 7919) % 10_007}`}`;
    await store.putIfAbsent(key, bytesOf(key));
    keys.push(key);
    // Listing grows with the square of the keys; the last rounds test pagination, the first ones delays.
    if (n >= 20 && n !== options.keys - 1) continue;
    const listed = (await listAll(store, prefix)).map((object) => object.key);
    if (!listed.includes(key)) return [broken('an object just written was missing from the list')];
    if (listed.join('\n') !== [...keys].sort().join('\n')) {
      return [broken('the list does not show exactly the existing objects, in byte order')];
    }
  }
  const [first, ...rest] = [...keys].sort();
  const after = (await listAll(store, prefix, first)).map((object) => object.key);
  if (after.join('\n') !== rest.join('\n')) return [broken('a list "after" a key does not start after it')];
  return [pass('what was written is listed at once, in order')];
}

async function goneAfterDelete({ store, folder, options }: Place): Promise<Finding[]> {
  const prefix = `${folder}delete/`;
  for (let n = 0; n < Math.min(options.keys, 20); n++) {
    const key = `${prefix}${n}`;
    await store.putIfAbsent(key, bytesOf(key));
    await store.delete(key);
    if ((await store.get(key)).found) return [broken('an object just deleted could still be read')];
    if ((await listAll(store, prefix)).length > 0) return [broken('an object just deleted was still listed')];
  }
  return [pass('what was deleted is gone at once')];
}

async function clocks({ store, folder }: Place): Promise<Finding[]> {
  const key = `${folder}clock`;
  const { server_ms } = await store.putIfAbsent(key, bytesOf('clock'));
  const read = await store.get(key);
  if (!read.found) return [broken('an object just written was not found')];
  const apart_ms = Math.max(...[server_ms, read.server_ms].map((date) => Math.abs(date - read.last_modified_ms)));
  const says = `its Date and its Last-Modified are ${Math.round(apart_ms / 1000)} s apart`;
  if (apart_ms > CLOCKS_APART_MS) return [fail(says, "set the clocks of the store's machines (NTP)")];
  return [pass(says)];
}

async function cleanUp({ store, folder }: Place): Promise<Finding[]> {
  try {
    for (const { key } of await listAll(store, folder)) await store.delete(key);
    return [];
  } catch (error) {
    const { says } = findingOf(error);
    return [{ verdict: 'warn', says: `${folder} could not be removed: ${says}`, hint: 'remove it by hand' }];
  }
}

/** Retries for a while when a store defers a request: being busy breaks no guarantee. */
class PatientStore {
  readonly #store: ObjectStore;
  readonly #clock: Clock;

  constructor(store: ObjectStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    return this.#patiently(() => this.#store.putIfAbsent(key, bytes));
  }

  get(key: string): ReturnType<ObjectStore['get']> {
    return this.#patiently(() => this.#store.get(key));
  }

  async *list(prefix: string, options: { after?: string } = {}): AsyncIterable<ListedObject> {
    yield* await this.#patiently(() => Array.fromAsync(this.#store.list(prefix, options)));
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#patiently(() => this.#store.put(key, bytes));
  }

  delete(key: string): Promise<void> {
    return this.#patiently(() => this.#store.delete(key));
  }

  /** Sent once. If the adapter has no race of its own, its puts are under way when the call returns. */
  async race(key: string, bodies: readonly Uint8Array[]): Promise<RaceResult[]> {
    if (this.#store.race) return await this.#store.race(key, bodies);
    return await Promise.all(
      bodies.map(async (bytes): Promise<RaceResult> => {
        try {
          return { created: (await this.#store.putIfAbsent(key, bytes)).created };
        } catch (error) {
          if (error instanceof StoreError) return { error };
          throw error;
        }
      }),
    );
  }

  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (let sends = 1; ; sends++) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof StoreError) || error.kind === 'refused' || sends === SENDS) throw error;
      }
      await sleep(this.#clock, backoff(sends, PAUSES));
    }
  }
}

async function textAt(store: PatientStore, key: string): Promise<string | undefined> {
  const read = await store.get(key);
  return read.found ? new TextDecoder().decode(read.bytes) : undefined;
}

async function listAll(store: PatientStore, prefix: string, after?: string): Promise<ListedObject[]> {
  return await Array.fromAsync(store.list(prefix, after === undefined ? {} : { after }));
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function pass(says: string): Finding {
  return { verdict: 'pass', says };
}

function fail(says: string, hint: string): Finding {
  return { verdict: 'fail', says, hint };
}

function broken(says: string): Finding {
  return { verdict: 'fail', says, hint: UNSAFE, broken: true };
}

function findingOf(error: unknown): Finding {
  const says = error instanceof Error ? error.message : String(error);
  const hint = error instanceof StoreError ? error.hint : undefined;
  if (error instanceof StoreError && error.kind === 'unavailable') {
    return { verdict: 'unfinished', says: `could not be finished: ${says}`, hint: hint ?? 'try again later' };
  }
  return hint === undefined ? { verdict: 'fail', says } : { verdict: 'fail', says, hint };
}
