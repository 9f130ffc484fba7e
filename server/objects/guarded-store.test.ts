/**
 * A store that breaks the promise of put-if-absent loses no acknowledged write: the guard notices it before the
 * acknowledgement.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Chance } from '../../test/simulation/chance.ts';
import { sleep } from '../clock.ts';
import { TurnedClock } from '../testing-clock.ts';
import { GuardedStore, UNSAFE_KEY } from './guarded-store.ts';
import { MemoryStore } from './memory.ts';
import { type ObjectStore, type PutIfAbsentResult, StoreError } from './store.ts';

const START = '2026-11-21T18:00:00Z';
const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const segment = (n: number) => `journal/${String(n).padStart(20, '0')}.ndjson`;

/** Ignores the condition of some puts; every request takes a while, and some responses are lost. */
class BrokenStore extends MemoryStore {
  readonly #clock: TurnedClock;
  readonly #chance: Chance;
  readonly #faults: { ignores: number; loses: number };

  constructor(clock: TurnedClock, chance: Chance, faults: { ignores: number; loses: number }) {
    super(clock);
    this.#clock = clock;
    this.#chance = chance;
    this.#faults = faults;
  }

  override async putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    return await this.#onItsWay(async () => {
      if (!this.#chance.happens(this.#faults.ignores)) return await super.putIfAbsent(key, bytes);
      await super.put(key, bytes);
      return { created: true, server_ms: this.#clock.now() };
    }, true);
  }
  override get(key: string) {
    return this.#onItsWay(() => super.get(key));
  }
  override put(key: string, bytes: Uint8Array) {
    return this.#onItsWay(() => super.put(key, bytes));
  }
  override delete(key: string) {
    return this.#onItsWay(() => super.delete(key));
  }
  override async *list(prefix: string) {
    const listed = await this.#onItsWay(() => Array.fromAsync(super.list(prefix)));
    yield* listed;
  }

  async #onItsWay<T>(effect: () => Promise<T>, mayBeLost = false): Promise<T> {
    const lost = mayBeLost && this.#chance.happens(this.#faults.loses);
    // The request of a lost response may not have had its effect yet.
    const late_ms = lost ? this.#chance.whole(0, 15_000) : this.#chance.whole(0, 40);
    const done = sleep(this.#clock, late_ms).then(effect);
    if (!lost) {
      const result = await done;
      await sleep(this.#clock, this.#chance.whole(0, 40));
      return result;
    }
    done.catch(() => undefined);
    await sleep(this.#clock, Math.min(late_ms, 5_000));
    throw new StoreError('unavailable', 'store_timeout', 'the response was lost');
  }
}

type Acknowledged = { key: string; text: string };

/** What the journal does with a store: a chain of segments, each naming the one before. */
async function writeChain(store: ObjectStore, name: string, clock: TurnedClock): Promise<Acknowledged[]> {
  const acknowledged: Acknowledged[] = [];
  let before = '';
  try {
    for (let n = 1, tries = 0; acknowledged.length < 5 && tries < 40; tries++) {
      const key = segment(n);
      const text = `${name}-${tries} after ${before.split(' ')[0]}`;
      const created = await putUntilResponse(store, key, bytesOf(text), clock);
      let there = text;
      if (!created) {
        const read = await store.get(key);
        if (!read.found) continue;
        there = textOf(read.bytes);
        if (there.split(' after ')[1] !== before.split(' ')[0]) return acknowledged; // The chain is broken.
      }
      if (there === text) acknowledged.push({ key, text });
      before = there;
      n += 1;
    }
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'store_unsafe') throw error;
  }
  return acknowledged;
}

async function putUntilResponse(store: ObjectStore, key: string, bytes: Uint8Array, clock: TurnedClock) {
  for (;;) {
    try {
      return (await store.putIfAbsent(key, bytes)).created;
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind === 'refused') throw error;
      await sleep(clock, 10);
    }
  }
}

/** The segments that a restart can read: from the first on, for as long as each follows the one before. */
async function readChain(store: MemoryStore): Promise<Set<string>> {
  const readable = new Set<string>();
  for (let n = 1, before = ''; ; n++) {
    const read = await MemoryStore.prototype.get.call(store, segment(n));
    if (!read.found) return readable;
    const text = textOf(read.bytes);
    const [name = '', after] = text.split(' after ');
    if (after !== before) return readable;
    readable.add(text);
    before = name;
  }
}

/**
 * Three writers on one store; returns how many acknowledged segments are missing, and whether the store was refused.
 */
async function history(
  seed: number,
  { ignores, loses, guarded }: { ignores: number; loses: number; guarded: boolean },
): Promise<{ lost: number; acknowledged: number; refused: boolean }> {
  const clock = new TurnedClock(START);
  const chance = new Chance(seed);
  const store = new BrokenStore(clock, chance, { ignores, loses });
  const writers = ['a', 'b', 'c'].map((writer) => {
    if (!guarded) return writeChain(store, writer, clock);
    const remember = (says: string) => store.put(UNSAFE_KEY, bytesOf(says));
    // Puts sent twice would find the fault sooner: without them the order of the requests has to suffice.
    return writeChain(new GuardedStore(store, { clock, writer, remember, sentTwice: () => false }), writer, clock);
  });
  let ended = false;
  const all = Promise.all(writers).finally(() => {
    ended = true;
  });
  while (!ended) await clock.turn(20);
  const acknowledged = (await all).flat();
  // Delayed requests arrive.
  await clock.turn(60_000);
  const readable = await readChain(store);
  const lost = acknowledged.filter(({ text }) => !readable.has(text)).length;
  const { found: refused } = await MemoryStore.prototype.get.call(store, UNSAFE_KEY);
  return { lost, acknowledged: acknowledged.length, refused };
}

describe('a guarded store', () => {
  for (const { seeds, ...faults } of [
    { ignores: 0.2, loses: 0, seeds: 300 },
    { ignores: 0.2, loses: 0.1, seeds: 60 },
    { ignores: 1, loses: 0, seeds: 60 },
  ]) {
    test(`that ignores the condition of ${faults.ignores} and loses the responses of ${faults.loses} of its puts loses nothing acknowledged`, async () => {
      let refused = 0;
      for (let seed = 1; seed <= seeds; seed++) {
        const outcome = await history(seed, { ...faults, guarded: true });
        assert.equal(
          outcome.lost,
          0,
          `seed ${seed}: ${outcome.lost} of ${outcome.acknowledged} acknowledged segments are lost`,
        );
        refused += outcome.refused ? 1 : 0;
      }
      assert.ok(refused > seeds / 10, `refused ${refused} times`);
    });
  }

  test('that keeps its promise is never refused, whichever responses it loses, and all writers make progress', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const outcome = await history(seed, { ignores: 0, loses: 0.1, guarded: true });
      assert.deepEqual(outcome, { lost: 0, acknowledged: 15, refused: false }, `seed ${seed}`);
    }
  });

  test('is needed: without it the same writers lose acknowledged segments', async () => {
    let lost = 0;
    for (let seed = 1; seed <= 100; seed++)
      lost += (await history(seed, { ignores: 0.2, loses: 0, guarded: false })).lost;
    assert.ok(lost > 0);
  });
});
