/** `tmon doctor`: checks this machine, the monitor, the store, and the rights on AWS. */
import { Command, Option } from 'commander';
import { checkAws, type DoctorAwsOptions, printRights } from './doctor-aws.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type ClientOptions, clientOf, DEFAULT_SERVER, jsonOption, shownServer, withConnection } from './options.ts';
import { colour, oneLine, printJson, printLine } from './output.ts';

type Finding = { check: string; verdict: string; says: string; hint?: string | undefined };
type DoctorOptions = DoctorAwsOptions &
  Pick<ClientOptions, 'apiKey' | 'apiKeyFile' | 'header'> & {
    aws?: boolean;
    acceptLoss?: boolean;
    recheck?: boolean;
    server?: string;
  };

export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description(
      'Test whether a store meets the journal’s requirements; with --aws, whether the rights on AWS suffice; without either, check this machine and the monitor.',
    )
    .option('--store <url>', 'dir:PATH, s3://bucket/prefix; about 14,000 requests to a bucket ($0.07 on Amazon S3)')
    .option('--accept-loss', 'with --store: keep what can be read of a damaged journal, and go on without the rest')
    .option('--recheck', 'with --store: use a store again that was found unsafe, if it passes three full checks')
    .option(
      '--aws',
      'try every right that --store, --queue, --source and --fleet need, without harm, and every denial of the template',
    )
    .option('--queue <url>', 'with --aws: sqs://NAME, the queue that carries the jobs')
    .option('--source <url>', 'with --aws: sqs://NAME, a queue of reports')
    .option('--fleet <url>', 'with --aws: ec2:LAUNCH_TEMPLATE or asg:GROUP')
    .addOption(
      new Option('--as <role>', 'with --aws: whose credentials these are')
        .choices(['server', 'worker'])
        .default('server'),
    )
    .option('--worker-role <arn>', 'with --aws: ask IAM whether this role reads recordings and nothing else')
    .option('--audio <url>', 'with --aws: a recording that workers read, s3://bucket/key')
    .addOption(new Option('--server <url>', 'the monitor').env('TMON_SERVER'));
  return withConnection(command).addOption(jsonOption()).action(doctor);
}

async function doctor(options: DoctorOptions): Promise<void> {
  if (options.acceptLoss && options.store === undefined) {
    throw new CommandError(
      EXIT.usage,
      '--accept-loss goes with --store URL',
      'Stop every monitor on that store first.',
    );
  }
  if (options.aws) {
    const rights = await checkAws(options);
    printRights(rights, options.json ?? false);
    return exitBy(rights);
  }
  const findings = options.store === undefined ? await lookAround(options) : await checkStore(options);
  for (const finding of findings) {
    if (options.json) printJson(finding);
    else printFinding(finding);
  }
  exitBy(findings);
}

function exitBy(findings: readonly Pick<Finding, 'verdict'>[]): void {
  if (findings.some((finding) => finding.verdict === 'fail')) process.exitCode = EXIT.failed;
  else if (findings.some((finding) => finding.verdict === 'unfinished')) process.exitCode = EXIT.unavailable;
}

async function checkStore({ store = '', acceptLoss, recheck = false }: DoctorOptions): Promise<Finding[]> {
  const { acceptLossAt, inspectStoreAt } = await import('../server/doctor.ts');
  const { readSettings, s3Headers } = await import('../server/config.ts');
  const settings = readSettings({ store });
  const s3 = s3Headers(settings);
  if (acceptLoss) return acceptLossAt(store, { s3 });
  const journal = await inspectStoreAt(store, { s3 });
  const { checkStoreAt } = await import('../server/main.ts');
  return [...journal, ...(await checkStoreAt(settings, { recheck })).findings];
}

async function lookAround(options: DoctorOptions): Promise<Finding[]> {
  const findings: Finding[] = [{ check: 'node', verdict: 'pass', says: process.version }];
  findings.push(await recogniser());
  const server = options.server ?? DEFAULT_SERVER;
  try {
    const health = await clientOf({ ...options, server }).system.health();
    const verdict = health.status === 'HEALTHY' ? 'pass' : 'warn';
    findings.push({ check: 'monitor', verdict, says: `${shownServer(server)} is ${health.status}` });
    for (const alert of health.alerts) findings.push({ check: 'alert', verdict: 'warn', says: alert.message });
  } catch (error) {
    // Only a monitor that was named explicitly has to be running.
    const verdict = options.server === undefined ? 'warn' : 'fail';
    findings.push({ check: 'monitor', verdict, says: (error as Error).message, hint: '`tmon serve` starts one.' });
  }
  return findings;
}

/** Finds an installed engine; not pocketsphinx, because looking for it would install it. */
async function recogniser(): Promise<Finding> {
  const { PACKAGED_FASTER_WHISPER } = await import('../agent/engines/faster-whisper.ts');
  const { findEngine } = await import('../agent/engines/choose-engine.ts');
  try {
    const { engine, capabilities } = await findEngine(['whisper.cpp', 'faster-whisper', 'openai-whisper']);
    await engine.close?.();
    return {
      check: 'recogniser',
      verdict: 'pass',
      says: `${engine.name}, ${capabilities.model} on ${capabilities.device}`,
    };
  } catch (error) {
    return {
      check: 'recogniser',
      verdict: 'warn',
      says: (error as Error).message,
      hint: `\`tmon worker\` installs pocketsphinx; \`--engine '${PACKAGED_FASTER_WHISPER}'\` installs a small Whisper, which is far more accurate.`,
    };
  }
}

function printFinding({ check, verdict, says, hint }: Finding): void {
  const shown =
    verdict === 'fail'
      ? colour('red', 'fail')
      : verdict === 'pass'
        ? colour('green', 'pass')
        : colour('yellow', verdict);
  printLine(`${shown}  ${check}: ${oneLine(says)}`);
  if (hint !== undefined && verdict !== 'pass') printLine(`${colour('dim', 'hint:')} ${oneLine(hint)}`);
}
