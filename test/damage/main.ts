/**
 * `node test/damage/main.ts --cases N --seed S`: damages objects of finished stores at random and judges how a monitor
 * handles them. Prints a table, and each case in which damage was silent or a write was lost; exit code 1 if there is
 * one.
 */
import { parseArgs } from 'node:util';
import { type Case, prepare, runCase } from './cases.ts';
import { writeFinishedStores } from './finished-store.ts';
import { OUTCOMES } from './judge.ts';

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '1000' }, seed: { type: 'string', default: '7' } },
});
const first = Number(values.seed);
const count = Number(values.cases);
const began_ms = performance.now();
const bases = await prepare(await writeFinishedStores());
const cases: Case[] = [];
let shown_ms = began_ms;
for (let seed = first; seed < first + count; seed++) {
  const one = await runCase(bases, seed);
  cases.push(one);
  if (one.outcome === 'silent' || one.outcome === 'lost') describe(one);
  if (performance.now() - shown_ms < 10_000) continue;
  shown_ms = performance.now();
  console.error(`${cases.length} of ${count} cases`);
}
const seconds = ((performance.now() - began_ms) / 1000).toFixed(0);
console.log(`\n${count} cases from seed ${first}, ${seconds} s`);
for (const { name } of bases)
  table(
    name,
    cases.filter(({ store }) => store === name),
  );
const failed = cases.filter(({ outcome }) => outcome === 'silent' || outcome === 'lost').length;
console.log(failed === 0 ? '\nno damage was silent, no write was lost' : `\n${failed} cases failed`);
process.exitCode = failed === 0 ? 0 : 1;

function describe({ seed, store, kind, damages, outcome, why }: Case): void {
  const what = damages.map(({ key, how }) => `${key} (${how})`).join(', ');
  console.log(`${outcome.toUpperCase()} ${store}, ${kind}: ${what}\n  ${why}`);
  console.log(`  replay: node test/damage/main.ts --cases 1 --seed ${seed}`);
}

function table(name: string, of: readonly Case[]): void {
  const kinds = [...new Set(of.map(({ kind }) => kind))].sort();
  console.log(`\n${name.padEnd(36)}${OUTCOMES.map((outcome) => outcome.padStart(13)).join('')}`);
  for (const kind of kinds) {
    const counts = OUTCOMES.map((outcome) => of.filter((one) => one.kind === kind && one.outcome === outcome).length);
    console.log(`${kind.padEnd(36)}${counts.map((n) => String(n || '·').padStart(13)).join('')}`);
  }
}
