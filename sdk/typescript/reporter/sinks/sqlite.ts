/**
 * Rows of `job_status` in a SQLite file. Node's SQLite blocks the worker, so it is given little at a time, and a file
 * locked by another process is retried rather than waited for.
 */
import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { upsertParameters } from '../../../../protocol/job-status-table.ts';
import { type Refusal, type Report, type Sink, SinkError } from '../report.ts';
import { databaseFailure, rowsOf, upsertOf, writeRows } from './job-status.ts';

const ROWS_AT_ONCE = 50;
/** How long the worker may block on a busy file; at its end, longer. */
const BUSY_MS = 20;
const BUSY_AT_END_MS = 1000;
const BUSY_ATTEMPTS = 20;
const PAUSE_MS_MAX = 100;
const SQLITE_BUSY = 5;
const SQLITE_CONSTRAINT = 19;

export class SqliteSink implements Sink {
  readonly name: string;
  readonly linger_ms = 50;
  readonly #path: string;
  #database: DatabaseSync | null = null;

  constructor(path: string) {
    this.name = `sqlite:${path}`;
    this.#path = path;
  }

  async send(batch: readonly Report[]): Promise<readonly Refusal[]> {
    const { rows, refusals } = rowsOf(batch);
    try {
      for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
        if (at > 0) await new Promise((resolve) => setImmediate(resolve));
        const database = this.#open();
        const some = rows.slice(at, at + ROWS_AT_ONCE);
        refusals.push(...(await writeRows(some, (few) => whenFree(() => write(database, few)), isRefusal)));
      }
      return refusals;
    } catch (error) {
      this.#drop();
      if (error instanceof SinkError) throw error;
      const missing = /no such table/.test((error as Error).message);
      throw databaseFailure(error, { url: this.name, missing });
    }
  }

  sendNow(batch: readonly Report[]): readonly Refusal[] {
    const { rows, refusals } = rowsOf(batch);
    this.#drop();
    const database = this.#open(BUSY_AT_END_MS);
    const writeSome = (some: readonly Report[]): void => {
      try {
        write(database, some);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        if (some.length > 1) for (const row of some) writeSome([row]);
        else refusals.push({ report: some[0]!, why: (error as Error).message });
      }
    };
    if (rows.length > 0) writeSome(rows);
    this.#drop();
    return refusals;
  }

  async close(): Promise<void> {
    this.#drop();
  }

  /** A missing file is not created: it would lack the table, and could be in the wrong folder. */
  #open(timeout = BUSY_MS): DatabaseSync {
    if (this.#database !== null) return this.#database;
    if (!existsSync(this.#path)) {
      throw new SinkError(`database ${this.#path} does not exist`, { hint: `tmon db init '${this.name}'` });
    }
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
    this.#database = new DatabaseSync(this.#path, { timeout });
    return this.#database;
  }

  /** Reopens, in case the file was replaced. */
  #drop(): void {
    this.#database?.close();
    this.#database = null;
  }
}

function write(database: DatabaseSync, rows: readonly Report[]): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const row of rows) database.prepare(upsertOf('sqlite', row)).run(...upsertParameters(row.sighting));
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Other workers take milliseconds, so a busy file is not a failure. */
async function whenFree(work: () => void): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return work();
    } catch (error) {
      if (errcodeOf(error) !== SQLITE_BUSY || attempt === BUSY_ATTEMPTS) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MS_MAX));
  }
}

const errcodeOf = (error: unknown): number | undefined => (error as { errcode?: number }).errcode;

const isRefusal = (error: unknown): boolean => errcodeOf(error) === SQLITE_CONSTRAINT;
