/**
 * `node test/whole-run/main.ts [--kills 5] [--recordings 8] [--seed N] [--logs FOLDER]`: the whole system on moto, from recordings that
 * are put into a bucket to their transcripts by a real recogniser, the monitor killed meanwhile. Bucket, queue, roles, launch template
 * and commands are those of `tmon aws template --system full`, with the policies of the roles enforced. moto runs no user data, so the
 * agents are started by hand as it would; its S3 does one request at a time, without which it breaks put if absent (docs/stores.md).
 *
 * Prints what happens, and each thing that is not as it should be; exit code 1 if there is one. The seed picks where the monitor is
 * killed; what else happens at the time differs from run to run. `--logs`: where the output of monitors and workers goes. Takes five
 * minutes.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { leftProcesses, markProcesses } from '../processes/left-processes.ts';
import type { Program } from '../processes/tmon.ts';
import { check } from './checks.ts';
import { play } from './run.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '5' },
    recordings: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    logs: { type: 'string' },
  },
});
const kills = Number(values.kills);
/** One before the kills, one for each. */
const recordings = Math.max(Number(values.recordings), kills + 1);
const seed = Number(values.seed);

const began_ms = performance.now();
const log = (line: string) =>
  console.log(`${((performance.now() - began_ms) / 1000).toFixed(1).padStart(6)} s  ${line}`);
const mark = randomUUID();
markProcesses(mark);
log(`seed ${seed}`);

const cleaning: (() => void | Promise<void>)[] = [];
const cleanings = { after: (run: () => void | Promise<void>) => void cleaning.push(run) };
const programs = new Map<string, Program>();
const keep = (name: string, program: Program) => void programs.set(name, program);
const failures: string[] = [];
let result = '';
try {
  const run = await play(cleanings, { kills, recordings, seed, log, keep });
  const { lost, doubled, transcripts, attempts, differences } = await check(cleanings, run);
  failures.push(...differences);
  result = `${recordings} recordings, ${transcripts} transcripts, ${attempts} attempts, ${kills} kills, ${lost} lost, ${doubled} doubled`;
} catch (error) {
  failures.push(String((error as Error).stack ?? error));
} finally {
  for (const run of cleaning.reverse()) await run();
}
for (const line of await warnings()) log(`the monitor warned: ${line}`);
if (values.logs !== undefined) await writeLogs(values.logs);
failures.push(...(await leftProcesses(mark)).map((left) => `a process is left behind: ${left}`));
for (const failure of failures) log(`WRONG: ${failure}`);
if (failures.length > 0)
  log(`replay: node test/whole-run/main.ts --kills ${kills} --recordings ${recordings} --seed ${seed}`);
console.log(result || 'the run did not come to its end');
process.exit(failures.length === 0 ? 0 : 1);

/** No failure: after a kill, or on a machine that is slow, some are right. */
async function warnings(): Promise<Set<string>> {
  const monitors = [...programs].filter(([name]) => name.startsWith('monitor-'));
  const ends = await Promise.all(monitors.map(([, program]) => program.ended));
  const lines = ends.flatMap(({ stderr }) => stderr.split('\n')).filter((line) => line.startsWith('{'));
  return new Set(lines.map((line) => (JSON.parse(line) as { msg: string }).msg));
}

async function writeLogs(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, program] of programs) {
    const { code, signal, stderr } = await program.ended;
    await writeFile(join(folder, `${name}.log`), `${stderr}ended with ${code ?? signal}\n`);
  }
}
