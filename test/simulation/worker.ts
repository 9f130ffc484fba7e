/** A thread that runs histories, one seed after the other, optionally with one rule broken. */
import { parentPort, workerData } from 'node:worker_threads';
import { breakRule } from './break-rule.ts';

const { rule } = workerData as { rule: string | null };
if (rule !== null) breakRule(rule);
const { runHistory } = await import('./history.ts');

let next = Promise.resolve();
parentPort!.on('message', (seed: number) => {
  next = next.then(async () => parentPort!.postMessage(await runHistory(seed)));
});
