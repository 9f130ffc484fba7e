/** `tmon sql` on real stores and by a real monitor. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Job } from '../protocol/job.ts';
import { COST_QUERY } from '../test/documents/cost-query.ts';
import { runTmon, startTestMonitor, temporaryDirectory } from '../test/processes/tmon.ts';
import { Caller } from '../test/servers/monitor.ts';
import { complete, fail, hold, register } from '../test/servers/steps.ts';
import { FetchBar } from './fetch-bar.ts';
import { excerptOf } from './sql-excerpt.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

const monitor = await startTestMonitor(
  { after },
  { analytics_sql: 'on', analytics_cache: temporaryDirectory({ after }) },
);
const temporary = temporaryDirectory({ after });
const caches = temporaryDirectory({ after });
const environment = { XDG_CACHE_HOME: caches, TMPDIR: temporary };
const temporaryFiles = () => [
  ...readdirSync(temporary),
  ...readdirSync(join(caches, 'transcription-monitor', 'working')),
];
const store = `dir:${monitor.directory}`;
const caller = new Caller(monitor.url);

/** At a price at which milliseconds cost something. */
await register(caller, 'worker-1', { location: { spot_price: 3_600 } });
const completed: Job[] = [];
for (const tags of [[], ['a', '=1+1'], ['it"s, so']]) {
  completed.push(await complete(caller, await hold(caller, { duration_seconds: 60, tags })));
}
await fail(caller, await hold(caller, { duration_seconds: 60 }));

const sql = (t: Parameters<typeof runTmon>[0], ...args: string[]) => runTmon(t, ['sql', ...args], { environment });

/** What the query should return, from the documents of the API. */
function costRows(): Record<string, unknown>[] {
  const days = Map.groupBy(completed, ({ completed_at }) => completed_at!.slice(0, 10));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return [...days]
    .sort(([a], [b]) => b.localeCompare(a))
    .map(([date, jobs]) => ({
      date,
      jobs_completed: jobs.length,
      avg_time: mean(jobs.map(({ performance }) => performance.processing_time_seconds!)),
      total_cost: mean(jobs.map(({ cost_tracking }) => cost_tracking.actual_cost_usd!)) * jobs.length,
      cost_per_minute: mean(
        jobs.map(({ cost_tracking, input }) => (cost_tracking.actual_cost_usd! / input.duration_seconds!) * 60),
      ),
    }));
}

function assertCosts(rows: readonly Record<string, unknown>[], what: string): void {
  const expected = costRows();
  assert.equal(rows.length, expected.length, what);
  for (const [at, row] of expected.entries()) {
    assert.deepEqual(Object.keys(rows[at]!), Object.keys(row), what);
    for (const [name, value] of Object.entries(row)) {
      const found = rows[at]![name];
      if (name === 'date') assert.equal(found, value, what);
      else assert.ok(Math.abs(Number(found) - Number(value)) < 1e-9, `${what}: ${name} is ${found}, not ${value}`);
    }
  }
  assert.ok(Number(rows[0]!.total_cost) > 0, what);
}

async function costsInEveryFormat(t: Parameters<typeof runTmon>[0], what: string, ...where: string[]): Promise<void> {
  const names = Object.keys(costRows()[0]!);
  const objects = (lines: string[][]) =>
    lines.map((line) => Object.fromEntries(names.map((name, at) => [name, line[at]])));
  const table = await sql(t, COST_QUERY, ...where);
  assert.equal(table.code, 0, table.stderr);
  const cells = table.stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  assertCosts(objects(cells), `${what}, table`);

  const csv = (await sql(t, COST_QUERY, ...where, '--format', 'csv')).stdout.trimEnd().split('\r\n');
  assert.equal(csv[0], names.join(','));
  assertCosts(objects(csv.slice(1).map((line) => line.split(','))), `${what}, csv`);

  const json = (await sql(t, COST_QUERY, ...where, '--format', 'json')).stdout;
  assertCosts(JSON.parse(json), `${what}, json`);
}

async function costsInParquet(t: Parameters<typeof runTmon>[0], what: string): Promise<void> {
  const path = join(temporaryDirectory(t), 'costs.parquet');
  const { code, stderr, stdout } = await sql(t, COST_QUERY, '--store', store, '--output', path);
  assert.deepEqual([code, stdout, stderr], [0, '', `${costRows().length} rows in ${path}\n`]);
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const reader = await connection.runAndReadAll(`SELECT * FROM '${path}'`);
  assertCosts(reader.getRowObjectsJson(), `${what}, parquet`);
  connection.closeSync();
}

/** Every file and folder of the store, with its size and time. */
function storeContent(): string[] {
  return readdirSync(monitor.directory, { recursive: true, encoding: 'utf8' })
    .map((path) => {
      const { size, mtimeMs } = statSync(join(monitor.directory, path));
      return `${path} ${size} ${mtimeMs}`;
    })
    .sort();
}

test('[A102] the cost query of the documents runs as printed beside a running monitor, in every format', async (t) => {
  await costsInEveryFormat(t, 'running', '--store', store);
  await costsInEveryFormat(t, 'by the monitor', '--server', monitor.url);
  await costsInParquet(t, 'running');
});

test('an error has its line, its column and a caret, from the store as from the monitor; exit code 2', async (t) => {
  for (const where of [
    ['--store', store],
    ['--server', monitor.url],
  ]) {
    const { code, stderr, stdout } = await sql(t, 'SELECT state,\n\tcost_dollars FROM job_states', ...where);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(
      stderr,
      /^tmon: Binder Error: .*cost_dollars.* \(line 2, column 2\)\n {3}cost_dollars FROM job_states\n {3}\^\nhint: /,
    );
  }
  const long = `SELECT ${'1 + '.repeat(100)}nothing + ${'1 + '.repeat(100)}1`;
  const [line = '', caret = ''] = excerptOf(long, 1, long.indexOf('nothing') + 1).split('\n');
  assert.ok(line.length <= 102 && line.slice(caret.indexOf('^')).startsWith('nothing'), `${line}\n${caret}`);
});

test('[S23] only SELECT runs, and it reads nothing but the tables', async (t) => {
  const outside = join(temporaryDirectory(t), 'secret.csv');
  writeFileSync(outside, 'secret\n1\n');
  for (const [query, code, says] of [
    ['DELETE FROM fresh_jobs', 2, /DELETE is not allowed/],
    ["COPY job_states TO '/tmp/x.csv'", 2, /COPY is not allowed|outside the analytic tables/],
    ['SELECT 1; SELECT 2', 2, /these are 2 statements/],
    ['SELEC 1', 2, /syntax error/],
    [`SELECT * FROM '${outside}'`, 2, /outside the analytic tables/],
  ] as const) {
    for (const format of [
      ['--format', 'json'],
      ['--output', join(temporaryDirectory(t), 'x.parquet')],
    ]) {
      const ended = await sql(t, query, '--store', store, ...format);
      assert.deepEqual([ended.code, ended.stdout], [code, ''], query);
      assert.match(ended.stderr, says, query);
    }
  }
});

test('a table has at most 1,000 rows and says that there are more; other formats have all, or as many as asked for', async (t) => {
  const rows = 'SELECT range AS n FROM range(1234)';
  const count = ({ stdout }: { stdout: string }) => stdout.trimEnd().split(/\r?\n/).length;
  const table = await sql(t, rows, '--store', store);
  assert.deepEqual([count(table), table.stderr], [1_000, 'the first 1000 rows; --limit 10000, or 0 for all\n']);
  const all = await sql(t, rows, '--store', store, '--limit', '0');
  assert.deepEqual([count(all), all.stderr], [1_234, '']);
  assert.equal(count(await sql(t, rows, '--store', store, '--format', 'csv')), 1_235);
  assert.equal(count(await sql(t, rows, '--store', store, '--format', 'csv', '--limit', '10')), 11);
  const many = await sql(t, 'SELECT range AS n FROM range(300000)', '--store', store, '--format', 'json');
  const list = JSON.parse(many.stdout) as { n: number }[];
  assert.deepEqual([list.length, list[299_999]], [300_000, { n: 299_999 }]);
  const path = join(temporaryDirectory(t), 'ten.parquet');
  assert.equal(
    (await sql(t, `${rows};`, '--store', store, '--limit', '10', '--output', path)).stderr,
    `10 rows in ${path}\n`,
  );
});

test('values: lists, nulls, times and what a spreadsheet would take for a formula; the same from store and monitor', async (t) => {
  const query = `SELECT tags, error_code, created_at, {'a': 1} AS part FROM job_states WHERE state = 'COMPLETED' ORDER BY created_at`;
  const results = [];
  for (const where of [
    ['--store', store],
    ['--server', monitor.url],
  ]) {
    const csv = await sql(t, query, ...where, '--format', 'csv');
    const [, , second, third] = csv.stdout.split('\r\n');
    assert.equal(second?.split(',')[0], 'a =1+1');
    assert.match(third ?? '', /^"it""s, so",,/);
    const json = JSON.parse((await sql(t, query, ...where, '--format', 'json')).stdout);
    assert.deepEqual([json[1].tags, json[1].error_code, json[1].part], [['a', '=1+1'], null, { a: 1 }]);
    assert.equal(Date.parse(json[1].created_at), Date.parse(completed[1]!.created_at));
    results.push(csv.stdout, json);
  }
  assert.deepEqual(results.slice(0, 2), results.slice(2));
});

test('the query comes from an argument, a file or stdin; the result goes to a file, whose name may say the format', async (t) => {
  const folder = temporaryDirectory(t);
  const file = join(folder, 'query.sql');
  writeFileSync(file, 'SELECT count(*) AS n FROM job_states -- all of them');
  const count = '[\n{"n":4}\n]\n';
  const output = join(folder, 'count.json');
  const written = await sql(t, '--file', file, '--store', store, '--output', output);
  assert.deepEqual([written.code, written.stdout, readFileSync(output, 'utf8')], [0, '', count]);
  const { stdout } = spawnSync(process.execPath, [MAIN, 'sql', '-', '--format', 'json'], {
    env: { ...process.env, ...environment, TMON_STORE: store },
    input: 'SELECT count(*) AS n FROM job_states;',
    encoding: 'utf8',
  });
  assert.equal(stdout, count);
  const table = join(folder, 'count.txt');
  await sql(t, '--file', file, '--store', store, '--output', table);
  assert.equal(readFileSync(table, 'utf8'), 'n\n4\n');
});

test('bad usage, a store that is not there and a monitor that runs no SQL are told apart', async (t) => {
  const nowhere = join(temporaryDirectory(t), 'nowhere');
  const closed = await startTestMonitor(t);
  for (const [args, code] of [
    [[], 2],
    [['SELECT 1', '--file', 'x.sql'], 2],
    [['--no-such-option'], 2],
    [['SELECT 1', '--no-such-option'], 2],
    [['SELECT 1', '--store', store, '--server', monitor.url], 2],
    [['SELECT 1', '--store', store, '--format', 'parquet'], 2],
    [['SELECT 1', '--server', monitor.url, '--output', 'x.parquet'], 2],
    [['SELECT 1', '--store', store, '--format', 'xml'], 2],
    [['SELECT 1', '--store', `dir:${nowhere}`], 4],
    [['SELECT 1', '--store', `dir:${temporaryDirectory(t)}`], 4],
    [['--file', join(nowhere, 'x.sql')], 4],
    [['SELECT 1', '--server', closed.url], 5],
  ] as const) {
    const { code: found, stderr, stdout } = await sql(t, ...args);
    assert.deepEqual([found, stdout], [code, ''], `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /^tmon: [^\n]+\n/, args.join(' '));
  }
});

test('a query that is interrupted ends at once and leaves no temporary files', async (t) => {
  const args = [MAIN, 'sql', 'SELECT range FROM range(1000000000000)', '--store', store, '--format', 'csv'];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => void child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  child.stdout.pause();
  assert.notDeepEqual(temporaryFiles(), []);
  child.kill('SIGINT');
  assert.deepEqual(await ended, [130, null]);
  assert.deepEqual(temporaryFiles(), []);
});

test('a terminal shows how many column files are fetched, on a line that is removed at the end', () => {
  const written: string[] = [];
  const terminal = { isTTY: true, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream;
  const bar = new FetchBar(terminal);
  bar.show(1, 2);
  bar.show(2, 2);
  assert.match(written[0]!, /column files █{12}░{12} 1\/2$/);
  assert.equal(written[1], '\r\u001b[2K');
  new FetchBar({ write: () => assert.fail('no terminal') } as unknown as NodeJS.WriteStream).show(1, 2);
});

test('[A102] the same of a store whose monitor was stopped, and nothing in it is created, changed or locked', async (t) => {
  await monitor.stop();
  const before = storeContent();
  await costsInEveryFormat(t, 'stopped', '--store', store);
  await costsInParquet(t, 'stopped');
  assert.deepEqual(storeContent(), before);
  assert.deepEqual(temporaryFiles(), [], 'no temporary file is left');
});
