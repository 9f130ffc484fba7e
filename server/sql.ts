/**
 * For the command line: SQL on the analytic tables of a store, beside its monitor or without one, in this process. Nothing in
 * the store is created, changed or locked. DuckDB is loaded when a store is opened.
 */
import { copyFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Streamed } from './analytics/streaming.ts';
import { systemClock } from './clock.ts';
import { type Settings, s3Headers } from './config.ts';
import { openStore } from './objects/open-store.ts';

export { csvLine } from './analytics/reports/csv.ts';
export { athenaStatements, duckdbStatements } from './analytics/statements.ts';
export type { Streamed } from './analytics/streaming.ts';

export type StoreSql = {
  /** The tables show the journal up to this segment. */
  as_of_seq: number;
  /** Runs one SELECT. Its rows can be read once. Throws MonitorError. */
  query(sql: string): Promise<Streamed>;
  /** Writes the rows of one SELECT, at most `limit` unless that is 0. Returns their number. Throws MonitorError. */
  writeParquet(sql: string, to: { path: string; limit: number }): Promise<number>;
  close(): Promise<void>;
};

/** Throws MonitorError, StoreError, JournalError. `onFetch`: how many of how many column files are here. */
export async function openSql(
  settings: Settings,
  onFetch: (done: number, of: number) => void = () => {},
): Promise<StoreSql> {
  const { AnalyticsReader } = await import('./analytics/reader.ts');
  const { optionsOf, threadsBeside } = await import('./analytics/open-analytics.ts');
  const { streamQuery, writeParquet } = await import('./analytics/streaming.ts');
  const s3 = s3Headers(settings);
  const store = await openStore(settings.store, { clock: systemClock, lock: false, create: false, s3 });
  const parts = { store, clock: systemClock, random: { float: Math.random }, warn: () => undefined, onFetch };
  // Somebody waits for this, and for nothing else.
  const reader = await AnalyticsReader.open({ ...optionsOf(settings), ...parts, threads: threadsBeside(0) });
  // For a process that ends before it closes this.
  const discard = () => reader.discard();
  process.on('exit', discard);
  await reader.refresh().catch(async (error: unknown) => {
    await reader.close();
    throw error;
  });
  const connected = <T>(run: (connection: DuckDBConnection) => Promise<T>) => reader.database.connect().then(run);
  return {
    as_of_seq: reader.state.seq,
    query: (sql) => connected((connection) => streamQuery(connection, sql)),
    async writeParquet(sql, { path, limit }) {
      const made = join(reader.folder, 'result.parquet');
      const rows = await connected((connection) => writeParquet(connection, sql, { path: made, limit }));
      await move(made, path);
      return rows;
    },
    async close() {
      process.off('exit', discard);
      await reader.close();
      await store.close();
    },
  };
}

/** Also to another file system. */
async function move(from: string, to: string): Promise<void> {
  await rename(from, to).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EXDEV') throw error;
    await copyFile(from, to);
    await rm(from);
  });
}
