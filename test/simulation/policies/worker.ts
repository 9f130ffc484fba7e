/** A thread that runs histories of policies: every n-th of some seeds, optionally with one rule broken. */
import { parentPort, workerData } from 'node:worker_threads';
import { breakRule } from '../break-rule.ts';
import { POLICY_RULES } from './rules.ts';

const { rule, from, to, step } = workerData as { rule: string | null; from: number; to: number; step: number };
if (rule !== null) breakRule(rule, POLICY_RULES);
const { runPoliciesHistory } = await import('./history.ts');

for (let seed = from; seed < to; seed += step) {
  const result = runPoliciesHistory(seed);
  parentPort!.postMessage(result);
  if (result.violation) break;
}
