/**
 * Simulated fleets whose truth is known, with every policy on: what was done, and how many healthy jobs were touched.
 *
 *     node test/verdicts/policies-main.ts --fleets 300 --seed 1
 */
import { parseArgs } from 'node:util';
import { simulateActing } from './acting.ts';

const { values } = parseArgs({
  options: { fleets: { type: 'string', default: '300' }, seed: { type: 'string', default: '1' } },
});
const acted: Record<string, number> = {};
let [attempts, healthy] = [0, 0];
for (let i = 0; i < Number(values.fleets); i++) {
  const score = simulateActing(Number(values.seed) * 1_000_003 + i);
  attempts += score.attempts;
  healthy += score.healthy_acted;
  for (const [verdict, count] of Object.entries(score.acted_on)) acted[verdict] = (acted[verdict] ?? 0) + count;
  for (const { seed, job_id, what } of score.examples)
    if (what.startsWith('healthy')) process.stdout.write(`${seed} ${job_id}: ${what}\n`);
}
process.stdout.write(`${JSON.stringify({ fleets: Number(values.fleets), attempts, acted, healthy })}\n`);
process.exitCode = healthy === 0 ? 0 : 1;
