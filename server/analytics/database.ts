/**
 * The analytic tables in DuckDB, in memory, over files of two folders:
 *
 *     job_states = rows of the column files, without the strays  +  fresh_jobs: archived jobs without a row yet, and memory's
 *
 * and job_attempts likewise. DuckDB reads and writes files below those folders and nothing else, loads no extension, and its
 * configuration is locked.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, LIST, listValue, VARCHAR } from '@duckdb/node-api';
import { type Column, DUCKDB_TYPES, TABLES, type TableName } from './tables.ts';

export type DatabaseOptions = {
  /** Exists, and belongs to this process alone as long as it runs. */
  folder: string;
  /** Where column files are. */
  cache: string;
  threads: number;
  memory_mb: number;
};

/** Where fresh rows come from: memory, or the key of a pack. */
export type Origin = string;

const NAMES = Object.keys(TABLES) as TableName[];
const FRESH = { job_states: 'fresh_jobs', job_attempts: 'fresh_attempts' } as const;

export type Row = Readonly<Record<string, unknown>>;
export type Rows = Readonly<Record<TableName, readonly Row[]>>;

export class Database {
  readonly #folder: string;
  readonly #instance: DuckDBInstance;
  readonly #own: DuckDBConnection;
  #staged = 0;

  static async open({ folder, cache, threads, memory_mb }: DatabaseOptions): Promise<Database> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(threads),
      memory_limit: `${memory_mb}MB`,
      temp_directory: join(folder, 'spill'),
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      // The system's own cache has the files already, outside of this process's memory.
      enable_external_file_cache: 'false',
      // Rows that are looked up by their time come from the few files that have such a time.
      dynamic_or_filter_threshold: '2000',
    });
    const own = await instance.connect();
    await own.run(`SET allowed_directories = [${literal(folder)}, ${literal(cache)}]`);
    await own.run('SET enable_external_access = false');
    await own.run('SET lock_configuration = true');
    const database = new Database(folder, instance, own);
    for (const name of NAMES) {
      await own.run(`CREATE TABLE ${FRESH[name]} (origin VARCHAR, ${definitions(TABLES[name])})`);
    }
    await own.run('CREATE TABLE strays (job_id VARCHAR)');
    await database.show({ job_states: [], job_attempts: [] }, []);
    return database;
  }

  private constructor(folder: string, instance: DuckDBInstance, own: DuckDBConnection) {
    this.#folder = folder;
    this.#instance = instance;
    this.#own = own;
  }

  /** A connection of its own, which sees the tables as they are. The caller closes it. */
  connect(): Promise<DuckDBConnection> {
    return this.#instance.connect();
  }

  close(): void {
    this.#own.closeSync();
    this.#instance.closeSync();
  }

  /** Makes the tables of these column files, except for the rows of the strays, and of the fresh rows. */
  async show(files: Readonly<Record<TableName, readonly string[]>>, strays: readonly string[]): Promise<void> {
    await this.#own.run('BEGIN');
    await this.#own.run('DELETE FROM strays');
    if (strays.length > 0)
      await this.#own.run('INSERT INTO strays SELECT unnest($1::VARCHAR[])', [listValue([...strays])], [LIST(VARCHAR)]);
    for (const name of NAMES) await this.#own.run(viewOf(name, files[name], strays.length > 0));
    await this.#own.run('COMMIT');
  }

  /** Puts fresh rows in place of those that jobs in memory or a pack had before. */
  async putFresh(origin: Origin, rows: Rows, gone: readonly string[] = []): Promise<void> {
    await this.#own.run('BEGIN');
    for (const name of NAMES) {
      if (gone.length > 0) {
        const jobs = 'SELECT unnest($2::VARCHAR[])';
        await this.#own.run(
          `DELETE FROM ${FRESH[name]} WHERE origin = $1 AND job_id IN (${jobs})`,
          [origin, listValue([...gone])],
          [VARCHAR, LIST(VARCHAR)],
        );
      }
      const path = await this.#stage(rows[name]);
      if (path === null) continue;
      await this.#own.run(`INSERT INTO ${FRESH[name]} SELECT ${literal(origin)}, * FROM ${readJson(name, path)}`);
    }
    await this.#own.run('COMMIT');
  }

  async dropFresh(origin: Origin): Promise<void> {
    for (const name of NAMES) await this.#own.run(`DELETE FROM ${FRESH[name]} WHERE origin = $1`, [origin]);
  }

  /**
   * Writes a column file of each table: the rows of these files without the strays, and these rows. Returns the number of
   * jobs.
   */
  async write(
    to: Readonly<Record<TableName, string>>,
    {
      files,
      rows,
      strays,
    }: { files: Readonly<Record<TableName, readonly string[]>>; rows: Rows; strays: readonly string[] },
  ): Promise<number> {
    let written = 0;
    for (const name of NAMES) {
      const path = await this.#stage(rows[name]);
      const columns = namesOf(TABLES[name]);
      const kept = 'job_id NOT IN (SELECT unnest($1::VARCHAR[]))';
      const parts = files[name].length > 0 ? [`SELECT ${columns} FROM ${readParquet(files[name])} WHERE ${kept}`] : [];
      if (path !== null) parts.push(`SELECT ${columns} FROM ${readJson(name, path)}`);
      if (parts.length === 0) parts.push(`SELECT ${columns} FROM ${FRESH[name]} WHERE false`);
      const sorted = `SELECT * FROM (${parts.join(' UNION ALL ')}) ORDER BY ${ORDER[name]}`;
      const copy = `COPY (${sorted}) TO ${literal(to[name])} (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 122880)`;
      const values = files[name].length > 0 ? [listValue([...strays])] : [];
      const reader = await this.#own.runAndReadAll(
        copy,
        values,
        values.map(() => LIST(VARCHAR)),
      );
      if (name === 'job_states') written = Number(reader.getRows()[0]?.[0]);
    }
    return written;
  }

  /** Rows as a file of lines, which DuckDB reads many times faster than it takes values; null if there are none. */
  async #stage(rows: readonly Row[]): Promise<string | null> {
    if (rows.length === 0) return null;
    this.#staged = (this.#staged + 1) % 2;
    const path = join(this.#folder, `staged-${this.#staged}.ndjson`);
    await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return path;
  }
}

/** Reports read only the attempts of jobs that ran more than once, which are therefore together. */
const ORDER = { job_states: 'completed_at, job_id', job_attempts: 'runs <= 1, job_id, run' } as const;

const definitions = (columns: readonly Column[]): string =>
  columns.map(({ name, type }) => `${name} ${DUCKDB_TYPES[type]}`).join(', ');

const namesOf = (columns: readonly Column[]): string => columns.map(({ name }) => name).join(', ');

function viewOf(name: TableName, files: readonly string[], hasStrays: boolean): string {
  const columns = namesOf(TABLES[name]);
  const fresh = `SELECT ${columns} FROM ${FRESH[name]}`;
  const kept = hasStrays ? ' WHERE job_id NOT IN (SELECT job_id FROM strays)' : '';
  const stored = files.length > 0 ? `SELECT ${columns} FROM ${readParquet(files)}${kept} UNION ALL ` : '';
  return `CREATE OR REPLACE VIEW ${name} AS ${stored}${fresh}`;
}

const readParquet = (paths: readonly string[]): string =>
  `read_parquet([${paths.map(literal).join(', ')}], hive_partitioning = false)`;

function readJson(name: TableName, path: string): string {
  const columns = TABLES[name].map((column) => `${column.name}: '${DUCKDB_TYPES[column.type]}'`);
  return `read_json(${literal(path)}, format = 'newline_delimited', columns = {${columns.join(', ')}})`;
}

/** A text as SQL has it. Only for paths and origins of our own. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
