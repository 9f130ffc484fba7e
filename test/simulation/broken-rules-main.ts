/**
 * `npm run broken-rules [-- RULE …]`: breaks each rule, or each of those named, and runs histories until one detects it.
 * Prints how many it took; exit code 1 if a rule is not detected. Some minutes.
 */
import { availableParallelism } from 'node:os';
import { SIMULATIONS } from './broken-rules.ts';

const wanted = new Set(process.argv.slice(2));
const names = Object.values(SIMULATIONS).flatMap(({ rules }) => rules.map(({ name }) => name));
const unknown = [...wanted].find((name) => !names.includes(name));
if (unknown !== undefined) {
  console.error(`Unknown rule ${unknown}. The rules are: ${names.join(', ')}.`);
  process.exit(2);
}
let missed = 0;
for (const [simulation, { rules, breakRule }] of Object.entries(SIMULATIONS)) {
  for (const rule of rules.filter(({ name }) => wanted.size === 0 || wanted.has(name))) {
    const { detected, histories } = await breakRule(rule, availableParallelism());
    if (!detected) missed += 1;
    console.log(`${simulation} ${rule.name}: ${detected ? 'detected' : 'NOT DETECTED'} after ${histories} histories`);
  }
}
console.log(`${wanted.size || names.length} rules broken, ${missed} not detected`);
process.exitCode = missed > 0 ? 1 : 0;
