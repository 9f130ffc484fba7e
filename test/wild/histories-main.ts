/**
 * `node test/wild/histories-main.ts --histories N --seed S [--system postgres|mysql|s3|dynamodb|cloudwatch-logs|http]`: writes random
 * histories of fleets, by hand and through the reporters of both languages, in three zones, into logs of three formats, files and
 * tables, or into a server, and compares what `tmon check` says at random moments with what happened. Exit code 1 if they differ.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPythonReporters, TypescriptReporters } from './reporters.ts';
import { SERVERS, type ServerKind, startServer } from './servers.ts';
import { runTrial } from './trial.ts';

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    system: { type: 'string', default: 'files' },
  },
});
const first = Number(values.seed);
const count = Number(values.histories);
const kind = SERVERS.find((one) => one === values.system) as ServerKind | undefined;
if (kind === undefined && values.system !== 'files') throw new Error(`--system: files, ${SERVERS.join(', ')}`);
const folder = mkdtempSync(join(tmpdir(), 'tmon-histories-'));
const cleaning: (() => void | Promise<void>)[] = [() => rmSync(folder, { recursive: true, force: true })];
const t = { after: (run: () => void | Promise<void>) => void cleaning.push(run) };
let failed = 0;
try {
  const server = kind && (await startServer(kind, t));
  const reporters = { typescript: new TypescriptReporters(), python: await startPythonReporters(t) };
  const began_ms = performance.now();
  for (let seed = first; seed < first + count; seed += 1) {
    try {
      await runTrial(seed, { folder, reporters, ...(server === undefined ? {} : { server }) });
    } catch (error) {
      failed += 1;
      console.log((error as Error).message);
    }
  }
  const seconds = ((performance.now() - began_ms) / 1000).toFixed(0);
  console.log(`${values.system}: ${count} histories from seed ${first}, ${failed} differ, ${seconds} s`);
} finally {
  for (const run of cleaning) await run();
}
process.exitCode = failed === 0 ? 0 : 1;
