/** PostgreSQL, read through a cursor. */
import pg from 'pg';
import type { TableShape, TimeKind } from '../protocol/job-status-rows.ts';
import type { Zone } from '../protocol/zone.ts';
import { serverZone, type TableDatabase, type TableFailure } from './status-table.ts';

const CONNECT_WITHIN_MS = 5000;
const STATEMENT_WITHIN_MS = 60_000;
const BATCH = 1000;

const FAILURES: Record<string, TableFailure> = {
  '42P01': 'no_table',
  '42703': 'no_column',
  '3D000': 'no_database',
  '28P01': 'bad_login',
  '28000': 'bad_login',
  '42501': 'denied',
};

/** An offset by itself would be read with the sign reversed, as POSIX has it. */
function zoneSql(zone: Zone): string {
  const at = serverZone(zone);
  return /^[+-]/.test(at) ? `INTERVAL '${at}' HOUR TO MINUTE` : pg.escapeLiteral(at);
}

const { DATE, TIMESTAMP, TIMESTAMPTZ, INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC } = pg.types.builtins;
const KINDS: Partial<Record<number, TimeKind>> = {};
for (const type of [DATE, TIMESTAMP, TIMESTAMPTZ]) KINDS[type] = 'time';
for (const type of [INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC]) KINDS[type] = 'number';

const kindOf = (type: number): TimeKind => KINDS[type] ?? 'text';

export function postgresTable(name: string, url: string, shape: TableShape): TableDatabase {
  return {
    name,
    dialect: 'postgres',
    shape,
    async connect() {
      const client = new pg.Client({
        connectionString: url,
        connectionTimeoutMillis: CONNECT_WITHIN_MS,
        application_name: 'transcription-monitor',
      });
      // Without a listener, a server that goes away would end the process; the waiting query rejects as well.
      client.on('error', () => {});
      await client.connect();
      return {
        async *rows(statement, parameters, signal) {
          await client.query('BEGIN READ ONLY');
          // Not settings of the connection, which a pooler such as PgBouncer refuses.
          if (shape.zone !== undefined) await client.query(`SET LOCAL TIME ZONE ${zoneSql(shape.zone)}`);
          await client.query(`SET LOCAL statement_timeout = ${STATEMENT_WITHIN_MS}`);
          await client.query(`DECLARE job_rows NO SCROLL CURSOR FOR ${statement}`, [...parameters]);
          for (;;) {
            signal.throwIfAborted();
            const { rows } = await client.query<object>(`FETCH ${BATCH} FROM job_rows`);
            if (rows.length === 0) break;
            yield rows;
          }
          await client.query('COMMIT');
        },
        async kinds(statement) {
          const { fields } = await client.query(statement);
          return Object.fromEntries(fields.map(({ name: column, dataTypeID }) => [column, kindOf(dataTypeID)]));
        },
        async close() {
          await client.end();
        },
      };
    },
    meaningOf(error) {
      const { code = '', message } = error as { code?: string; message?: string };
      if (FAILURES[code]) return FAILURES[code];
      // Errors of the driver itself: a missing password, a failed connection.
      if (/password must be a string|no password/i.test(message ?? '')) return 'bad_login';
      return /^E[A-Z]+$/.test(code) || /timeout|terminated|ended/i.test(message ?? '') ? 'no_server' : undefined;
    },
  };
}
