/** `tmon alerts check FILE`: every mistake with its line and column. */
import { readFile } from 'node:fs/promises';
import { checkRules, formatProblem } from '../../server/backtest.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import { printJson, printLine } from '../output.ts';

export async function checkFile(file: string, { json }: { json?: boolean }): Promise<void> {
  const checked = checkRules(await readRulesFile(file));
  if ('problems' in checked) {
    for (const problem of checked.problems) {
      if (json) printJson({ file, ...problem });
      else printLine(formatProblem(file, problem));
    }
    process.exitCode = EXIT.failed;
    return;
  }
  const { rules, inhibitions, mute_times } = checked.rules;
  const counts = { rules: rules.length, inhibitions: inhibitions.length, mute_times: mute_times.length };
  if (json) printJson({ file, ...counts });
  else
    printLine(
      `${file}: ${counts.rules} rules with the defaults, ${counts.inhibitions} inhibitions, ${counts.mute_times} mute times`,
    );
}

export async function readRulesFile(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(EXIT.not_found, `${file} cannot be read: ${error.message}`);
  });
}
