/** Rows of `job_status` in MySQL or MariaDB; a batch is one transaction. */
import type { Socket } from 'node:net';
import type { Connection } from 'mysql2/promise';
import { upsertParameters } from '../../../../protocol/job-status-table.ts';
import { nameOfUrl } from '../../../../protocol/system-urls.ts';
import type { Refusal, Report, Sink } from '../report.ts';
import { databaseFailure, rowsOf, upsertOf, writeRows } from './job-status.ts';

const TIMEOUT_MS = 15_000;

export class MysqlSink implements Sink {
  readonly name: string;
  readonly linger_ms = 50;
  readonly #url: string;
  #connection: Promise<Connection> | null = null;

  constructor(url: string) {
    this.name = nameOfUrl(url);
    this.#url = url;
  }

  async send(batch: readonly Report[]): Promise<readonly Refusal[]> {
    const { rows, refusals } = rowsOf(batch);
    if (rows.length === 0) return refusals;
    try {
      return [...refusals, ...(await within(TIMEOUT_MS, this.#write(rows)))];
    } catch (error) {
      this.#drop();
      throw databaseFailure(error, { url: this.#url, missing: codeOf(error) === 'ER_NO_SUCH_TABLE' });
    }
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => null);
    this.#connection = null;
    await connection?.end();
  }

  async #write(rows: readonly Report[]): Promise<Refusal[]> {
    const connection = await this.#open();
    return writeRows(rows, (some) => write(connection, some), isRefusal);
  }

  #open(): Promise<Connection> {
    this.#connection ??= this.#connect();
    return this.#connection;
  }

  async #connect(): Promise<Connection> {
    const { createConnection } = await import('mysql2/promise');
    const connection = await createConnection({ uri: this.#url, connectTimeout: 5000, enableKeepAlive: true });
    // The connection must not keep a finished worker running.
    (connection as unknown as { connection: { stream: Socket } }).connection.stream.unref?.();
    // For a connection that breaks while idle: the next report opens another.
    connection.on('error', () => this.#drop());
    return connection;
  }

  /** After an error the state of the connection is unknown. */
  #drop(): void {
    const connection = this.#connection;
    this.#connection = null;
    connection?.then(
      (open) => open.destroy(),
      () => {},
    );
  }
}

async function write(connection: Connection, rows: readonly Report[]): Promise<void> {
  await connection.beginTransaction();
  try {
    for (const row of rows) await writeRow(connection, row);
    await connection.commit();
  } catch (error) {
    if (isRefusal(error)) await connection.rollback();
    throw error;
  }
}

/** The charset of a table created by hand may lack characters: store a lossy text rather than none. */
async function writeRow(connection: Connection, row: Report): Promise<void> {
  const upsert = upsertOf('mysql', row);
  const values = upsertParameters(row.sighting);
  try {
    await connection.query(upsert, values);
  } catch (error) {
    if (codeOf(error) !== 'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD') throw error;
    const plain = values.map((value) => (typeof value === 'string' ? value.replace(/[^ -~]/gu, '?') : value));
    await connection.query(upsert, plain);
  }
}

/** For a server that stops responding: the driver has no timeout for a whole transaction. */
async function within<T>(time_ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no response within ${time_ms} ms`)), time_ms);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const codeOf = (error: unknown): string | undefined => (error as { code?: string }).code;

/** SQLSTATE classes 22 and 23, as in every database: a retry can't succeed. */
const isRefusal = (error: unknown): boolean => /^2[23]/.test((error as { sqlState?: string }).sqlState ?? '');
