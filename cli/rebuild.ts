/** `tmon rebuild`: rebuilds every view from the journal and the archive. */
import { Command } from 'commander';
import type { RebuildReport } from '../server/main.ts';
import { jsonOption } from './options.ts';
import { note, printJson, printLine } from './output.ts';
import { settingsOf } from './serve.ts';

export function rebuildCommand(): Command {
  return new Command('rebuild')
    .description('Rebuild all views of a store from its journal. Stop the monitor of a directory first.')
    .requiredOption('--store <url>', 'dir:PATH or s3://bucket/prefix')
    .option('--dry-run', 'print what would be written and deleted, and change nothing')
    .addOption(jsonOption())
    .action(rebuild);
}

type RebuildCommandOptions = { store: string; dryRun?: boolean; json?: boolean };

async function rebuild({ store, dryRun = false, json }: RebuildCommandOptions): Promise<void> {
  const { rebuildAt } = await import('../server/main.ts');
  const report = await rebuildAt(settingsOf({ store }), { dry_run: dryRun });
  if (json) printJson(report);
  else show(report);
}

function show(report: RebuildReport): void {
  const { dry_run, details, damaged, ...counts } = report;
  for (const [name, number] of Object.entries(counts)) {
    const effect = EFFECTS[name as keyof typeof EFFECTS];
    printLine(`${(dry_run && effect) || name.replaceAll('_', ' ')}: ${number}`);
    // What is not ours is named in any case; what was written and deleted only before it is.
    if (!effect || !(dry_run || name === 'foreign')) continue;
    const { folders, examples } = details[name as keyof typeof EFFECTS];
    for (const [folder, number] of Object.entries(folders)) printLine(`  ${folder} ${number}`);
    if (examples.length > 0) printLine(`  for example ${examples.join(', ')}`);
  }
  for (const key of damaged) printLine(`damaged: ${key}`);
  if (report.foreign > 0) note('foreign objects are not views of a monitor; they were left alone');
}

/** In a dry run. */
const EFFECTS = { written: 'would write', deleted: 'would delete', foreign: 'foreign' } as const;
