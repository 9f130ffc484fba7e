/** `tmon db init URL`: creates the table `job_status`, in a database or as a DynamoDB table. */
import { Command } from 'commander';
import { readSystemUrl } from '../protocol/system-urls.ts';
import type { TableMaker } from './db/table-maker.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { jsonOption } from './options.ts';
import { printJson, printLine } from './output.ts';

type InitOptions = { print?: boolean; json?: boolean };

export function dbCommand(): Command {
  const db = new Command('db').description('The table in which workers report their jobs.');
  db.addCommand(
    new Command('init')
      .description('Create the table job_status if it does not exist.')
      .argument('<url>', 'postgres://user@host/db, mysql://user@host/db, sqlite:PATH, dynamodb://table')
      .option('--print', 'print the statement instead, for someone with the rights')
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
  else printLine(made ? `${name}: table created` : `${name}: the table already exists`);
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
      throw new CommandError(EXIT.usage, `${url} is not a supported database`, KINDS);
  }
}

const KINDS = 'Supported: postgres://user@host/db, mysql://user@host/db, sqlite:PATH or dynamodb://table.';

function read(url: string) {
  try {
    return readSystemUrl(url);
  } catch (error) {
    throw new CommandError(EXIT.usage, (error as Error).message, (error as { hint?: string }).hint ?? KINDS);
  }
}
