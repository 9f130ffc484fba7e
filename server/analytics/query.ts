/**
 * Runs one query on the analytic tables: within a time, up to a number of rows, in a transaction that only reads. A caller's
 * own SQL has to be one SELECT, as DuckDB parses it.
 */
import {
  type DuckDBConnection,
  type DuckDBResultReader,
  type DuckDBType,
  DuckDBTypeId,
  type Json,
  StatementType,
} from '@duckdb/node-api';
import { MonitorError } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import { bindings } from './filter/bindings.ts';
import type { SqlParameter } from './filter/compile.ts';
import { sqlError } from './sql-errors.ts';

export type Query = {
  sql: string;
  /**
   * Further columns for the same rows in the same order, computed after the others, which need less memory so: the statements have
   * the same parameters and see the same tables.
   */
  more_columns?: readonly string[];
  /** The values of $1, $2, …, each of which the SQL casts to its type wherever it is used. */
  parameters: readonly SqlParameter[];
  rows_max: number;
  timeout_ms: number;
  /** The SQL is a caller's. */
  foreign: boolean;
};

export type Table = {
  columns: { name: string; type: string }[];
  /** Times are RFC 3339; whole numbers beyond 2^53 are strings. */
  rows: Json[][];
};

/** Throws MonitorError: invalid (with line and column) or too_large (rows or time). Closes the connection. */
export async function runQuery(connection: DuckDBConnection, query: Query, clock: Clock): Promise<Table> {
  let late = false;
  const cancel = clock.after(query.timeout_ms, () => {
    late = true;
    connection.interrupt();
  });
  try {
    if (query.foreign) await assertSelect(connection, query.sql);
    await connection.run('BEGIN TRANSACTION READ ONLY');
    const { values, types } = bindings(query.parameters);
    const tables: Table[] = [];
    for (const sql of [query.sql, ...(query.more_columns ?? [])]) {
      const reader = await connection.streamAndReadUntil(sql, query.rows_max + 1, values, types);
      if (reader.currentRowCount > query.rows_max) throw tooManyRows(query.rows_max);
      tables.push(tableOf(reader));
    }
    return sideBySide(tables);
  } catch (error) {
    if (late) throw tooLong(query.timeout_ms);
    throw error instanceof MonitorError ? error : sqlError(error as Error, query.sql);
  } finally {
    cancel();
    connection.closeSync();
  }
}

/** Throws MonitorError unless DuckDB parses the SQL as one SELECT, of tables and columns that exist. */
export async function assertSelect(connection: DuckDBConnection, sql: string): Promise<void> {
  const statements = await connection.extractStatements(sql);
  if (statements.count !== 1) {
    throw new MonitorError('invalid', 'not_one_statement', `these are ${statements.count} statements`, {
      hint: 'Send one SELECT at a time.',
    });
  }
  const statement = await statements.prepare(0);
  const { statementType } = statement;
  statement.destroySync();
  if (statementType === StatementType.SELECT) return;
  throw new MonitorError(
    'invalid',
    'not_a_select',
    `${StatementType[statementType] ?? 'this statement'} is not allowed`,
    {
      hint: 'Only SELECT is: nothing can be changed here.',
    },
  );
}

function tableOf(reader: DuckDBResultReader): Table {
  const types = reader.columnTypes();
  const names = reader.columnNames();
  return {
    columns: names.map((name, at) => ({ name, type: String(types[at]) })),
    rows: convertedRows(reader.getRowsJson(), types),
  };
}

function sideBySide([first, ...others]: Table[]): Table {
  return {
    columns: [first!, ...others].flatMap(({ columns }) => columns),
    rows: first!.rows.map((row, at) => [...row, ...others.flatMap(({ rows }) => rows[at]!)]),
  };
}

/** Values as `Table` has them. */
export function convertedRows(rows: readonly Json[][], types: readonly DuckDBType[]): Json[][] {
  const convert = types.map(({ typeId }) => CONVERSIONS[typeId] ?? ((value: Json) => value));
  return rows.map((row) => row.map((value, at) => (value === null ? null : convert[at]!(value))));
}

const wholeNumber = (value: Json): Json => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
/** `2025-07-07 19:30:00.25` → `2025-07-07T19:30:00.25Z`. */
const rfc3339 = (value: Json): Json => `${String(value).replace(' ', 'T')}Z`;

const CONVERSIONS: Partial<Record<DuckDBTypeId, (value: Json) => Json>> = {
  [DuckDBTypeId.BIGINT]: wholeNumber,
  [DuckDBTypeId.UBIGINT]: wholeNumber,
  [DuckDBTypeId.HUGEINT]: wholeNumber,
  [DuckDBTypeId.DECIMAL]: Number,
  [DuckDBTypeId.TIMESTAMP]: rfc3339,
  [DuckDBTypeId.TIMESTAMP_S]: rfc3339,
  [DuckDBTypeId.TIMESTAMP_MS]: rfc3339,
  [DuckDBTypeId.TIMESTAMP_NS]: rfc3339,
};

const tooManyRows = (rows_max: number): MonitorError =>
  new MonitorError('too_large', 'too_many_rows', `the result has more than ${rows_max} rows`, {
    hint: 'Aggregate, filter by time, or add a LIMIT.',
  });

const tooLong = (timeout_ms: number): MonitorError =>
  new MonitorError('too_large', 'query_too_long', `the query took longer than ${timeout_ms / 1000} s`, {
    hint: 'Narrow the range of time, or use fewer columns.',
  });
