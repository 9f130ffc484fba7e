/**
 * The `job_status` table in each database, with the statements of its documentation. Servers not in UTC, on
 * purpose.
 */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { type Connection, createConnection } from 'mysql2/promise';
import pg from 'pg';
import { mariadbAbsent, startMariadb } from '../test/servers/mariadb.ts';
import { postgresqlAbsent, startPostgresql } from '../test/servers/postgresql.ts';
import { type Dialect, readRow } from './job-status-rows.ts';
import { JOB_STATUS_SQL, upsertParameters } from './job-status-table.ts';
import { NOTHING_KNOWN, type Sighting } from './sighting.ts';

type Value = string | number | null;
type Rows = Record<string, unknown>[];
type Database = { ask(statement: string, values?: Value[]): Promise<Rows>; close(): Promise<void> };

const TOLD_MS = Date.UTC(2025, 6, 7, 19, 30, 0, 123);

const running: Sighting = {
  ...NOTHING_KNOWN,
  job_id: 'job-1',
  state: 'PROCESSING',
  told_ms: TOLD_MS,
  worker_id: 'worker-1',
  started_ms: TOLD_MS - 60_000,
  percentage: 45,
};

async function openPostgres(): Promise<Database> {
  const server = await startPostgresql();
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(`SET TIME ZONE 'Asia/Kolkata'`);
  return {
    ask: async (statement, values = []) => (await client.query(statement, values)).rows,
    async close() {
      await client.end();
      await server.stop();
    },
  };
}

async function openMysql(): Promise<Database> {
  const server = await startMariadb();
  const connection: Connection = await createConnection(server.url);
  await connection.query(`SET time_zone = '+05:30'`);
  return {
    ask: async (statement, values = []) => (await connection.execute(statement, values))[0] as Rows,
    async close() {
      await connection.end();
      await server.stop();
    },
  };
}

async function openSqlite(): Promise<Database> {
  const database = new DatabaseSync(':memory:');
  return {
    ask: async (statement, values = []) => database.prepare(statement).all(...values) as Rows,
    close: async () => database.close(),
  };
}

/** The documented statement, with the parameter markers of each driver. */
const PRINTED_UPDATE: Record<Dialect, string> = {
  postgres: 'UPDATE job_status SET percentage = $1, updated_at = NOW() WHERE job_id = $2',
  mysql: 'UPDATE job_status SET percentage = ?, updated_at = NOW() WHERE job_id = ?',
  sqlite: 'UPDATE job_status SET percentage = ?, updated_at = CURRENT_TIMESTAMP WHERE job_id = ?',
};

/** The documented DDL, letter by letter, as someone may have typed it. */
const PRINTED_TABLE =
  'CREATE TABLE job_status (job_id VARCHAR(50) PRIMARY KEY, worker_id VARCHAR(50), status VARCHAR(20), started_at TIMESTAMP, updated_at TIMESTAMP, percentage INT, error_message TEXT)';

for (const { dialect, open, absent } of [
  { dialect: 'postgres' as const, open: openPostgres, absent: postgresqlAbsent() },
  { dialect: 'mysql' as const, open: openMysql, absent: mariadbAbsent() },
  { dialect: 'sqlite' as const, open: openSqlite, absent: undefined },
]) {
  const sql = JOB_STATUS_SQL[dialect];
  describe(dialect, { skip: absent ?? false }, () => {
    let database: Database;
    before(async () => {
      database = await open();
    });
    after(() => database.close());

    const write = (sighting: Partial<Sighting>) =>
      database.ask(sql.upsert, upsertParameters({ ...running, ...sighting }));
    const fresh = async (create = sql.create) => {
      await database.ask('DROP TABLE IF EXISTS job_status');
      await database.ask(create);
    };
    const rowsSince = async (since_ms: number) =>
      (await database.ask(sql.since, [since_ms])).map((row) => readRow(row));
    const ids = (rows: Rows) => rows.map(({ job_id }) => job_id).sort();

    test('[B137] the table has the documented columns, and creating it again does nothing', async () => {
      await fresh();
      await write({});
      await database.ask(sql.create);
      const [row] = await database.ask('SELECT * FROM job_status');
      assert.deepEqual(Object.keys(row!), [
        'job_id',
        'worker_id',
        'status',
        'started_at',
        'updated_at',
        'percentage',
        'error_message',
      ]);
    });

    test('a row reads back as it was written, to the millisecond, in any time zone', async () => {
      await fresh();
      await write({});
      assert.deepEqual(await rowsSince(0), [running]);
      const failed = {
        state: 'FAILED' as const,
        told_ms: TOLD_MS + 5,
        ended_ms: TOLD_MS + 5,
        error: 'GPU out of memory',
      };
      await write(failed);
      assert.deepEqual(await rowsSince(0), [{ ...running, ...failed }]);
    });

    test('a table created by hand as documented works too', async () => {
      await fresh(PRINTED_TABLE);
      await write({ told_ms: TOLD_MS - 123, started_ms: TOLD_MS - 60_123 });
      await write({ told_ms: TOLD_MS - 123, started_ms: null, percentage: 99.9 });
      assert.deepEqual(await rowsSince(0), [
        { ...running, told_ms: TOLD_MS - 123, started_ms: TOLD_MS - 60_123, percentage: 99 },
      ]);
    });

    test('[B138] the documented UPDATE sets the progress and the current time', async () => {
      await fresh();
      const before_ms = Date.now();
      await write({ told_ms: before_ms - 3_600_000 });
      for (const [statement, percentage] of [
        [PRINTED_UPDATE[dialect], 70],
        [sql.update, 71],
      ] as const) {
        await database.ask(statement, [percentage, 'job-1']);
        const [row] = (await rowsSince(before_ms - 60_000)) as Sighting[];
        assert.equal(row?.percentage, percentage);
        assert.ok(row.told_ms >= before_ms - 1000 && row.told_ms <= Date.now() + 1000, `told at ${row.told_ms}`);
      }
    });

    test('[B139] the documented query finds jobs without a report for 30 minutes', async () => {
      await fresh();
      const now_ms = Date.now();
      await write({ job_id: 'job-stuck', told_ms: now_ms - 31 * 60_000 });
      await write({ job_id: 'job-runs', told_ms: now_ms - 20 * 60_000 });
      await write({ job_id: 'job-done', told_ms: now_ms - 31 * 60_000, state: 'COMPLETED' });
      await database.ask(`INSERT INTO job_status (job_id, status) VALUES ('job-never', 'PROCESSING')`);
      const printed = await database.ask(sql.stuckAsPrinted);
      assert.deepEqual(ids(printed), ['job-stuck']);
      assert.deepEqual(Object.keys(printed[0]!), ['job_id', 'worker_id', 'started_at']);
      assert.deepEqual(ids(await database.ask(sql.stuck, [30])), ['job-never', 'job-stuck']);
      assert.deepEqual(ids(await database.ask(sql.stuck, [10])), ['job-never', 'job-runs', 'job-stuck']);
    });

    test('reading starts at the requested time and always includes running jobs and jobs without a time', async () => {
      await fresh();
      const ended = { state: 'COMPLETED' as const };
      for (const n of [0, 1, 2]) await write({ ...ended, job_id: `job-${n}`, told_ms: TOLD_MS + n * 10_000 });
      await write({ job_id: 'job-runs', told_ms: TOLD_MS - 86_400_000 });
      await database.ask(`INSERT INTO job_status (job_id, status) VALUES ('job-untold', 'QUEUED')`);
      const done = (told_ms: number) => ({ ...running, ...ended, told_ms, ended_ms: told_ms });
      assert.deepEqual(await rowsSince(TOLD_MS + 10_000), [
        { why: 'it has neither an updated_at nor a started_at' },
        { ...running, job_id: 'job-runs', told_ms: TOLD_MS - 86_400_000 },
        { ...done(TOLD_MS + 10_000), job_id: 'job-1' },
        { ...done(TOLD_MS + 20_000), job_id: 'job-2' },
      ]);
    });

    test('a late report of another worker does not overwrite a newer one', async () => {
      await fresh();
      await write({ worker_id: 'worker-2', state: 'COMPLETED', percentage: 100, told_ms: TOLD_MS + 10 });
      await write({ told_ms: TOLD_MS + 9 });
      const [kept] = (await rowsSince(0)) as Sighting[];
      assert.deepEqual([kept?.state, kept?.worker_id, kept?.percentage], ['COMPLETED', 'worker-2', 100]);
      await write({ told_ms: TOLD_MS + 11, percentage: 0 });
      const [taken] = (await rowsSince(0)) as Sighting[];
      assert.deepEqual([taken?.state, taken?.worker_id, taken?.percentage], ['PROCESSING', 'worker-1', 0]);
    });
  });
}
