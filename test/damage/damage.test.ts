/**
 * Damage to any kind of object is reported or harmless. More cases: `node test/damage/main.ts --cases 1000 --seed 7`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extent } from '../thorough.ts';
import { prepare, runCase } from './cases.ts';
import { writeFinishedStores } from './finished-store.ts';

const SEED = 2_000;
const stores = await writeFinishedStores();

// The other stores have the same kinds; main.ts takes them, too.
for (const name of ['whole journal']) {
  test(`${name}: no damaged or deleted object changes a response without being reported, and no acknowledged write is lost`, async () => {
    const bases = await prepare(stores.filter((store) => store.name === name));
    const kinds = bases.reduce((sum, base) => sum + base.kinds.size, 0);
    for (let seed = SEED; seed < SEED + kinds; seed += extent(1, 2)) {
      const { damages, outcome, why } = await runCase(bases, seed);
      const what = damages.map(({ key, how }) => `${key} (${how})`).join(', ');
      assert.ok(outcome !== 'silent' && outcome !== 'lost', `${outcome}, seed ${seed}: ${what}: ${why}`);
    }
  });
}
