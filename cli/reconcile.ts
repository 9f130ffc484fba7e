/** `tmon reconcile`: compares the workers with the instances of the monitor's fleet, and settles the differences. */
import type { Command } from 'commander';
import type { Reconciliation } from '../protocol/worker.ts';
import { type ClientOptions, clientCommand, clientOf } from './options.ts';
import { note, printJson, printTable } from './output.ts';

type ReconcileOptions = ClientOptions & { dryRun?: boolean };

export function reconcileCommand(): Command {
  return clientCommand('reconcile')
    .description('Find workers whose instance is gone, which a policy terminates; add instances without a worker.')
    .option('--dry-run', 'print what would be done, and change nothing')
    .addHelpText(
      'after',
      '\nA difference is settled once it has been seen for a while: see --reconcile-grace-ms of tmon serve.',
    )
    .action(reconcile);
}

async function reconcile(options: ReconcileOptions): Promise<void> {
  const report = await clientOf(options).workers.reconcile({ dry_run: options.dryRun ?? false });
  if (options.json) printJson(report);
  else print(report);
}

/** With another policy for orphaned workers than the default one. */
const KEPT = 'orphaned, and kept by its policy';

function print({ dry_run, orphaned, missing, unconfirmed }: Reconciliation): void {
  const rows = [
    ...orphaned.map((one) => ({ ...one, outcome: dry_run ? 'orphaned' : one.terminated ? 'terminated' : KEPT })),
    ...missing.map((one) => ({ ...one, outcome: dry_run ? 'would add' : 'added' })),
    ...unconfirmed.map((one) => ({ ...one, outcome: `unconfirmed until ${one.due_at}` })),
  ];
  if (rows.length === 0) return note('the workers and the instances agree');
  printTable(
    ['WORKER', 'INSTANCE', 'OUTCOME', 'REASON'],
    rows.map(({ worker_id, instance_id, outcome, reason }) => [worker_id, instance_id, outcome, reason]),
  );
}
