/** Cases from a seed: a store, a kind of object, and the damage to one to three objects of that kind. */
import { Chance } from '../simulation/chance.ts';
import { type Damage, damage, HOWS } from './damages.ts';
import type { FinishedStore } from './finished-store.ts';
import { judge, type Known, learn, type Verdict } from './judge.ts';
import { kindsOf } from './kinds.ts';

export type Base = FinishedStore & { kinds: ReadonlyMap<string, readonly string[]>; known: Known };

export type Case = Verdict & { seed: number; store: string; kind: string; damages: readonly Damage[] };

export async function prepare(stores: readonly FinishedStore[]): Promise<Base[]> {
  const bases: Base[] = [];
  for (const store of stores) bases.push({ ...store, kinds: kindsOf(store.objects), known: await learn(store) });
  return bases;
}

/** Every kind of every store in turn: as many cases as there are kinds damage one of each. */
export async function runCase(bases: readonly Base[], seed: number): Promise<Case> {
  const kinds = bases.flatMap((base) => [...base.kinds].map(([kind, keys]) => ({ base, kind, keys })));
  const { base, kind, keys } = kinds[seed % kinds.length]!;
  const chance = new Chance(seed);
  const count = Math.min(keys.length, chance.pick([1, 1, 2, 3]));
  const chosen = new Set<string>();
  while (chosen.size < count) chosen.add(chance.pick(keys));
  const damages = [...chosen].map((key) =>
    damage(key, { objects: base.objects, others: keys, chance, how: chance.pick(HOWS) }),
  );
  return { seed, store: base.name, kind, damages, ...(await judge(base, base.known, damages)) };
}
