/** `tmon policies`: the policies and what they did in the last hour; check a file of them; end a pause. */
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { Command, Option } from 'commander';
import { formatMatcher } from '../protocol/alert-labels.ts';
import type { EffectivePolicies } from '../protocol/policies.ts';
import { formatProblem } from '../server/backtest.ts';
import { readPolicies } from '../server/policies/defaults.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type ClientOptions, clientCommand, clientOf } from './options.ts';
import { colour, note, printJson, printLine, printTable } from './output.ts';

export function policiesCommand(): Command {
  const policies = new Command('policies').description(
    'Policies: what the monitor does about verdicts. List them, check a file, end a pause.',
  );
  policies.addCommand(
    clientCommand('list')
      .description('List the policies that apply, with what they did in the last hour.')
      .action(async (options: ClientOptions) => print(await clientOf(options).system.policies(), options)),
    { isDefault: true },
  );
  policies.addCommand(
    clientCommand('resume')
      .description('End the pause of the circuit breaker: what stands now does not pause the policies again.')
      .option('--by <name>', 'who does it', userInfo().username || 'tmon')
      .action(async (options: ClientOptions & { by: string }) => {
        print(await clientOf(options).system.resumePolicies({ by: options.by }), options);
      }),
  );
  policies.addCommand(
    new Command('check')
      .description('Check a file of policies. Exit code 1: it has a mistake.')
      .argument('<file>')
      .addOption(new Option('--json', 'JSON, one problem per line'))
      .action(check),
  );
  return policies;
}

async function check(file: string, { json }: { json?: boolean }): Promise<void> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(EXIT.not_found, `${file} cannot be read: ${error.message}`);
  });
  const read = readPolicies(text);
  if (read.problems) {
    for (const problem of read.problems) {
      if (json) printJson({ file, ...problem });
      else printLine(formatProblem(file, problem));
    }
    process.exitCode = EXIT.failed;
    return;
  }
  const { policies } = read.policies;
  const counts = { policies: policies.length, on: policies.filter(({ mode }) => mode === 'on').length };
  if (json) printJson({ file, ...counts });
  else printLine(`${file}: ${counts.policies} policies with the defaults, ${counts.on} of them on`);
}

function print({ policies, paused, problem, ...rest }: EffectivePolicies, { json }: ClientOptions): void {
  if (json) return printJson({ policies, ...rest, paused, problem });
  if (problem !== null) note(`the earlier policies apply: ${problem}`);
  if (paused !== null) note(`paused until ${paused.until}: ${paused.reason} \`tmon policies resume\` continues.`);
  printTable(
    ['POLICY', 'VERDICT', 'WHERE', 'ACTION', 'MODE', 'AFTER', 'PER HOUR', 'ACTED', 'DRY RUN'],
    policies.map(({ name, verdict, where, action, mode, after_seconds, per_hour, last_hour }) => [
      name,
      verdict,
      where.map(formatMatcher).join(' ') || '–',
      action,
      mode === 'on' ? colour('green', mode) : mode,
      `${after_seconds} s`,
      String(per_hour),
      String(last_hour.acted),
      String(last_hour.dry_run),
    ]),
  );
}
