/** `tmon worker doctor`: whether a worker with these arguments would work here. */
import type { Command } from 'commander';
import { ownVersion } from '../../installation/own-files.ts';
import { EXIT } from '../exit-code.ts';
import { clientCommand, clientOf } from '../options.ts';
import { colour, oneLine, printJson, printLine } from '../output.ts';
import { enginesHelp, type WorkerCommandOptions, withWorkerOptions } from '../worker-options.ts';
import type { Finding, FindingStatus } from './finding.ts';

const COLOURS: Readonly<Record<FindingStatus, Parameters<typeof colour>[0]>> = {
  ok: 'green',
  warning: 'yellow',
  problem: 'red',
  'not checked': 'dim',
};

export function workerDoctorCommand(): Command {
  return withWorkerOptions(clientCommand('doctor'))
    .description(
      'Check what a worker with the same arguments needs: engine, model, GPU, ffmpeg, disk, and the way to the monitor. It claims no job. Exit code 1 if there is a problem.',
    )
    .addHelpText('after', () => enginesHelp())
    .action(async (_: unknown, command: Command) => doctor(given(command)));
}

/** What stands before `doctor` counts too: `tmon worker --engine X doctor`. */
function given(command: Command): WorkerCommandOptions {
  const own = command.opts();
  const before = command.parent!;
  const earlier = Object.entries(before.opts()).filter(
    ([name]) => before.getOptionValueSource(name) === 'cli' && command.getOptionValueSource(name) !== 'cli',
  );
  return { ...own, ...Object.fromEntries(earlier) } as WorkerCommandOptions;
}

async function doctor(options: WorkerCommandOptions): Promise<void> {
  const [{ checkEngine }, { checkDisk, checkFfmpeg, checkGpu }, { checkMonitor }] = await Promise.all([
    import('./engine-checks.ts'),
    import('./machine-checks.ts'),
    import('./monitor-checks.ts'),
  ]);
  const all: Finding[] = [];
  const show = (findings: readonly Finding[]) => {
    for (const finding of findings) {
      all.push(finding);
      if (options.json) printJson(finding);
      else printFinding(finding);
    }
  };
  const api = clientOf(options);
  const monitor = checkMonitor({
    server: options.server,
    session: () => api.session.get({ retries: 0, timeoutMs: 10_000 }),
    version: ownVersion(),
  }).finally(() => api.close());
  const { findings, found } = await checkEngine({
    choice: options.engine,
    parallel: Math.max(1, options.maxJobs),
    defaults: options.defaults,
  });
  show(findings);
  show([
    await checkGpu(found),
    await checkFfmpeg(found?.name ?? nameOf(options.engine)),
    await checkDisk(options.workDir),
  ]);
  show(await monitor);

  const problems = all.filter(({ status }) => status === 'problem').length;
  const warnings = all.filter(({ status }) => status === 'warning').length;
  if (!options.json) printLine(summary(problems, warnings));
  if (problems > 0) process.exitCode = EXIT.failed;
}

const nameOf = (choice: string): string | null => (choice === 'auto' ? null : choice.split(/[?:]/, 1)[0]!);

function summary(problems: number, warnings: number): string {
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
  if (problems > 0)
    return `\n${count(problems, 'problem')}, ${count(warnings, 'warning')}: a worker would not do its work`;
  return warnings > 0 ? `\n${count(warnings, 'warning')}: a worker would run` : '\nready to work';
}

function printFinding({ check, status, says, hint }: Finding): void {
  printLine(`${colour(COLOURS[status], status.padEnd(11))}  ${check.padEnd(13)}  ${oneLine(says)}`);
  if (hint !== undefined) printLine(`${' '.repeat(28)}${colour('dim', 'hint:')} ${oneLine(hint)}`);
}
