/** [S24] [S25] What a caller's SQL can not do: read or write anything but the tables, change anything, or leave its limits. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MonitorError } from '../../protocol/errors.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import { submit } from '../../test/servers/steps.ts';
import { systemClock } from '../clock.ts';
import { Database } from './database.ts';
import { AnalyticsProcess } from './process/analytics-process.ts';
import { runQuery } from './query.ts';

const SECRET = 'canary-7f3a91';
let root: string;
let outside: string;
let database: Database;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'tmon-door-'));
  outside = join(root, 'outside');
  for (const folder of ['own', 'cache', 'outside']) await mkdir(join(root, folder));
  await writeFile(join(outside, 'secret.csv'), `name\n${SECRET}\n`);
  await writeFile(join(outside, 'secret.json'), `{"name":"${SECRET}"}\n`);
  process.env.TMON_CANARY = SECRET;
  database = await Database.open({ folder: join(root, 'own'), cache: join(root, 'cache'), threads: 1, memory_mb: 128 });
});

after(async () => {
  delete process.env.TMON_CANARY;
  database.close();
  await rm(root, { recursive: true, force: true });
});

const ask = async (sql: string) =>
  runQuery(
    await database.connect(),
    { sql, parameters: [], rows_max: 1_000, timeout_ms: 3_000, foreign: true },
    systemClock,
  );

/** Attempts to reach a file or an address, each by every way there is to name one. */
function reads(): string[] {
  const paths = [
    join(outside, 'secret.csv'),
    join(outside, 'secret.json'),
    join(root, 'cache', '..', 'outside', 'secret.csv'),
    join(root, 'own', '..', 'outside', 'secret.csv'),
    `file://${outside}/secret.csv`,
    `${root}//outside/./secret.csv`,
    '/etc/passwd',
    '/proc/self/environ',
    '/proc/self/cmdline',
    '~/.aws/credentials',
    'http://127.0.0.1:1/secret.csv',
    's3://bucket/secret.parquet',
    'C:\\secret.csv',
    '\\\\127.0.0.1\\share\\secret.csv',
  ];
  const ways = [
    (path: string) => `SELECT * FROM read_csv('${path}')`,
    (path: string) => `SELECT * FROM read_csv_auto('${path}', header = false)`,
    (path: string) => `SELECT * FROM read_json('${path}')`,
    (path: string) => `SELECT * FROM read_json_objects('${path}')`,
    (path: string) => `SELECT * FROM read_ndjson_auto('${path}')`,
    (path: string) => `SELECT * FROM read_parquet('${path}')`,
    (path: string) => `SELECT * FROM parquet_scan(['${path}'])`,
    (path: string) => `SELECT * FROM parquet_metadata('${path}')`,
    (path: string) => `SELECT * FROM read_text('${path}')`,
    (path: string) => `SELECT * FROM read_blob('${path}')`,
    (path: string) => `SELECT * FROM glob('${path}')`,
    (path: string) => `SELECT * FROM sniff_csv('${path}')`,
    (path: string) => `SELECT * FROM '${path}'`,
    (path: string) => `SELECT * FROM "${path}"`,
    (path: string) => `SELECT * FROM query('SELECT * FROM read_text(''${path}'')')`,
    (path: string) => `SELECT * FROM query_table('${path}')`,
    (path: string) => `SELECT (SELECT content FROM read_text('${path}')) AS x`,
    (path: string) => `WITH a AS (SELECT * FROM read_text('${path}')) SELECT * FROM a`,
    (path: string) => `SELECT job_id FROM job_states UNION ALL SELECT content FROM read_text('${path}')`,
    (path: string) => `FROM read_text('${path}')`,
  ];
  return paths.flatMap((path) => ways.map((way) => way(path)));
}

const changes = (): string[] => [
  ...['INSERT INTO fresh_jobs (origin) VALUES (1)', 'UPDATE fresh_jobs SET origin = NULL', 'DELETE FROM fresh_jobs'],
  ...['DROP TABLE fresh_jobs', 'DROP VIEW job_states', 'TRUNCATE fresh_jobs', 'ALTER TABLE fresh_jobs DROP origin'],
  ...[
    'CREATE TABLE x (a INT)',
    'CREATE TEMP TABLE x AS SELECT 1',
    'CREATE VIEW x AS SELECT 1',
    'CREATE MACRO f() AS 1',
  ],
  ...['CREATE OR REPLACE VIEW job_states AS SELECT 1', 'CREATE SCHEMA x', 'CREATE SEQUENCE x', 'CREATE TYPE x AS INT'],
  ...[
    'CREATE SECRET x (TYPE s3)',
    'DROP SECRET x',
    'CREATE INDEX i ON fresh_jobs (origin)',
    'COMMENT ON TABLE strays IS 1',
  ],
  `COPY job_states TO '${outside}/out.csv'`,
  `COPY (SELECT 1) TO '${outside}/out.parquet' (FORMAT parquet)`,
  `COPY job_states TO '${root}/cache/out.csv'`,
  `COPY fresh_jobs FROM '${outside}/secret.csv'`,
  `EXPORT DATABASE '${outside}/all'`,
  `IMPORT DATABASE '${outside}/all'`,
  `ATTACH '${outside}/other.db' AS other`,
  `ATTACH ':memory:' AS other`,
  ...['DETACH memory', 'USE memory', 'INSTALL httpfs', 'LOAD httpfs', 'FORCE INSTALL json', 'UPDATE EXTENSIONS'],
  ...['SET enable_external_access = true', 'SET lock_configuration = false', `SET allowed_directories = ['/']`],
  ...[`SET temp_directory = '/'`, `SET memory_limit = '100GB'`, 'SET threads = 64', `SET home_directory = '/'`],
  ...['RESET enable_external_access', 'SET GLOBAL threads = 64', 'SET SESSION threads = 64', `SET VARIABLE x = 1`],
  ...[
    'PRAGMA enable_profiling',
    `PRAGMA profiling_output = '${outside}/profile'`,
    'PRAGMA threads = 64',
    'PRAGMA version',
  ],
  ...['CALL pragma_version()', 'CHECKPOINT', 'FORCE CHECKPOINT', 'VACUUM', 'ANALYZE', 'BEGIN', 'COMMIT', 'ROLLBACK'],
  ...['EXPLAIN ANALYZE SELECT 1', 'EXPLAIN SELECT 1', 'PREPARE p AS SELECT 1', 'EXECUTE p', 'DEALLOCATE p'],
  ...['SELECT 1; DROP TABLE fresh_jobs', 'SELECT 1;;SELECT 2', '; ;', 'SELECT 1 /* ; */; DELETE FROM fresh_jobs -- x'],
  ...[`SELECT * FROM query('DROP TABLE fresh_jobs')`, `SELECT * FROM query('SELECT 1; DROP TABLE fresh_jobs')`],
  'WITH x AS (DELETE FROM fresh_jobs RETURNING *) SELECT * FROM x',
  'INSERT INTO fresh_jobs (origin) SELECT 1 RETURNING *',
  ...['MERGE INTO strays USING strays s ON true WHEN MATCHED THEN DELETE', 'SHOW TABLES', 'DESCRIBE job_states'],
  ...[
    `SELECT setval('x', 1)`,
    `SELECT nextval('x')`,
    `SELECT set_config('threads', '64', false)`,
    `SELECT pg_sleep(10)`,
  ],
  ...[
    'SELECT * FROM checkpoint()',
    'SELECT * FROM force_checkpoint()',
    `SELECT write_log('x')`,
    `SELECT enable_logging()`,
  ],
];

/** What shows nothing of the machine, and what is too much. */
const looks = (): string[] => [
  ...[`SELECT getenv('TMON_CANARY')`, `SELECT current_setting('home_directory')`, 'SELECT * FROM duckdb_secrets()'],
  ...[
    "SELECT * FROM which_secret('s3://x', 's3')",
    'SELECT * FROM duckdb_logs()',
    'SELECT * FROM duckdb_log_contexts()',
  ],
  ...['SELECT * FROM duckdb_temporary_files()', "SELECT * FROM pragma_storage_info('fresh_jobs')"],
  'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r',
  `SELECT repeat('x', 2000000000)`,
  `SELECT list_sum(range(4000000000))`,
  `SELECT string_agg(repeat('x', 1000000), '') FROM range(100000)`,
  'SELECT count(*) FROM range(100000000) a, range(100000000) b, range(100000000) c',
  'SELECT DISTINCT a.range || b.range FROM range(100000) a, range(100000) b',
  `SELECT regexp_matches(repeat('a', 100000) || '!', '(a+)+$')`,
  `SELECT ${'('.repeat(2_000)}1${')'.repeat(2_000)}`,
  `SELECT ${Array.from({ length: 20_000 }, () => '1').join('+')}`,
  `SELECT '\0'`,
  `\u0000`,
];

test('of more than 300 attacks none reads or writes what is not a table, and none changes anything', async () => {
  const attacks = [...reads(), ...changes()];
  assert.ok(attacks.length >= 300, `${attacks.length} attacks`);
  const before = await stateOf();
  for (const sql of attacks) assertHarmless(sql, await outcomeOf(ask(sql)));
  assert.deepEqual(await stateOf(), before);
});

test('what is too much for it ends the query, or its process, within its time and memory; the next one is served', async (t) => {
  const store = `dir:${join(root, 'store')}`;
  const monitor = await openMonitor(t, { store, analytics_cache: join(root, 'cache') });
  await submit(monitor);
  const options = {
    store_url: store,
    retention_ms: 86_400_000,
    cache: join(root, 'cache'),
    working: join(root, 'working'),
    threads: 1,
    memory_mb: 128,
  };
  const analytics = new AnalyticsProcess(options, systemClock);
  t.after(() => analytics.close());
  const limits = { parameters: [], rows_max: 1_000, timeout_ms: 3_000, foreign: true };
  for (const sql of looks()) {
    assertHarmless(sql, await outcomeOf(analytics.query({ sql, ...limits })));
    const { rows } = await analytics.query({ sql: 'SELECT count(*) FROM job_states', ...limits });
    assert.deepEqual(rows, [[1]], `after ${sql.slice(0, 200)}`);
  }
  // Of the processes that ended, nothing is left: a folder and its lock of the one that runs.
  assert.equal((await readdir(join(root, 'working'))).length, 2);
});

/** What a caller would see. */
async function outcomeOf(asked: Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await asked);
  } catch (error) {
    assert.ok(error instanceof MonitorError, String(error));
    assert.ok(['invalid', 'too_large', 'unavailable'].includes(error.kind), `${error.kind}: ${error.message}`);
    return `${error.message} ${error.hint}`;
  }
}

function assertHarmless(sql: string, outcome: string): void {
  const attack = sql.slice(0, 200);
  assert.ok(!outcome.includes(SECRET), `${attack} shows a secret`);
  assert.ok(!/root:.*:0:0:/.test(outcome) && !outcome.includes(`${homedir()}/`), `${attack}: ${outcome.slice(0, 300)}`);
}

async function stateOf(): Promise<unknown> {
  const connection = await database.connect();
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson();
  const state = {
    tables: await rows('SELECT table_name, sql FROM duckdb_tables() ORDER BY ALL'),
    views: await rows(`SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL`),
    databases: await rows('SELECT database_name FROM duckdb_databases() ORDER BY ALL'),
    settings: await rows(`SELECT name, value FROM duckdb_settings() WHERE name IN
      ('enable_external_access', 'lock_configuration', 'allowed_directories', 'threads', 'memory_limit') ORDER BY ALL`),
    rows: await rows('SELECT count(*) FROM fresh_jobs'),
    outside: await readdir(outside),
    cache: await readdir(join(root, 'cache')),
    secret: await readFile(join(outside, 'secret.csv'), 'utf8'),
  };
  connection.closeSync();
  return state;
}
