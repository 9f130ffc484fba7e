/**
 * `npm run simulate -- --histories N --seed S [--workers K] [--rule NAME]`: runs histories on all cores. Exit code 1 if
 * a rule was broken, with the seed, the last steps, and the command that replays it.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runHistories, type Totals } from './histories.ts';
import { RULES } from './rules.ts';

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    rule: { type: 'string' },
  },
});
const histories = countOf(values.histories);
const seed = countOf(values.seed);
const workers = countOf(values.workers);
if (values.rule !== undefined && !RULES.some(({ name }) => name === values.rule)) {
  console.error(`Unknown rule ${values.rule}. The rules are: ${RULES.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}

const began_ms = performance.now();
let printed_ms = began_ms;
const totals = await runHistories({ histories, seed, workers, rule: values.rule, onHistory: progress });
report(totals);
process.exitCode = totals.failed ? 1 : 0;

function countOf(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  console.error(`${text} is not a number of 1 or more`);
  process.exit(2);
}

function progress(totals: Totals): void {
  if (performance.now() - printed_ms < 2_000) return;
  printed_ms = performance.now();
  console.error(`${totals.histories} of ${histories} histories, ${rate(totals)} a second`);
}

function rate(totals: Totals): string {
  return (totals.histories / ((performance.now() - began_ms) / 1000)).toFixed(1);
}

function report(totals: Totals): void {
  const { faults, failed, ...sums } = totals;
  console.log(
    `histories          ${totals.histories} (${rate(totals)} a second on ${workers} threads), seeds from ${seed}`,
  );
  for (const [name, sum] of Object.entries(sums).slice(1)) console.log(`${name.padEnd(18)} ${sum}`);
  console.log('faults');
  for (const [name, count] of Object.entries(faults).sort()) console.log(`  ${name.padEnd(24)} ${count}`);
  if (!failed?.violation) {
    console.log('no violation');
    return;
  }
  const rule = values.rule === undefined ? '' : ` --rule ${values.rule}`;
  console.log(`\nVIOLATION of ${failed.violation.invariant} in history ${failed.seed}: ${failed.violation.message}`);
  console.log(`\nThe last steps:\n  ${failed.steps.join('\n  ')}`);
  console.log(`\nReplay it: npm run simulate -- --histories 1 --seed ${failed.seed}${rule}`);
}
