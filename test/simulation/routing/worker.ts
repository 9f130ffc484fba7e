/** A thread that runs histories of routing: every n-th of some seeds; with a rule broken, the history that shows it. */
import { parentPort, workerData } from 'node:worker_threads';
import { breakRule } from '../break-rule.ts';
import { ROUTING_RULES } from './rules.ts';

const { rule, from, to, step } = workerData as { rule: string | null; from: number; to: number; step: number };
if (rule !== null) breakRule(rule, ROUTING_RULES);
const { runRoutingHistory, RoutingHistory } = await import('./history.ts');

if (rule !== null) {
  const history = new RoutingHistory();
  ROUTING_RULES.find(({ name }) => name === rule)!.play(history);
  parentPort!.postMessage(history.result(from));
} else {
  for (let seed = from; seed < to; seed += step) {
    const result = runRoutingHistory(seed);
    parentPort!.postMessage(result);
    if (result.violation) break;
  }
}
