/** A caller's SELECT without a limit: its rows as a stream, or written to a Parquet file. Errors are those of runQuery. */
import type { DuckDBConnection, DuckDBResult, Json } from '@duckdb/node-api';
import { MonitorError } from '../../protocol/errors.ts';
import { literal } from './database.ts';
import { assertSelect, convertedRows, type Table } from './query.ts';
import { sqlError } from './sql-errors.ts';

export type Streamed = Pick<Table, 'columns'> & {
  /** Some thousand at a time. To be read once, before the connection is closed. */
  rows: AsyncIterable<Json[][]>;
};

/** Throws MonitorError; so do its rows. */
export async function streamQuery(connection: DuckDBConnection, sql: string): Promise<Streamed> {
  const result = await explained(sql, async () => {
    await assertSelect(connection, sql);
    await connection.run('BEGIN TRANSACTION READ ONLY');
    return connection.stream(sql);
  });
  const types = result.columnTypes();
  // Two columns of one name would be one in an object.
  const columns = result.deduplicatedColumnNames().map((name, at) => ({ name, type: String(types[at]) }));
  return { columns, rows: rowsOf(result, sql) };
}

async function* rowsOf(result: DuckDBResult, sql: string): AsyncGenerator<Json[][], void, void> {
  const types = result.columnTypes();
  const chunks = result.yieldRowsJson();
  for (;;) {
    const { done, value } = await explained(sql, () => chunks.next());
    if (done) return;
    yield convertedRows(value, types);
  }
}

/** `path`: in a folder that DuckDB may write to. `limit`: 0 for all rows. Returns the number of rows. */
export async function writeParquet(
  connection: DuckDBConnection,
  sql: string,
  to: { path: string; limit: number },
): Promise<number> {
  await explained(sql, () => assertSelect(connection, sql));
  try {
    return await copy(connection, sql, to);
  } catch (error) {
    // A semicolon that ends a statement can't end a part of one.
    const part = sql.replace(/;(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*$/, '');
    if (part === sql || !/^Parser Error/.test((error as Error).message)) throw withoutPlace(error as Error, sql);
    return await copy(connection, part, to).catch((again: Error) => {
      throw withoutPlace(again, sql);
    });
  }
}

async function copy(connection: DuckDBConnection, sql: string, to: { path: string; limit: number }): Promise<number> {
  const rows = to.limit > 0 ? `SELECT * FROM (\n${sql}\n) LIMIT ${to.limit}` : `\n${sql}\n`;
  const reader = await connection.runAndReadAll(
    `COPY (${rows}) TO ${literal(to.path)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  return Number(reader.getRows()[0]?.[0]);
}

/** A place in the statement around it would be none in the caller's SQL. */
const withoutPlace = (error: Error, sql: string): MonitorError =>
  sqlError(Object.assign(error, { message: error.message.replace(/\n\s*LINE \d+:[\s\S]*$/, '') }), sql);

async function explained<T>(sql: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof MonitorError ? error : sqlError(error as Error, sql);
  }
}
