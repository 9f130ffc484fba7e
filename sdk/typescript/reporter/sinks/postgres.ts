/** Rows of `job_status` in PostgreSQL; a batch is one transaction. */
import type { Pool } from 'pg';
import { upsertParameters } from '../../../../protocol/job-status-table.ts';
import { nameOfUrl } from '../../../../protocol/system-urls.ts';
import type { Refusal, Report, Sink } from '../report.ts';
import { databaseFailure, rowsOf, upsertOf, writeRows } from './job-status.ts';

const TIMEOUT_MS = 15_000;
const UNDEFINED_TABLE = '42P01';

export class PostgresSink implements Sink {
  readonly name: string;
  readonly linger_ms = 50;
  readonly #url: string;
  #pool: Pool | null = null;

  constructor(url: string) {
    this.name = nameOfUrl(url);
    this.#url = url;
  }

  async send(batch: readonly Report[]): Promise<readonly Refusal[]> {
    const { rows, refusals } = rowsOf(batch);
    if (rows.length === 0) return refusals;
    try {
      const pool = await this.#open();
      return [...refusals, ...(await writeRows(rows, (some) => write(pool, some), isRefusal))];
    } catch (error) {
      throw databaseFailure(error, { url: this.#url, missing: codeOf(error) === UNDEFINED_TABLE });
    }
  }

  async close(): Promise<void> {
    await this.#pool?.end();
  }

  async #open(): Promise<Pool> {
    const { default: pg } = await import('pg');
    this.#pool ??= new pg.Pool({
      connectionString: this.#url,
      max: 1,
      connectionTimeoutMillis: 5000,
      query_timeout: TIMEOUT_MS,
      application_name: 'transcription-monitor reporter',
      keepAlive: true,
      allowExitOnIdle: true,
    }).on('error', () => {}); // For a connection that breaks while idle: the next report opens another.
    return this.#pool;
  }
}

async function write(pool: Pool, rows: readonly Report[]): Promise<void> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    // Not when connecting: poolers such as PgBouncer refuse it there.
    await client.query(`BEGIN; SET LOCAL statement_timeout = ${TIMEOUT_MS}`);
    for (const row of rows) await client.query(upsertOf('postgres', row), upsertParameters(row.sighting));
    await client.query('COMMIT');
  } catch (error) {
    // Unless the error came from the server, the state of the connection is unknown.
    if (codeOf(error) === undefined) broken = error as Error;
    else await client.query('ROLLBACK').catch((failed: Error) => (broken = failed));
    throw error;
  } finally {
    client.release(broken);
  }
}

const codeOf = (error: unknown): string | undefined => (error as { code?: string }).code;

/** Data exception or integrity constraint violation: a retry can't succeed. */
const isRefusal = (error: unknown): boolean => /^2[23]...$/.test(codeOf(error) ?? '');
