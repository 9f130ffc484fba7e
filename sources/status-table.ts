/** `postgres://`, `mysql://`, `sqlite:PATH`: the rows of the table `job_status`, on top of each database's driver. */
import {
  anyRow,
  type Dialect,
  rowsSince,
  type TableShape,
  type TimeKind,
  type TimeKinds,
  timeColumns,
} from '../protocol/job-status-rows.ts';
import { isUniqueSql, type SumSql, sumSql } from '../protocol/job-status-sums.ts';
import { formatZone, type Zone } from '../protocol/zone.ts';
import { type Reading, type ReadOptions, type Source, SourceError } from './source.ts';
import { readRows, readSums, sinceInText, sinceOf, TablePosition } from './table-rows.ts';

/** One connection. Its errors are the driver's own. */
export interface TableConnection {
  /** In batches, so that a table of any length is read in the memory of one. */
  rows(statement: string, parameters: readonly number[], signal: AbortSignal): AsyncIterable<object[]>;
  /** What the columns of a statement are. Missing for a database whose columns take values of any type. */
  kinds?(statement: string): Promise<Record<string, TimeKind>>;
  close(): Promise<void>;
}

export type TableDatabase = {
  name: string;
  dialect: Dialect;
  shape: TableShape;
  connect(signal: AbortSignal): Promise<TableConnection>;
  /** Classifies a driver's error; undefined if it is not from the database. */
  meaningOf(error: unknown): TableFailure | undefined;
};

export type TableFailure = 'no_table' | 'no_column' | 'no_database' | 'bad_login' | 'denied' | 'no_server';

/** A new connection for every read, because reads are a minute apart. */
export class StatusTable implements Source {
  readonly #database: TableDatabase;

  constructor(database: TableDatabase) {
    this.#database = database;
  }

  get name(): string {
    return this.#database.name;
  }

  async *read(options: ReadOptions): AsyncIterable<Reading> {
    const { dialect, shape, connect } = this.#database;
    const position = new TablePosition(options.from);
    let connection: TableConnection | undefined;
    try {
      connection = await connect(options.signal);
      const columns = timeColumns(dialect, shape);
      const kinds: TimeKinds = columns === null ? {} : ((await connection.kinds?.(columns)) ?? {});
      const summed = await this.#summed(connection, kinds, options);
      const statement = rowsSince(dialect, shape, { kinds, except: summed?.condition });
      let looked_at = 0;
      if (summed !== null) {
        const sums: object[] = [];
        for await (const rows of connection.rows(summed.sums, [], options.signal)) sums.push(...rows);
        const { jobs, heard_ms } = readSums(sums, shape);
        looked_at += jobs;
        yield { ...readRows([], position, shape, kinds), summed: { jobs, heard_ms }, looked_at: jobs, found: jobs };
      }
      // A server compares times in the zone of the session.
      const since_ms = dialect === 'sqlite' ? sinceInText(options, shape) : sinceOf(options);
      for await (const rows of connection.rows(statement, [since_ms], options.signal)) {
        looked_at += rows.length;
        yield readRows(rows, position, shape, kinds);
      }
      if (looked_at > 0) return;
      let found = 0;
      for await (const rows of connection.rows(anyRow(dialect, shape), [], options.signal)) found += rows.length;
      yield { ...readRows([], position, shape), found };
    } catch (error) {
      throw this.#error(error, options.signal);
    } finally {
      await connection?.close().catch(() => {});
    }
  }

  async close(): Promise<void> {}

  /** Null if every row has to be read. */
  async #summed(
    connection: TableConnection,
    { updated_at: kind = 'time' }: TimeKinds,
    { since_ms, sums_until_ms, signal }: ReadOptions,
  ): Promise<SumSql | null> {
    const { dialect, shape } = this.#database;
    if (sums_until_ms === undefined || kind !== 'time') return null;
    const sql = sumSql(dialect, shape, { from_ms: since_ms + SECOND_MS, to_ms: sums_until_ms });
    if (sql === null) return null;
    let indexes = 0;
    for await (const rows of connection.rows(isUniqueSql(dialect, shape), [], signal)) indexes += rows.length;
    return indexes > 0 ? sql : null;
  }

  #error(error: unknown, signal: AbortSignal): unknown {
    if (error instanceof SourceError || signal.aborted) return error;
    const { name, shape, meaningOf } = this.#database;
    const failure = meaningOf(error);
    const words = errorMessage(error);
    if (failure === undefined) return new SourceError('unusable', `${name}: ${words}`, { cause: error });
    const { kind, says, hint } = FAILURES[failure];
    const detail = failure === 'no_table' ? '' : ` (${words})`;
    return new SourceError(kind, `${name}: ${says(shape.table)}${detail}`, {
      hint: hint(name, shape.table),
      cause: error,
    });
  }
}

/** Databases round. */
const SECOND_MS = 1000;
const BATCH = 1000;

/** For drivers that return one row at a time. */
export async function* batchesOf(
  rows: AsyncIterable<object> | Iterable<object>,
  signal: AbortSignal,
): AsyncIterable<object[]> {
  let batch: object[] = [];
  for await (const row of rows) {
    batch.push(row);
    if (batch.length < BATCH) continue;
    signal.throwIfAborted();
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** `+05:30` or a name. */
export function serverZone(zone: Zone): string {
  if (zone === 'local') return Intl.DateTimeFormat().resolvedOptions().timeZone;
  return zone === 0 ? '+00:00' : formatZone(zone);
}

const FAILURES = {
  no_table: {
    kind: 'missing',
    says: (table: string) => `table ${table} does not exist`,
    hint: (name: string) =>
      `tmon db init ${name.replace(/[?&]table=[^&]*/, '')}, or ?table=NAME on the URL if yours has another name`,
  },
  no_column: {
    kind: 'unusable',
    says: (table: string) => `its table ${table} has other columns`,
    hint: () => '?columns=job_id:id,status:state,worker_id: on the URL names them (one without a name is not there)',
  },
  no_database: {
    kind: 'missing',
    says: () => 'the database does not exist',
    hint: () => 'CREATE DATABASE creates it, then run tmon db init',
  },
  bad_login: { kind: 'denied', says: () => 'login failed', hint: () => 'check user and password in the URL' },
  denied: {
    kind: 'denied',
    says: (table: string) => `no permission to read ${table}`,
    hint: (_name: string, table: string) => `GRANT SELECT ON ${table} TO this user`,
  },
  no_server: {
    kind: 'unreachable',
    says: () => 'no response',
    hint: () => 'check that the database is running and reachable',
  },
} as const;

function errorMessage(error: unknown): string {
  // A name with several addresses fails with one error for each, and has no message of its own.
  const [first] = (error as { errors?: unknown[] }).errors ?? [];
  const { message, code } = (first ?? error) as NodeJS.ErrnoException;
  return (message || code || String(error)).replace(/\s+/g, ' ');
}
