/** `tmon db init` on real databases: creates the table once, and names the command that creates what is missing. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { JOB_STATUS_SQL } from '../protocol/job-status-table.ts';
import { runTmon, temporaryDirectory } from '../test/processes/tmon.ts';
import { mariadbAbsent, startMariadb } from '../test/servers/mariadb.ts';
import { startMoto } from '../test/servers/moto.ts';
import { postgresqlAbsent, startPostgresql } from '../test/servers/postgresql.ts';

const folder = temporaryDirectory({ after });

for (const { name, start, absent, missing, run } of [
  {
    name: 'PostgreSQL',
    start: startPostgresql,
    absent: postgresqlAbsent(),
    missing: /hint: createdb -h 127\.0\.0\.1 -p \d+ -U tmon nowhere\n/,
    async run(url: string, statement: string) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query(statement).finally(() => client.end());
    },
  },
  {
    name: 'MariaDB',
    start: startMariadb,
    absent: mariadbAbsent(),
    missing: /hint: mysql -h 127\.0\.0\.1 -P \d+ -u tmon -p -e 'CREATE DATABASE nowhere'\n/,
    async run(url: string, statement: string) {
      const connection = await createConnection(url);
      await connection.query(statement).finally(() => connection.end());
    },
  },
]) {
  test(`[B137] ${name}: the table is created, and running it again changes nothing`, {
    skip: absent ?? false,
  }, async (t) => {
    const server = await start();
    t.after(() => server.stop());
    const first = await runTmon(t, ['db', 'init', server.url]);
    assert.deepEqual([first.code, first.stderr], [0, '']);
    assert.match(first.stdout, /^\w+:\/\/tmon@127\.0\.0\.1:\d+\/tmon: table created\n$/);
    await run(server.url, `INSERT INTO job_status (job_id, status) VALUES ('job-1', 'QUEUED')`);
    const again = await runTmon(t, ['db', 'init', server.url, '--json']);
    assert.deepEqual([again.code, JSON.parse(again.stdout).made], [0, false]);
    // It would fail on a second row of that id.
    await assert.rejects(run(server.url, `INSERT INTO job_status (job_id, status) VALUES ('job-1', 'QUEUED')`));

    const nowhere = await runTmon(t, ['db', 'init', server.url.replace(/\/tmon$/, '/nowhere')]);
    assert.deepEqual([nowhere.code, nowhere.stdout], [4, '']);
    assert.match(nowhere.stderr, /^tmon: \w+:\/\/tmon@\S+\/nowhere: the database does not exist \([^\n]*\)\n/);
    assert.match(nowhere.stderr, missing);

    const other = await server.database('other');
    await run(other, 'CREATE TABLE job_status (id INT)');
    const refused = await runTmon(t, ['db', 'init', other]);
    assert.equal(refused.code, 5);
    assert.match(refused.stderr, /a table job_status exists, but with other columns \(.*job_id.*\)\n/);

    await server.kill();
    const gone = await runTmon(t, ['db', 'init', server.url]);
    assert.equal(gone.code, 3);
    assert.match(gone.stderr, /: no response \(.*ECONNREFUSED.*\)\n.*check that the database is running/s);
  });
}

describe('without a server', () => {
  test('[B137] SQLite: the file is created too', async (t) => {
    const path = join(folder, 'jobs.db');
    assert.match((await runTmon(t, ['db', 'init', `sqlite:${path}`])).stdout, /table created/);
    const database = new DatabaseSync(path);
    t.after(() => database.close());
    database.exec(`INSERT INTO job_status (job_id, status) VALUES ('job-1', 'QUEUED')`);
    assert.match((await runTmon(t, ['db', 'init', `sqlite:${path}`])).stdout, /the table already exists/);
    assert.equal(database.prepare('SELECT count(*) AS n FROM job_status').get()?.n, 1);
    const nowhere = await runTmon(t, ['db', 'init', `sqlite:${folder}/no/such.db`]);
    assert.equal(nowhere.code, 5);
    assert.match(nowhere.stderr, /hint: mkdir -p '.*\/no'/);
  });

  test('--print prints the statement, and does nothing', async (t) => {
    const { stdout } = await runTmon(t, ['db', 'init', 'postgres://127.0.0.1:1/db', '--print']);
    assert.equal(stdout, `${JOB_STATUS_SQL.postgres.create};\n`);
    assert.match(
      (await runTmon(t, ['db', 'init', 'dynamodb://jobs', '--print'])).stdout,
      /^aws dynamodb create-table /,
    );
  });

  test('an unsupported database is a usage error', async (t) => {
    for (const url of ['s3://bucket', 'oracle://host', 'dynamodb://x']) {
      const { code, stderr } = await runTmon(t, ['db', 'init', url]);
      assert.equal(code, 2, url);
      assert.match(stderr, /^tmon: .*\nhint: .*\n$/);
    }
  });
});

test('[B140] DynamoDB: the table is created, and one with another key is refused', async (t) => {
  const moto = await startMoto();
  t.after(() => moto.stop());
  const environment = {
    AWS_ENDPOINT_URL: moto.endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'eu-west-1',
  };
  const init = (table: string) => runTmon(t, ['db', 'init', `dynamodb://${table}`], { environment });
  assert.equal((await init('job_status')).stdout, 'dynamodb://job_status: table created\n');
  assert.equal((await init('job_status')).stdout, 'dynamodb://job_status: the table already exists\n');
  const client = new DynamoDBClient({
    endpoint: moto.endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  await client.send(
    new CreateTableCommand({
      TableName: 'other',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  const refused = await init('other');
  assert.equal(refused.code, 5);
  assert.match(refused.stderr, /its key is id, not job_id/);
});
