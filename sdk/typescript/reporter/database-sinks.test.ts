/** Reports to tables of PostgreSQL, MariaDB and SQLite. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { readRow } from '../../../protocol/job-status-rows.ts';
import { JOB_STATUS_SQL } from '../../../protocol/job-status-table.ts';
import { shortId } from '../../../protocol/reported-id.ts';
import type { Sighting } from '../../../protocol/sighting.ts';
import type { DatabaseServer } from '../../../test/servers/database.ts';
import { mariadbAbsent, startMariadb } from '../../../test/servers/mariadb.ts';
import { pgbouncerAbsent, startPgbouncer } from '../../../test/servers/pgbouncer.ts';
import { postgresqlAbsent, startPostgresql } from '../../../test/servers/postgresql.ts';
import { Reporter } from './reporter.ts';
import {
  assertStates,
  FAILED,
  folder,
  NEWER_AND_OLDER,
  openReporter,
  reportWithOldSpool,
  runWorker,
} from './testing-sinks.ts';

describe('databases', () => {
  async function readTable(
    ask: (statement: string, values: number[]) => Promise<object[]>,
    dialect: 'postgres' | 'mysql' | 'sqlite',
  ): Promise<(Sighting | { why: string })[]> {
    return (await ask(JOB_STATUS_SQL[dialect].since, [0])).map((row) => readRow(row));
  }

  for (const { dialect, start, absent } of [
    { dialect: 'postgres' as const, start: startPostgresql, absent: postgresqlAbsent() },
    { dialect: 'mysql' as const, start: startMariadb, absent: mariadbAbsent() },
  ]) {
    describe(dialect, { skip: absent ?? false }, () => {
      let server: DatabaseServer;
      let url: string;
      before(async () => {
        server = await start();
        url = server.url;
      });
      after(() => server.stop());

      const ask = async (statement: string, values: number[] = []): Promise<object[]> => {
        if (dialect === 'postgres') {
          const client = new pg.Client({ connectionString: url });
          await client.connect();
          return (await client.query(statement, values).finally(() => client.end())).rows;
        }
        const connection = await createConnection(url);
        return (await connection.query(statement, values).finally(() => connection.end()))[0] as object[];
      };

      test('[B136] [B137] writes one row per job; reports wait until the table exists', async () => {
        const { reporter, warned } = openReporter(url);
        reporter.jobStart(FAILED);
        reporter.jobFailed(FAILED, 'ENOENT');
        const shown = url.replace(':secret', '').replaceAll('.', '\\.');
        assert.match(
          await warned,
          new RegExp(`${shown}: table job_status does not exist \\(tmon db init '${shown}'\\)`),
        );
        await ask(JOB_STATUS_SQL[dialect].create);
        assert.equal(await reporter.flush(30_000), true);
        await reporter.close();
        const [row] = (await readTable(ask, dialect)) as Sighting[];
        assert.deepEqual([row?.state, row?.error], ['FAILED', 'ENOENT']);
        await runWorker(url);
        assertStates(await readTable(ask, dialect));
      });

      test('a server that is killed and restarted gets every report', async () => {
        const reporter = Reporter.fromUrl(url, { workerId: 'worker-9', warn: () => {} });
        reporter.jobStart('job-away');
        assert.equal(await reporter.flush(30_000), true);
        await server.kill();
        reporter.jobProgress('job-away', 50);
        reporter.jobComplete('job-away');
        assert.equal(await reporter.flush(200), false);
        await server.start();
        assert.equal(await reporter.flush(60_000), true);
        await reporter.close();
        const row = ((await readTable(ask, dialect)) as Sighting[]).find(({ job_id }) => job_id === 'job-away');
        assert.deepEqual([row?.state, row?.percentage], ['COMPLETED', 100]);
      });

      test('a report from a spool replaces no newer row, not even of the same worker', async () => {
        await reportWithOldSpool(url);
        const rows = (await readTable(ask, dialect)) as Sighting[];
        const states = rows
          .filter(({ job_id }) => job_id in NEWER_AND_OLDER)
          .map(({ job_id, state }) => [job_id, state]);
        assert.deepEqual(Object.fromEntries(states), NEWER_AND_OLDER);
      });

      test('a row has the name of its job, or an id if the column can’t hold it', async () => {
        const { reporter, dropped } = openReporter(url);
        const long = 'j'.repeat(51);
        reporter.jobStart(long);
        reporter.jobStart('in/a b.wav');
        reporter.jobFailed('job-words', 'Größe 🎧 ungültig');
        assert.equal(await reporter.flush(30_000), true);
        await reporter.close();
        assert.deepEqual(dropped, []);
        const rows = (await ask('SELECT job_id, error_message FROM job_status')) as Record<string, string>[];
        const names = rows.map(({ job_id }) => job_id);
        assert.ok(names.includes('in/a b.wav') && names.includes(shortId(long, 50)), names.join(' '));
        assert.equal(rows.find(({ job_id }) => job_id === 'job-words')?.error_message, 'Größe 🎧 ungültig');
      });
    });
  }

  test('rows are written through PgBouncer with its default settings', {
    skip: postgresqlAbsent() ?? pgbouncerAbsent() ?? false,
  }, async (t) => {
    const server = await startPostgresql();
    t.after(() => server.stop());
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query(JOB_STATUS_SQL.postgres.create);
    const { reporter, dropped } = openReporter(await startPgbouncer(t, server.url));
    reporter.jobFailed('job-1', 'boom');
    assert.equal(await reporter.flush(30_000), true);
    await reporter.close();
    assert.deepEqual(dropped, []);
    const { rows } = await client.query('SELECT job_id, status FROM job_status').finally(() => client.end());
    assert.deepEqual(rows, [{ job_id: 'job-1', status: 'FAILED' }]);
  });

  test('a MariaDB table whose charset lacks characters gets a lossy text', {
    skip: mariadbAbsent() ?? false,
  }, async (t) => {
    const server = await startMariadb();
    t.after(() => server.stop());
    const connection = await createConnection(server.url);
    t.after(() => connection.end());
    await connection.query(
      'CREATE TABLE job_status (job_id VARCHAR(50) PRIMARY KEY, worker_id VARCHAR(50), status VARCHAR(20), started_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, percentage INT, error_message TEXT) CHARACTER SET latin1',
    );
    const { reporter, dropped } = openReporter(server.url);
    reporter.jobFailed('job-1', 'no 🎧');
    assert.equal(await reporter.flush(30_000), true);
    await reporter.close();
    assert.deepEqual(dropped, []);
    const [rows] = await connection.query('SELECT error_message FROM job_status');
    assert.equal((rows as { error_message: string }[])[0]?.error_message, 'no ?');
  });

  test('[B136] [B137] sqlite: waits for its table, and for other writers', async () => {
    const path = join(folder, 'jobs.db');
    const { reporter, warned } = openReporter(`sqlite:${path}`);
    reporter.jobStart('job-1');
    assert.match(await warned, /database .*jobs\.db does not exist \(tmon db init 'sqlite:.*jobs\.db'\)/);
    const database = new DatabaseSync(path);
    database.exec(JOB_STATUS_SQL.sqlite.create);
    database.exec('BEGIN EXCLUSIVE');
    assert.equal(await reporter.flush(100), false);
    database.exec('COMMIT');
    assert.equal(await reporter.flush(30_000), true);
    await reporter.close();
    const all = async () => database.prepare(JOB_STATUS_SQL.sqlite.since).all(0) as object[];
    assert.deepEqual(
      (await all()).map((row) => readRow(row)).map((row) => 'state' in row && row.state),
      ['PROCESSING'],
    );
    database.exec('DELETE FROM job_status');
    await reportWithOldSpool(`sqlite:${path}`);
    const states = (await readTable(all, 'sqlite')).map((row) => ('state' in row ? [row.job_id, row.state] : []));
    assert.deepEqual(Object.fromEntries(states), NEWER_AND_OLDER);
    database.exec('DELETE FROM job_status');
    await runWorker(`sqlite:${path}`);
    assertStates(await readTable(all, 'sqlite'));
    database.close();
  });
});
