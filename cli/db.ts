/** `tmon db init URL`: makes the table `job_status` that workers tell of their jobs in, in a database or as a DynamoDB table. */
import { Command } from 'commander';
import { readSystemUrl } from '../protocol/system-urls.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { jsonOption } from './options.ts';
import { printJson, printLine } from './output.ts';

type InitOptions = { print?: boolean; json?: boolean };

/** Of one database. */
export type TableMaker = {
  /** The URL without what is secret in it. */
  name: string;
  /** What would be done, as a statement or a command. */
  statement: string;
  /** Whether it was made; false where it was there. Throws a SourceError. */
  make(): Promise<boolean>;
};

export function dbCommand(): Command {
  const db = new Command('db').description('The table that workers tell of their jobs in.');
  db.addCommand(
    new Command('init')
      .description('Make the table job_status; where it is there already, nothing changes.')
      .argument('<url>', 'postgres://user@host/db, mysql://user@host/db, sqlite:PATH, dynamodb://table')
      .option('--print', 'print the statement instead, for whoever may make tables there')
      .addOption(jsonOption())
      .action(init),
  );
  return db;
}

async function init(url: string, { print, json }: InitOptions): Promise<void> {
  const { name, statement, make } = await makerOf(url);
  if (print) return printLine(statement);
  const made = await make();
  if (json) printJson({ url: name, made });
  else printLine(made ? `${name}: the table is there now` : `${name}: the table was there already`);
}

async function makerOf(url: string): Promise<TableMaker> {
  const place = read(url);
  switch (place.system) {
    case 'postgres':
    case 'mysql':
    case 'sqlite': {
      const { sqlTable } = await import('./db/sql-table.ts');
      return sqlTable(place);
    }
    case 'dynamodb': {
      const { dynamoTable } = await import('./db/dynamodb-table.ts');
      return dynamoTable(place.table);
    }
    default:
      throw new CommandError(EXIT.usage, `${url} is no database`, KINDS);
  }
}

const KINDS = 'It takes postgres://user@host/db, mysql://user@host/db, sqlite:PATH or dynamodb://table.';

function read(url: string) {
  try {
    return readSystemUrl(url);
  } catch (error) {
    throw new CommandError(EXIT.usage, (error as Error).message, (error as { hint?: string }).hint ?? KINDS);
  }
}
