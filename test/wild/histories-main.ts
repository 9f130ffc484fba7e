/**
 * `node test/wild/histories-main.ts --histories N --seed S`: writes random histories of fleets into logs, files and tables, in three
 * zones, and compares what `tmon check` says at random moments with what happened. Exit code 1 if they differ.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runTrial } from './trial.ts';

const { values } = parseArgs({
  options: { histories: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' } },
});
const first = Number(values.seed);
const count = Number(values.histories);
const folder = mkdtempSync(join(tmpdir(), 'tmon-histories-'));
const began_ms = performance.now();
let failed = 0;
for (let seed = first; seed < first + count; seed += 1) {
  try {
    await runTrial(seed, folder);
  } catch (error) {
    failed += 1;
    console.log((error as Error).message);
  }
}
rmSync(folder, { recursive: true });
console.log(
  `${count} histories from seed ${first}, ${failed} differ, ${((performance.now() - began_ms) / 1000).toFixed(0)} s`,
);
process.exitCode = failed === 0 ? 0 : 1;
