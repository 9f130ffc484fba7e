import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SortedMap } from './sorted-map.ts';

/** Seeded, so that a failure can be reproduced. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

type Model<K> = Map<K, number>;

const sorted = <K extends string | number>(model: Model<K>): [K, number][] =>
  [...model].sort(([a], [b]) => (a < b ? -1 : 1));

function assertEqual<K extends string | number>(
  map: SortedMap<K, number>,
  model: Model<K>,
  probes: readonly K[],
): void {
  const all = sorted(model);
  assert.equal(map.size, all.length);
  assert.deepEqual([...map.entries()], all);
  assert.deepEqual([...map.entriesReversed()], all.toReversed());
  assert.equal(map.minKey(), all[0]?.[0]);
  assert.equal(map.maxKey(), all.at(-1)?.[0]);
  for (const probe of probes) {
    assert.equal(map.get(probe), model.get(probe));
    assert.equal(map.has(probe), model.has(probe));
    const from = all.filter(([key]) => key >= probe);
    assert.deepEqual([...map.entries(probe)], from);
    assert.deepEqual(
      [...map.keys(probe)],
      from.map(([key]) => key),
    );
    assert.deepEqual(
      [...map.values(probe)],
      from.map(([, value]) => value),
    );
    assert.deepEqual([...map.entriesReversed(probe)], all.filter(([key]) => key <= probe).toReversed());
  }
}

const text = (n: number): string => `key-${n.toString(36).padStart(4, '0')}`;
const KINDS: { of: string; key: (n: number) => string | number }[] = [
  { of: 'numbers', key: (n) => n },
  { of: 'text', key: text },
];

/** Orders in which keys are set and deleted. */
const ORDERS: { name: string; next: (roll: (sides: number) => number, step: number) => number }[] = [
  { name: 'at random', next: (roll) => roll(2000) },
  { name: 'rising', next: (_, step) => step },
  { name: 'falling', next: (_, step) => 5000 - step },
  { name: 'falling after a full node', next: (_, step) => (step < 32 ? step : 5000 - step) },
  { name: 'rising in many places', next: (roll, step) => roll(10) * 500 + (step % 500) },
];

describe('a sorted map', () => {
  for (const { of, key } of KINDS) {
    for (const { name, next } of ORDERS) {
      it(`has the entries that were set and not deleted, in order: ${of}, ${name}`, () => {
        const roll = dice(7);
        const map = new SortedMap<string | number, number>();
        const model: Model<string | number> = new Map();
        const probes = [0, 31, 32, 499, 500, 1234, 4999, 5001].map(key);
        for (let step = 0; step < 3000; step++) {
          const at = key(next(roll, step));
          map.set(at, step);
          model.set(at, step);
          if (step % 500 === 0) assertEqual(map, model, probes);
        }
        assertEqual(map, model, probes);
        const keys = [...model.keys()];
        while (keys.length > 0) {
          const [gone] = keys.splice(name === 'at random' ? roll(keys.length) : 0, 1);
          assert.equal(map.delete(gone!), model.delete(gone!));
          assert.equal(map.delete(gone!), false);
          if (keys.length % 400 === 0) assertEqual(map, model, probes);
        }
        map.set(key(1), 1);
        assertEqual(map, new Map([[key(1), 1]]), probes);
      });
    }

    it(`does not change when its copies change, and its copies do not change with it: ${of}`, () => {
      const roll = dice(11);
      const kept: { map: SortedMap<string | number, number>; model: Model<string | number> }[] = [
        { map: new SortedMap(), model: new Map() },
      ];
      for (let step = 0; step < 4000; step++) {
        const one = kept[roll(kept.length)]!;
        const at = key(roll(300));
        if (roll(20) === 0) {
          const copy = { map: one.map.clone(), model: new Map(one.model) };
          if (kept.length < 12) kept.push(copy);
          else kept[roll(kept.length)] = copy;
        } else if (roll(3) === 0) assert.equal(one.map.delete(at), one.model.delete(at));
        else {
          one.map.set(at, step);
          one.model.set(at, step);
        }
        if (step % 200 === 0) for (const { map, model } of kept) assertEqual(map, model, [at]);
      }
      for (const { map, model } of kept) assertEqual(map, model, [key(0), key(150), key(299)]);
    });

    it(`built from rows at once is the same as one built row by row: ${of}`, () => {
      const roll = dice(13);
      for (const count of [0, 1, 27, 28, 29, 784, 785, 3000]) {
        for (const pick of [(i: number) => 2 * i, (i: number) => 10_000 - i, () => roll(count)]) {
          const keys = Array.from({ length: count }, (_, i) => key(pick(i)));
          const values = keys.map((_, i) => i);
          const map = SortedMap.of(keys, values);
          const model: Model<string | number> = new Map(keys.map((at, i) => [at, i]));
          const probes = [0, 1, 27, 1500].map(key);
          assertEqual(map, model, probes);
          for (let step = 0; step < 300; step++) {
            const at = key(roll(2 * count + 1));
            if (roll(2) === 0) assert.equal(map.delete(at), model.delete(at));
            else {
              map.set(at, step);
              model.set(at, step);
            }
          }
          assertEqual(map, model, probes);
        }
      }
    });
  }

  it('visits a range with or without its end', () => {
    const map = SortedMap.of(
      Array.from({ length: 100 }, (_, i) => i * 2),
      Array.from({ length: 100 }, (_, i) => i),
    );
    const range = (low: number, high: number, includeHigh: boolean) => {
      const visited: [number, number][] = [];
      map.forRange(low, high, includeHigh, (key, value) => visited.push([key, value]));
      return visited;
    };
    assert.deepEqual(range(9, 14, true), [
      [10, 5],
      [12, 6],
      [14, 7],
    ]);
    assert.deepEqual(range(10, 14, false), [
      [10, 5],
      [12, 6],
    ]);
    assert.deepEqual(range(199, 500, true), []);
    assert.deepEqual(range(5, 4, true), []);
  });
});
