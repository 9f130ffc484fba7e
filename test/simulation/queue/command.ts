/** The command of the histories of one part: runs them, and prints what happened. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runQueueHistories } from './histories.ts';

/** `--histories N --seed S [--workers K] [--rule NAME]`. Exit code 1 if a rule was broken, with the seed and the last steps. */
export async function runCommand(part: {
  histories: number;
  rules: readonly { name: string }[];
  thread: URL;
}): Promise<void> {
  const { values } = parseArgs({
    options: {
      histories: { type: 'string', default: String(part.histories) },
      seed: { type: 'string', default: '1' },
      workers: { type: 'string', default: String(availableParallelism()) },
      rule: { type: 'string' },
    },
  });
  const names = part.rules.map(({ name }) => name);
  if (values.rule !== undefined && !names.includes(values.rule)) {
    console.error(`Unknown rule ${values.rule}. The rules are: ${names.join(', ')}.`);
    process.exit(2);
  }
  const began_ms = performance.now();
  const { histories, counts, failed } = await runQueueHistories({
    histories: Number(values.histories),
    seed: Number(values.seed),
    workers: Number(values.workers),
    rule: values.rule,
    thread: part.thread,
  });
  const took = ((performance.now() - began_ms) / 1000).toFixed(0);
  console.log(`histories ${histories} in ${took} s, seeds from ${values.seed}`);
  for (const [name, count] of Object.entries(counts).sort()) console.log(`  ${name.padEnd(18)} ${count}`);
  if (failed?.violation) {
    console.log(
      `\nVIOLATION of "${failed.violation.invariant}" in history ${failed.seed}: ${failed.violation.message}`,
    );
    console.log(`\nThe last steps:\n  ${failed.steps.join('\n  ')}`);
  } else console.log('no violation');
  process.exitCode = failed ? 1 : 0;
}
