/**
 * `node test/kill-table/main.ts [--jobs 40]`: one good worker and one whose GPU is gone share so many jobs. Prints a line; exit code 1 unless
 * every job is transcribed at its first attempt. The light version, with fewer jobs, is one of `npm test`.
 */
import { parseArgs } from 'node:util';
import { playBrokenWorker } from './broken-worker.ts';

const { values } = parseArgs({ options: { jobs: { type: 'string', default: '40' } } });
const jobs = Number(values.jobs);
const cleaning: (() => void | Promise<void>)[] = [];
try {
  await playBrokenWorker({ after: (run) => void cleaning.push(run) }, { jobs, good_first: true });
  console.log(`${jobs} of ${jobs} transcribed, the broken worker is DEGRADED`);
} catch (error) {
  console.log(String((error as Error).stack));
  process.exitCode = 1;
} finally {
  for (const run of cleaning.reverse()) await run();
}
