/** Tables as people have them: their own names, types of ids, words for states, forms of times. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { CreateTableCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { temporaryDirectory } from '../test/processes/tmon.ts';
import { mariadbAbsent, startMariadb } from '../test/servers/mariadb.ts';
import { motoCredentials, motoSettings, startMoto } from '../test/servers/moto.ts';
import { postgresqlAbsent, startPostgresql } from '../test/servers/postgresql.ts';
import { openSource } from './open-source.ts';
import { SourceError } from './source.ts';

const { signal } = new AbortController();
const DAY_MS = 86_400_000;

async function read(url: string, since_ms = Date.now() - DAY_MS) {
  const source = await openSource(url);
  try {
    const readings = await Array.fromAsync(source.read({ since_ms, signal }));
    const sightings = readings.flatMap((reading) => reading.sightings);
    return {
      jobs: sightings.map((one) => `${one.reported_id ?? one.job_id} ${one.state}`).sort(),
      unreadable: readings.flatMap((reading) => reading.unreadable.map(({ why }) => why)),
      found: readings.reduce((sum, one) => sum + (one.found ?? one.sightings.length), 0),
      notes: readings.flatMap((reading) => reading.notes ?? []),
      sightings,
    };
  } finally {
    await source.close();
  }
}

type Database = { url: string; ask(statement: string): Promise<unknown>; close(): Promise<void> };

/** `ago` an expression for days ago, `q` quotes a name. */
type Dialect = { ago: (days: number) => string; q: (name: string) => string; uuid: string; serial: string };

function readsForms(start: () => Promise<Database>, { ago, q, uuid, serial }: Dialect): void {
  let database: Database;
  before(async () => {
    database = await start();
  });
  after(() => database.close());
  const ask = (statement: string) => database.ask(statement);
  const at = (query: string) => `${database.url}${database.url.includes('?') ? '&' : '?'}${query}`;

  test('ids are numbers or UUIDs', async () => {
    for (const [table, type, id] of [
      ['numbered', serial, '7'],
      ['large', 'BIGINT', '9007199254740993'],
      ['unique_ids', uuid, "'2b1c1e0e-6a1f-4a52-9d4e-0f0a6f3b7c11'"],
    ] as const) {
      await ask(`CREATE TABLE ${table} (job_id ${type} PRIMARY KEY, worker_id VARCHAR(50), status VARCHAR(20),
        started_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, percentage INT, error_message TEXT)`);
      await ask(`INSERT INTO ${table} (job_id, status, updated_at) VALUES (${id}, 'FAILED', ${ago(0)})`);
      const { jobs, unreadable } = await read(at(`table=${table}`));
      assert.deepEqual([jobs, unreadable], [[`${id.replaceAll("'", '')} FAILED`], []]);
    }
  });

  test('any usual word for an open job is found, however old, in any case', async () => {
    await ask(`CREATE TABLE words (job_id VARCHAR(50), worker_id VARCHAR(50), status VARCHAR(20),
      started_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, percentage INT, error_message TEXT)`);
    const words = ['processing', 'Running', 'in-progress', 'PENDING', 'done', 'FAILURE', 'asleep'];
    for (const word of words) {
      await ask(`INSERT INTO words (job_id, status, updated_at) VALUES ('${word}', '${word}', ${ago(3)})`);
    }
    await ask(`INSERT INTO words (job_id, status, updated_at) VALUES ('now', 'Cancelled', ${ago(0)})`);
    const old = [
      'PENDING QUEUED',
      'Running PROCESSING',
      'in-progress PROCESSING',
      'now FAILED',
      'processing PROCESSING',
    ];
    const { jobs, sightings } = await read(at('table=words'));
    assert.deepEqual(jobs, old);
    assert.equal(sightings.find(({ job_id }) => job_id === 'now')?.error, 'cancelled');
    const mapped = await read(at('table=words&states=asleep:QUEUED,running:COMPLETED'));
    assert.deepEqual(mapped.jobs, [...old.filter((one) => !one.startsWith('Running')), 'asleep QUEUED'].sort());
  });

  test('a table and its columns may have any names, and some of them may be missing', async () => {
    const [table, id] = [q("it's a; DROP"), q('the "id"')];
    await ask(`CREATE TABLE ${table} (${id} VARCHAR(50), ${q('order')} VARCHAR(20), ${q('Changed')} TIMESTAMP NULL)`);
    await ask(`INSERT INTO ${table} VALUES ('job-1', 'error', ${ago(0)})`);
    const named = encodeURIComponent('job_id:the "id",status:order,updated_at:Changed');
    const missing = encodeURIComponent(',worker_id:,started_at:,percentage:,error_message:');
    const where = `table=${encodeURIComponent("it's a; DROP")}&columns=${named}`;
    assert.deepEqual((await read(at(`${where}${missing}`))).jobs, ['job-1 FAILED']);
    await assert.rejects(read(at(where)), { kind: 'unusable', hint: /^\?columns=/ });
    const timeless = await read(at(`${where}${missing.replace('started_at', 'updated_at:%2Cstarted_at')}`));
    assert.deepEqual(timeless.unreadable, ['it has neither an updated_at nor a started_at']);
  });

  test('times are numbers of any unit, or text in any form', async () => {
    const at_ms = Math.floor(Date.now() / 1000) * 1000 - 60_000;
    const iso = (ms: number) => new Date(ms).toISOString();
    const two = (number: number) => String(number).padStart(2, '0');
    const usual = (ms: number) => {
      const date = new Date(ms);
      return `'${two(date.getUTCMonth() + 1)}/${two(date.getUTCDate())}/${date.getUTCFullYear()} ${iso(ms).slice(11, 19)}'`;
    };
    const forms: [type: string, form: (time_ms: number) => string][] = [
      ['BIGINT', (ms) => String(ms / 1000)],
      ['BIGINT', (ms) => String(ms)],
      ['BIGINT', (ms) => String(ms * 1000)],
      ['INT', (ms) => String(ms / 1000)],
      ['DOUBLE PRECISION', (ms) => String(ms / 1000)],
      ['DECIMAL(20, 6)', (ms) => (ms / 1000).toFixed(6)],
      ['VARCHAR(40)', (ms) => `'${iso(ms)}'`],
      ['VARCHAR(40)', (ms) => `'${iso(ms).slice(0, 19).replace('T', ' ')}'`],
      ['TEXT', (ms) => `'${iso(ms + 19_800_000).slice(0, 19)}+05:30'`],
      ['TEXT', (ms) => `'${new Date(ms).toUTCString()}'`],
      ['TEXT', (ms) => `'${ms / 1000}'`],
      ['TEXT', usual],
    ];
    for (const [index, [type, form]] of forms.entries()) {
      const table = `times_${index}`;
      await ask(`CREATE TABLE ${table} (job_id VARCHAR(50), worker_id VARCHAR(50), status VARCHAR(20),
        started_at ${type}, updated_at ${type}, percentage INT, error_message TEXT)`);
      const put = (id: string, status: string, days: number) =>
        ask(`INSERT INTO ${table} (job_id, status, started_at, updated_at)
          VALUES ('${id}', '${status}', ${form(at_ms - days * DAY_MS - 5000)}, ${form(at_ms - days * DAY_MS)})`);
      await put('now', 'FAILED', 0);
      await put('hangs', 'running', 4);
      await put('old', 'FAILED', 4);
      await ask(`INSERT INTO ${table} (job_id, status) VALUES ('timeless', 'running')`);
      const { sightings, unreadable } = await read(at(`table=${table}`));
      const told = `${type} ${form(at_ms)}`;
      const now = sightings.find(({ job_id }) => job_id === 'now');
      assert.deepEqual([now?.state, now?.told_ms, now?.started_ms], ['FAILED', at_ms, at_ms - 5000], told);
      assert.ok(
        sightings.some(({ job_id, told_ms }) => job_id === 'hangs' && told_ms === at_ms - 4 * DAY_MS),
        told,
      );
      // Which of them the database leaves out depends on the form.
      assert.ok(
        sightings.every(({ job_id, told_ms }) => job_id !== 'old' || told_ms === at_ms - 4 * DAY_MS),
        told,
      );
      assert.equal(unreadable.length, 1, told);
    }
  });

  test('what a time leaves open is said', async () => {
    await ask(`CREATE TABLE doubtful (job_id VARCHAR(50), worker_id VARCHAR(50), status VARCHAR(20),
      started_at TEXT, updated_at TEXT, percentage INT, error_message TEXT)`);
    const put = (id: string, time: string) =>
      ask(`INSERT INTO doubtful (job_id, status, updated_at) VALUES ('${id}', 'running', '${time}')`);
    await put('job-1', '03/04/2026 10:00:00');
    const taken = async () => (await read(at('table=doubtful'))).sightings.find(({ job_id }) => job_id === 'job-1');
    assert.equal((await taken())?.told_ms, Date.UTC(2026, 2, 4, 10));
    const { notes } = await read(at('table=doubtful'));
    assert.ok(notes.includes('a time such as 03/04/2026 10:00:00 is taken for month/day: no row shows which is which'));
    assert.deepEqual((await read(at('table=doubtful&zone=utc'))).notes.length, 1);
    await put('job-2', '23/04/2026 10:00:00');
    assert.equal((await taken())?.told_ms, Date.UTC(2026, 3, 3, 10));
  });

  test('a table in which nothing happened lately is distinguished from an empty one', async () => {
    await ask(`CREATE TABLE quiet (job_id VARCHAR(50), worker_id VARCHAR(50), status VARCHAR(20),
      started_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, percentage INT, error_message TEXT)`);
    assert.equal((await read(at('table=quiet'))).found, 0);
    await ask(`INSERT INTO quiet (job_id, status, updated_at) VALUES ('job-1', 'done', ${ago(3)})`);
    const { jobs, found } = await read(at('table=quiet'));
    assert.deepEqual([jobs, found], [[], 1]);
  });

  test('a table that is not there is missing, with what to do', async () => {
    await assert.rejects(read(at('table=nowhere')), (error: SourceError) => {
      assert.ok(error instanceof SourceError);
      assert.deepEqual(error.kind, 'missing');
      assert.match(error.message, /table nowhere does not exist/);
      assert.match(error.hint!, /\?table=NAME/);
      return true;
    });
  });
}

describe('SQLite', () => {
  const cleaning: (() => void | Promise<void>)[] = [];
  after(async () => {
    for (const run of cleaning) await run();
  });
  const start = async (): Promise<Database> => {
    const path = join(temporaryDirectory({ after: (run) => void cleaning.push(run) }), 'jobs.db');
    const database = new DatabaseSync(path);
    return {
      url: `sqlite:${path}`,
      ask: async (statement) => database.exec(statement),
      close: async () => database.close(),
    };
  };
  readsForms(start, {
    ago: (days) => `datetime('now', '-${days} days')`,
    q: (name) => `"${name.replaceAll('"', '""')}"`,
    uuid: 'TEXT',
    serial: 'INTEGER',
  });
});

describe('PostgreSQL', { skip: postgresqlAbsent() ?? false }, () => {
  const start = async (): Promise<Database> => {
    const server = await startPostgresql();
    const client = new pg.Client(server.url);
    await client.connect();
    return {
      url: server.url,
      ask: (statement) => client.query(statement),
      async close() {
        await client.end();
        await server.stop();
      },
    };
  };
  readsForms(start, {
    ago: (days) => `now() - interval '${days} days'`,
    q: (name) => `"${name.replaceAll('"', '""')}"`,
    uuid: 'UUID',
    serial: 'SERIAL',
  });
});

describe('MariaDB', { skip: mariadbAbsent() ?? false }, () => {
  const start = async (): Promise<Database> => {
    const server = await startMariadb();
    const connection = await createConnection(server.url);
    return {
      url: server.url,
      ask: (statement) => connection.query(statement),
      async close() {
        await connection.end();
        await server.stop();
      },
    };
  };
  readsForms(start, {
    ago: (days) => `NOW() - INTERVAL ${days} DAY`,
    q: (name) => `\`${name.replaceAll('`', '``')}\``,
    uuid: 'CHAR(36)',
    serial: 'INT AUTO_INCREMENT',
  });
});

test('DynamoDB: ids and times that are numbers, other names, other words', async (t) => {
  const moto = await startMoto();
  t.after(() => moto.stop());
  const saved = { ...process.env };
  t.after(() => {
    process.env = saved;
  });
  Object.assign(process.env, motoSettings(moto.endpoint));
  const dynamodb = new DynamoDBClient({ endpoint: moto.endpoint, region: 'us-east-1', credentials: motoCredentials });
  t.after(() => dynamodb.destroy());
  await dynamodb.send(
    new CreateTableCommand({
      TableName: 'work',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'N' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  const put = (id: number, status: string, at: { S: string } | { N: string }) =>
    dynamodb.send(
      new PutItemCommand({ TableName: 'work', Item: { id: { N: String(id) }, status: { S: status }, at } }),
    );
  const now_ms = Date.now();
  await put(1, 'Failed', { N: String(Math.floor(now_ms / 1000)) });
  await put(2, 'error', { N: String(now_ms) });
  await put(3, 'done', { S: new Date(now_ms).toISOString() });
  await put(4, 'running', { S: new Date(now_ms - 3 * DAY_MS).toISOString() });
  await put(5, 'In Progress', { N: String(Math.floor(now_ms / 1000) - 3 * 86_400) });
  await put(6, 'failed', { N: String(Math.floor(now_ms / 1000) - 3 * 86_400) });
  const { jobs, unreadable, found } = await read('dynamodb://work?columns=job_id:id,updated_at:at,worker_id:');
  const expected = ['1 FAILED', '2 FAILED', '3 COMPLETED', '4 PROCESSING', '5 PROCESSING'];
  assert.deepEqual([jobs, unreadable, found], [expected, [], 6]);
});
