/**
 * `node test/whole-run/main.ts [--kills 5] [--recordings 8] [--seed N]`: the whole system on moto, from recordings that are put into a
 * bucket to their transcripts by a real recogniser, the monitor killed meanwhile. Bucket, queue, roles, launch template and the commands
 * are those of `tmon aws template --system full`; moto runs no user data, so the agents are started by hand as it would. Prints what
 * happens, and each thing that is not as it should be; exit code 1 if there is one. Takes some minutes; the first time it installs
 * faster-whisper and a small model, 550 MB.
 */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { check } from './checks.ts';
import { markedProcesses, markProcesses } from './processes.ts';
import { play } from './run.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '5' },
    recordings: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
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
const failures: string[] = [];
let result = '';
try {
  const { lost, doubled, transcripts, attempts, differences } = await check(
    cleanings,
    await play(cleanings, { kills, recordings, seed, log }),
  );
  failures.push(...differences);
  result = `${recordings} recordings, ${transcripts} transcripts, ${attempts} attempts, ${kills} kills, ${lost} lost, ${doubled} doubled`;
} catch (error) {
  failures.push(String((error as Error).stack ?? error));
} finally {
  for (const run of cleaning.reverse()) await run();
}
failures.push(...markedProcesses(mark).map((left) => `a process is left behind: ${left}`));
for (const failure of failures) log(`WRONG: ${failure}`);
if (failures.length > 0)
  log(`replay: node test/whole-run/main.ts --kills ${kills} --recordings ${recordings} --seed ${seed}`);
console.log(result || 'the run did not come to its end');
process.exit(failures.length === 0 ? 0 : 1);
