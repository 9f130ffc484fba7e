/**
 * How right the verdicts are: simulated fleets whose truth is known, beside fixed time-outs.
 *
 *     npm run verdicts -- --fleets 1000 --seed 1           writes the figures into docs/verdicts.md
 *     npm run verdicts -- --fleets 50 --seed 7 --examples  prints each wrong or missed verdict, with the seed of its fleet
 *
 * Uses two threads, or as many as `--threads` says. Ended by SIGTERM, it reports the fleets that are done.
 */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { writeInto } from './page.ts';
import type { Score } from './score.ts';
import { figures, tableOf } from './table.ts';
import { Totals } from './totals.ts';

const { values } = parseArgs({
  options: {
    fleets: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    examples: { type: 'boolean', default: false },
    'no-page': { type: 'boolean', default: false },
  },
});
const [fleets, seed, threads] = [Number(values.fleets), Number(values.seed), Number(values.threads)];
const totals = new Totals();

let next = 0;
const workers = Array.from({ length: threads }, () => new Worker(new URL('fleet-thread.ts', import.meta.url)));
process.once('SIGTERM', () => {
  next = fleets;
});
await Promise.all(workers.map(simulateAll));

async function simulateAll(worker: Worker): Promise<void> {
  while (next < fleets) {
    const score = new Promise<Score>((resolve, reject) => worker.once('message', resolve).once('error', reject));
    worker.postMessage({ seed: seed * 1_000_003 + next });
    next += 1;
    add(await score);
    worker.removeAllListeners('error');
  }
  await worker.terminate();
}

function add(score: Score): void {
  totals.add(score);
  if (totals.fleets % 100 === 0) process.stderr.write(`${totals.fleets} fleets\n`);
  if (!values.examples) return;
  for (const one of score.examples) process.stdout.write(`${one.seed} ${one.job_id} ${one.what}\n`);
}

const text = tableOf(totals);
process.stdout.write(`${text}\n`);
if (!values['no-page'] && !values.examples) {
  writeInto('docs/verdicts.md', `${figures({ fleets: totals.fleets, seed })}\n\n${text}`);
}
process.exitCode = totals.good ? 0 : 1;
