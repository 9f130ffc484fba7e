/**
 * `node test/simulation/notices/main.ts --histories N --seed S [--workers K] [--rule NAME]`: histories of notifications. Exit
 * code 1 if a rule was broken, with the seed and the last steps.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runQueueHistories } from '../queue/histories.ts';
import { NOTICE_RULES } from './rules.ts';

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    rule: { type: 'string' },
  },
});
if (values.rule !== undefined && !NOTICE_RULES.some(({ name }) => name === values.rule)) {
  console.error(`Unknown rule ${values.rule}. The rules are: ${NOTICE_RULES.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}
const began_ms = performance.now();
const { histories, counts, failed } = await runQueueHistories({
  histories: Number(values.histories),
  seed: Number(values.seed),
  workers: Number(values.workers),
  rule: values.rule,
  thread: new URL('./worker.ts', import.meta.url),
});
console.log(
  `histories ${histories} in ${((performance.now() - began_ms) / 1000).toFixed(0)} s, seeds from ${values.seed}`,
);
for (const [name, count] of Object.entries(counts).sort()) console.log(`  ${name.padEnd(18)} ${count}`);
if (failed?.violation) {
  console.log(`\nVIOLATION of "${failed.violation.invariant}" in history ${failed.seed}: ${failed.violation.message}`);
  console.log(`\nThe last steps:\n  ${failed.steps.join('\n  ')}`);
} else console.log('no violation');
process.exitCode = failed ? 1 : 0;
