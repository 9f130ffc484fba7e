/** `tmon doctor --aws`: a table of rights on AWS, and the policy statement for each that is missing. */
import type { RightFinding } from '../server/doctor.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { colour, oneLine, printJson, printLine, printTable } from './output.ts';

export type DoctorAwsOptions = {
  store?: string;
  queue?: string;
  source?: string;
  fleet?: string;
  as?: 'server' | 'worker';
  workerRole?: string;
  audio?: string;
  json?: boolean;
};

export async function checkAws(options: DoctorAwsOptions): Promise<RightFinding[]> {
  const { store, queue, source, fleet, as = 'server', workerRole, audio } = options;
  if ([store, queue, source, fleet].every((one) => one === undefined)) {
    throw new CommandError(
      EXIT.usage,
      '--aws needs --store, --queue, --source or --fleet',
      'The stack’s output DoctorCommand has them: aws cloudformation describe-stacks --stack-name NAME',
    );
  }
  if (store === undefined && (workerRole !== undefined || as === 'worker'))
    throw new CommandError(EXIT.usage, 'the rights of workers are on the bucket', 'Add --store s3://bucket/prefix.');
  const { checkRightsAt } = await import('../server/doctor.ts');
  const { readSettings, s3Headers } = await import('../server/config.ts');
  const s3 = s3Headers(readSettings({}));
  return checkRightsAt({ as, store, queue, source, fleet, worker_role: workerRole, audio, s3 });
}

export function printRights(findings: readonly RightFinding[], json: boolean): void {
  if (json) {
    for (const finding of findings) printJson(finding);
    return;
  }
  printTable(
    ['verdict', 'whose', 'right', 'on', 'needed for', 'says'],
    findings.map(({ verdict, of, check, on, needed_for, says, source }) => [
      verdict,
      of,
      check,
      on,
      needed_for,
      source === 'simulated' ? `${says} (simulated)` : says,
    ]),
  );
  for (const { check, verdict, hint } of findings) {
    if (hint !== undefined && verdict !== 'pass') printLine(`${colour('dim', 'hint:')} ${check}: ${oneLine(hint)}`);
  }
}
