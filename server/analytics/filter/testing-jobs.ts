/** A DuckDB table `jobs` with the columns of JOB_COLUMNS, for tests of filters. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { DUCKDB_TYPES, JOB_COLUMNS } from '../tables.ts';
import { bindings } from './bindings.ts';
import { type CompiledFilter, compileFilter, parseFilter } from './filter.ts';

/** By column; a column that is missing is null. Times are in microseconds since 1970. */
export type JobRow = { job_id: string } & Record<string, string | number | string[] | null>;

export const NOW_MS = Date.UTC(2026, 0, 31, 12);

export class TestJobs {
  readonly connection: DuckDBConnection;
  readonly #instance: DuckDBInstance;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.connection = connection;
  }

  static async create(rows: readonly JobRow[]): Promise<TestJobs> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const jobs = new TestJobs(instance, await instance.connect());
    await jobs.connection.run(`CREATE TABLE jobs (${columnsSql((type) => DUCKDB_TYPES[type])})`);
    await jobs.insert(rows);
    return jobs;
  }

  async replace(rows: readonly JobRow[]): Promise<void> {
    await this.connection.run('DELETE FROM jobs');
    await this.insert(rows);
  }

  /** Ids of the jobs that match the filter, in the order of their insertion. */
  async matching(text: string): Promise<string[]> {
    return this.ids(compileFilter(parseFilter(text), { base: 'jobs', now_ms: NOW_MS }));
  }

  async ids(compiled: CompiledFilter): Promise<string[]> {
    const { values, types } = bindings(compiled.parameters);
    const reader = await this.connection.runAndReadAll(statementOf(compiled), values, types);
    return reader.getRows().map(([id]) => id as string);
  }

  close(): void {
    this.connection.closeSync();
    this.#instance.closeSync();
  }

  private async insert(rows: readonly JobRow[]): Promise<void> {
    const structure = JSON.stringify([
      Object.fromEntries(JOB_COLUMNS.map(({ name, type }) => [name, JSON_TYPES[type]])),
    ]);
    const columns = JOB_COLUMNS.map(({ name, type }) => (type === 'time' ? `make_timestamp(${name})` : name));
    await this.connection.run(
      `INSERT INTO jobs SELECT ${columns.join(', ')} FROM (SELECT unnest(from_json($1, '${structure}'), max_depth := 2))`,
      [JSON.stringify(rows)],
    );
  }
}

export function statementOf({ with: aggregates, where }: CompiledFilter): string {
  const tables = aggregates.length > 0 ? `WITH ${aggregates.join(', ')} ` : '';
  return `${tables}SELECT job_id FROM jobs WHERE ${where} ORDER BY rowid`;
}

const JSON_TYPES = {
  text: 'VARCHAR',
  texts: ['VARCHAR'],
  integer: 'BIGINT',
  number: 'DOUBLE',
  time: 'BIGINT',
} as const;

const columnsSql = (typeOf: (type: keyof typeof DUCKDB_TYPES) => string): string =>
  JOB_COLUMNS.map(({ name, type }) => `"${name}" ${typeOf(type)}`).join(', ');
