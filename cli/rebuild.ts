/** `tmon rebuild`: rebuilds every view from the journal and the archive. */
import { Command } from 'commander';
import { jsonOption } from './options.ts';
import { printJson, printLine } from './output.ts';
import { settingsOf } from './serve.ts';

export function rebuildCommand(): Command {
  return new Command('rebuild')
    .description('Rebuild all views of a store from its journal. Stop the monitor of a directory first.')
    .requiredOption('--store <url>', 'dir:PATH or s3://bucket/prefix')
    .addOption(jsonOption())
    .action(rebuild);
}

async function rebuild({ store, json }: { store: string; json?: boolean }): Promise<void> {
  const { rebuildAt } = await import('../server/main.ts');
  const report = await rebuildAt(settingsOf({ store }));
  if (json) return printJson(report);
  for (const [name, value] of Object.entries(report)) printLine(`${name.replaceAll('_', ' ')}: ${value}`);
}
