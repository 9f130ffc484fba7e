/** `tmon analytics ddl`: statements with which Athena and DuckDB read the column files of a store. */
import { Argument, Command } from 'commander';
import { CommandError, EXIT } from './exit-code.ts';
import { settingsOf } from './serve.ts';

type DdlOptions = { store?: string; since: string };

export function analyticsCommand(): Command {
  const analytics = new Command('analytics').description('The column files of a store, for other programs.');
  analytics.addCommand(
    new Command('ddl')
      .description('Print the statements that define job_states and job_attempts over the column files.')
      .addArgument(new Argument('[system]', 'which one').choices(['athena', 'duckdb']).default('duckdb'))
      .option('--store <url>', 'dir:PATH or s3://bucket/prefix (default: TMON_STORE, or ./data)')
      .option('--since <day>', 'Athena: the first day that queries look for', '2020-01-01')
      .action(ddl),
  );
  return analytics;
}

async function ddl(system: 'athena' | 'duckdb', { store: url, since }: DdlOptions): Promise<void> {
  const { store } = settingsOf({ store: url });
  if (!/^\d{4}-\d\d-\d\d$/.test(since))
    throw new CommandError(EXIT.usage, `--since is ${since}`, 'Write a day: --since 2025-07-07');
  if (system === 'athena' && !/^s3:/i.test(store))
    throw new CommandError(EXIT.usage, `Athena does not read ${store}`, 'Name a bucket: --store s3://bucket/prefix');
  const { athenaStatements, duckdbStatements } = await import('../server/sql.ts');
  process.stdout.write(system === 'athena' ? athenaStatements(store, since) : duckdbStatements(store));
}
