/** A thread that runs histories of notifications: every n-th of some seeds, optionally with one rule broken. */
import { parentPort, workerData } from 'node:worker_threads';
import { breakRule } from '../break-rule.ts';
import { NOTICE_RULES } from './rules.ts';

const { rule, from, to, step } = workerData as { rule: string | null; from: number; to: number; step: number };
if (rule !== null) breakRule(rule, NOTICE_RULES);
const { runNoticesHistory } = await import('./history.ts');

for (let seed = from; seed < to; seed += step) {
  const result = await runNoticesHistory(seed);
  parentPort!.postMessage(result);
  if (result.violation) break;
}
