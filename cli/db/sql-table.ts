/** Creates `job_status` in PostgreSQL, MySQL, MariaDB or SQLite. */
import { dirname } from 'node:path';
import { PRINTED_SHAPE } from '../../protocol/job-status-rows.ts';
import { JOB_STATUS_SQL } from '../../protocol/job-status-table.ts';
import { nameOfUrl, type SystemUrl } from '../../protocol/system-urls.ts';
import { mysqlTable } from '../../sources/mysql-table.ts';
import { postgresTable } from '../../sources/postgres-table.ts';
import { SourceError } from '../../sources/source.ts';
import { sqliteTable } from '../../sources/sqlite-table.ts';
import type { TableFailure } from '../../sources/status-table.ts';
import type { TableMaker } from './table-maker.ts';

const CONNECT_WITHIN_MS = 5000;
const PROBE =
  'SELECT job_id, worker_id, status, started_at, updated_at, percentage, error_message FROM job_status WHERE 1 = 0';

type Place = Extract<SystemUrl, { system: 'postgres' | 'mysql' | 'sqlite' }>;
type Connection = { run(statement: string): Promise<unknown>; close(): Promise<void> };

export function sqlTable(place: Place): TableMaker {
  const { system } = place;
  const name = 'url' in place ? nameOfUrl(place.url) : `sqlite:${place.path}`;
  const { create } = JOB_STATUS_SQL[system];
  const meaningOf = meanings(place, name);
  return {
    name,
    statement: `${create};`,
    async make() {
      let connection: Connection | undefined;
      try {
        connection = await CONNECT[system](place);
        const there = await connection.run(PROBE).then(
          () => true,
          (error: unknown) => {
            if (meaningOf(error) !== 'no_table') throw error;
            return false;
          },
        );
        if (!there) await connection.run(create);
        return !there;
      } catch (error) {
        throw failureOf(error, meaningOf(error), place, name);
      } finally {
        await connection?.close().catch(() => {});
      }
    },
  };
}

const CONNECT: Record<Place['system'], (place: Place) => Promise<Connection>> = {
  async postgres(place) {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: urlOf(place), connectionTimeoutMillis: CONNECT_WITHIN_MS });
    client.on('error', () => {});
    await client.connect();
    return { run: (statement) => client.query(statement), close: () => client.end() };
  },
  async mysql(place) {
    const { createConnection } = await import('mysql2/promise');
    const connection = await createConnection({ uri: urlOf(place), connectTimeout: CONNECT_WITHIN_MS });
    return { run: (statement) => connection.query(statement), close: () => connection.end() };
  },
  async sqlite(place) {
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(pathOf(place), { timeout: CONNECT_WITHIN_MS });
    return { run: async (statement) => database.exec(statement), close: async () => database.close() };
  },
};

function meanings(place: Place, name: string): (error: unknown) => TableFailure | undefined {
  switch (place.system) {
    case 'postgres':
      return postgresTable(name, place.url, PRINTED_SHAPE).meaningOf;
    case 'mysql':
      return mysqlTable(name, place.url, PRINTED_SHAPE).meaningOf;
    case 'sqlite':
      return sqliteTable(name, place.path, PRINTED_SHAPE).meaningOf;
  }
}

function failureOf(error: unknown, meaning: TableFailure | undefined, place: Place, name: string): SourceError {
  const [first] = (error as { errors?: unknown[] }).errors ?? [];
  const { message, code } = (first ?? error) as NodeJS.ErrnoException;
  const words = message || code || String(error);
  const of = (kind: ConstructorParameters<typeof SourceError>[0], says: string, hint: string) =>
    new SourceError(kind, `${name}: ${says}`, { hint, cause: error });
  switch (meaning) {
    case 'no_database':
      return of('missing', `the database does not exist (${words})`, createDatabase(place));
    case 'no_column':
      return of(
        'unusable',
        `a table job_status exists, but with other columns (${words})`,
        `tmon db init '${name}' --print shows the columns: add them, or rename the existing table`,
      );
    case 'bad_login':
      return of('denied', `login failed (${words})`, 'check user and password in the URL');
    case 'denied':
      if (place.system === 'sqlite')
        return of('denied', words, `mkdir -p '${dirname(place.path)}', and check its permissions`);
      return of('denied', words, `tmon db init '${name}' --print, for someone who may create tables`);
    case 'no_server':
      return of('unreachable', `no response (${words})`, 'check that the database is running and reachable');
    default:
      return of('unusable', words, `tmon db init '${name}' --print shows the statement`);
  }
}

/** The command that creates the missing database. */
function createDatabase(place: Place): string {
  const { hostname, port, username, pathname } = new URL(urlOf(place));
  const user = decodeURIComponent(username);
  const database = decodeURIComponent(pathname.slice(1)) || user;
  if (place.system === 'postgres') {
    return `createdb -h ${hostname}${port && ` -p ${port}`}${user && ` -U ${user}`} ${database}`;
  }
  return `mysql -h ${hostname}${port && ` -P ${port}`}${user && ` -u ${user}`} -p -e 'CREATE DATABASE ${database}'`;
}

const urlOf = (place: Place): string => ('url' in place ? place.url : '');
const pathOf = (place: Place): string => ('path' in place ? place.path : '');
