/** A thread that runs histories of tenants: every n-th of some seeds; with a rule broken, the history that shows it. */
import { parentPort, workerData } from 'node:worker_threads';
import { breakRule } from '../break-rule.ts';
import { TENANT_RULES } from './rules.ts';

const { rule, from, to, step } = workerData as { rule: string | null; from: number; to: number; step: number };
if (rule !== null) breakRule(rule, TENANT_RULES);
const { runTenantsHistory, TenantsHistory } = await import('./history.ts');

if (rule !== null) {
  const history = new TenantsHistory();
  TENANT_RULES.find(({ name }) => name === rule)!.play(history);
  parentPort!.postMessage(history.result(from));
} else {
  for (let seed = from; seed < to; seed += step) {
    const result = runTenantsHistory(seed);
    parentPort!.postMessage(result);
    if (result.violation) break;
  }
}
