/** `tmon sql`: a SELECT over the analytic tables, of a store (its monitor may run or not) or by a monitor. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { text } from 'node:stream/consumers';
import { Command, Option } from 'commander';
import { CommandError, EXIT } from './exit-code.ts';
import { FetchBar } from './fetch-bar.ts';
import { clientOf, wholeNumber, withConnection } from './options.ts';
import { note } from './output.ts';
import { settingsOf } from './serve.ts';
import { withExcerpt } from './sql-excerpt.ts';
import { FORMATS, type Format, type SqlResult, writeResult } from './sql-result.ts';

type SqlOptions = {
  store?: string;
  server?: string;
  apiKey?: string;
  apiKeyFile?: string;
  header?: Record<string, string>;
  format?: Format;
  output?: string;
  limit?: number;
  file?: string;
};

const TABLE_ROWS = 1_000;

const EXAMPLES = `
The tables are job_states and job_attempts: docs/analytics.md has their columns, DESCRIBE job_states shows them.

  tmon sql "SELECT state, count(*) FROM job_states GROUP BY state"
  tmon sql "SELECT * FROM job_states" --format parquet --output jobs.parquet
  tmon sql --file costs.sql --format csv > costs.csv`;

export function sqlCommand(): Command {
  return withConnection(
    new Command('sql')
      .description('Run a SELECT over the jobs of a store. Reads only, beside a running monitor or without one.')
      .argument('[query]', 'a SELECT in the dialect of DuckDB; -: read it from stdin')
      .option('--store <url>', 'dir:PATH or s3://bucket/prefix (default: TMON_STORE, or ./data)')
      .option('--server <url>', 'have this monitor run it, which needs --analytics-sql on')
      .addOption(new Option('--format <format>', 'default: what --output ends with, or table').choices(FORMATS))
      .option('--output <file>', 'write the result to a file')
      .option(
        '--limit <rows>',
        `at most this many rows; 0: all (default: ${TABLE_ROWS} in a table, else all)`,
        wholeNumber,
      )
      .option('--file <path>', 'read the query from a file')
      .addHelpText('after', EXAMPLES)
      // A query may begin with a comment.
      .allowUnknownOption()
      .action(runSql),
  );
}

async function runSql(query: string | undefined, options: SqlOptions): Promise<void> {
  const format = formatOf(options);
  refuseWhatExcludes(options, format);
  const sql = await sqlOf(query, options);
  const limit = options.limit ?? (format === 'table' ? TABLE_ROWS : 0);
  try {
    if (options.server !== undefined) await write(await askMonitor(sql, options), { ...options, format, limit });
    else await onStore(sql, { ...options, format, limit });
  } catch (error) {
    throw withExcerpt(error, sql);
  }
}

type Writing = SqlOptions & { format: Format; limit: number };

async function onStore(sql: string, options: Writing): Promise<void> {
  const { openSql } = await import('../server/sql.ts');
  const bar = new FetchBar();
  endAtSignals();
  const opened = await openSql(settingsOf({ store: options.store }), (done, of) => bar.show(done, of));
  try {
    const { format, limit, output = '' } = options;
    if (format !== 'parquet') return await write(await opened.query(sql), options);
    note(`${await opened.writeParquet(sql, { path: output, limit })} rows in ${output}`);
  } finally {
    await opened.close();
  }
}

/** At once, whatever DuckDB is doing, but not without the removal of temporary files at the end of the process. */
function endAtSignals(): void {
  process.once('SIGINT', () => process.exit(128 + 2)).once('SIGTERM', () => process.exit(128 + 15));
}

async function askMonitor(sql: string, { server = '', ...options }: SqlOptions): Promise<SqlResult> {
  const { columns, items } = await clientOf({ ...options, server }).analytics.sql(sql);
  const rows = items.map((item) => columns.map(({ name }) => item[name] ?? null));
  return { columns, rows: [rows] };
}

async function write(result: SqlResult, { format, limit, output }: Writing): Promise<void> {
  const complete = await writeResult(result, { format: format as Exclude<Format, 'parquet'>, limit, output });
  if (!complete) note(`the first ${limit} rows; --limit ${limit * 10}, or 0 for all`);
}

function formatOf({ format, output }: SqlOptions): Format {
  const ending = extname(output ?? '').slice(1);
  return format ?? FORMATS.find((known) => known === ending) ?? 'table';
}

function refuseWhatExcludes({ store, server, output }: SqlOptions, format: Format): void {
  if (store !== undefined && server !== undefined)
    throw new CommandError(EXIT.usage, '--store and --server exclude each other', 'Use one of them.');
  if (format !== 'parquet') return;
  if (server !== undefined)
    throw new CommandError(EXIT.usage, 'a monitor does not answer in Parquet', 'Use --store URL instead of --server.');
  if (output === undefined)
    throw new CommandError(EXIT.usage, '--format parquet requires --output', 'Add --output jobs.parquet.');
}

async function sqlOf(query: string | undefined, { file }: SqlOptions): Promise<string> {
  if (query !== undefined && file !== undefined)
    throw new CommandError(EXIT.usage, 'a query and --file exclude each other', 'Use one of them.');
  if (query !== undefined && /^-\S+$/.test(query))
    throw new CommandError(EXIT.usage, `unknown option ${query}`, '`tmon sql --help` lists the arguments.');
  const sql = file !== undefined ? await readFile(file, 'utf8') : query === '-' ? await text(process.stdin) : query;
  if (sql !== undefined && sql.trim() !== '') return sql;
  const hint = 'tmon sql "SELECT state, count(*) FROM job_states GROUP BY state", or - to read it from stdin.';
  throw new CommandError(EXIT.usage, 'there is no query', hint);
}
