/** SQLite, with Node's own module, read-only. */
import { stat } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import type { TableShape } from '../protocol/job-status-rows.ts';
import { type NotRegularError, requireRegular } from './regular-file.ts';
import { SourceError } from './source.ts';
import { batchesOf, type TableDatabase } from './status-table.ts';

/** A worker may be writing. */
const BUSY_WITHIN_MS = 5000;

export function sqliteTable(name: string, path: string, shape: TableShape): TableDatabase {
  return {
    name,
    dialect: 'sqlite',
    shape,
    async connect() {
      const found = await stat(path).catch(() => {
        throw new SourceError('missing', `${name}: the file does not exist`, { hint: `tmon db init ${name}` });
      });
      await requireRegular(path, found).catch((error: NotRegularError) => {
        throw new SourceError('unusable', `${name}: it is ${error.what}`, { hint: 'name the file of a database' });
      });
      const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_WITHIN_MS });
      return {
        async *rows(statement, parameters, signal) {
          yield* batchesOf(database.prepare(statement).iterate(...parameters), signal);
        },
        async close() {
          database.close();
        },
      };
    },
    meaningOf(error) {
      const { message } = error as Error;
      if (/no such table/.test(message)) return 'no_table';
      if (/no such column/.test(message)) return 'no_column';
      return /unable to open|not authorized|readonly/.test(message) ? 'denied' : undefined;
    },
  };
}
