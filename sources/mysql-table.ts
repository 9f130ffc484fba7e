/** MySQL and MariaDB, read as a stream. */
import mysql, { type Connection, type FieldPacket } from 'mysql2';
import type { TableShape, TimeKind } from '../protocol/job-status-rows.ts';
import { offsetInZone, type Zone } from '../protocol/zone.ts';
import { batchesOf, serverZone, type TableDatabase, type TableFailure } from './status-table.ts';

const CONNECT_WITHIN_MS = 5000;
const STATEMENT_WITHIN_MS = 60_000;

const FAILURES: Record<string, TableFailure> = {
  ER_NO_SUCH_TABLE: 'no_table',
  ER_BAD_FIELD_ERROR: 'no_column',
  ER_BAD_DB_ERROR: 'no_database',
  ER_NO_DB_ERROR: 'no_database',
  ER_ACCESS_DENIED_ERROR: 'bad_login',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'bad_login',
  ER_DBACCESS_DENIED_ERROR: 'denied',
  ER_TABLEACCESS_DENIED_ERROR: 'denied',
  ER_COLUMNACCESS_DENIED_ERROR: 'denied',
};

const { Types } = mysql;
const KINDS: Partial<Record<number, TimeKind>> = {};
for (const type of [Types.TIMESTAMP, Types.DATE, Types.DATETIME, Types.NEWDATE]) KINDS[type] = 'time';
for (const type of [
  Types.DECIMAL,
  Types.TINY,
  Types.SHORT,
  Types.LONG,
  Types.FLOAT,
  Types.DOUBLE,
  Types.LONGLONG,
  Types.INT24,
  Types.NEWDECIMAL,
])
  KINDS[type] = 'number';

const kindOf = (type: number | undefined): TimeKind => KINDS[type ?? -1] ?? 'text';

/** Servers know names of zones only if their tables of zones were loaded. */
async function setZone(connection: Connection, zone: Zone): Promise<void> {
  const set = (name: string) =>
    new Promise<void>((resolve, reject) => {
      connection.query('SET time_zone = ?', [name], (error) => (error ? reject(error) : resolve()));
    });
  await set(serverZone(zone)).catch(async (error) => {
    if (error.code !== 'ER_UNKNOWN_TIME_ZONE') throw error;
    await set(serverZone(offsetInZone(Date.now(), zone)));
  });
}

export function mysqlTable(name: string, url: string, shape: TableShape): TableDatabase {
  return {
    name,
    dialect: 'mysql',
    shape,
    async connect() {
      const connection = mysql.createConnection({ uri: url, connectTimeout: CONNECT_WITHIN_MS });
      // Without a listener, a server that goes away would end the process; the waiting query rejects as well.
      connection.on('error', () => {});
      await new Promise<void>((resolve, reject) => {
        connection.connect((error) => (error ? reject(error) : resolve()));
      });
      if (shape.zone !== undefined) await setZone(connection, shape.zone);
      return {
        async *rows(statement, parameters, signal) {
          yield* batchesOf(
            connection
              .query({ sql: statement, timeout: STATEMENT_WITHIN_MS }, [...parameters])
              .stream() as AsyncIterable<object>,
            signal,
          );
        },
        async kinds(statement) {
          const fields = await new Promise<FieldPacket[]>((resolve, reject) => {
            connection.query({ sql: statement, timeout: STATEMENT_WITHIN_MS }, (error, _rows, described) =>
              error ? reject(error) : resolve(described),
            );
          });
          return Object.fromEntries(fields.map(({ name: column, columnType }) => [column, kindOf(columnType)]));
        },
        async close() {
          // Not `end`, which would first read an abandoned result to its end.
          connection.destroy();
        },
      };
    },
    meaningOf(error) {
      const { code = '' } = error as { code?: string };
      return FAILURES[code] ?? (/^(E[A-Z]+|PROTOCOL_.*)$/.test(code) ? 'no_server' : undefined);
    },
  };
}
