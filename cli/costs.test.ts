/** `tmon costs`, `bottlenecks` and `analytics ddl` against a real monitor. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Cleaning, runTmon, startTestMonitor, temporaryDirectory } from '../test/processes/tmon.ts';
import { Caller } from '../test/servers/monitor.ts';
import { complete, fail, hold, register } from '../test/servers/steps.ts';

const monitor = await startTestMonitor({ after }, { analytics_cache: temporaryDirectory({ after }) });
const caller = new Caller(monitor.url);
const tmon = (t: Cleaning, ...args: string[]) => runTmon(t, args, { environment: { TMON_SERVER: monitor.url } });
const cellsOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));

await register(caller, 'worker-1', { location: { spot_price: 3_600 } });
await complete(caller, await hold(caller, { duration_seconds: 90 }));
await complete(caller, await hold(caller, { duration_seconds: 30 }));
const failed: string[] = [];
for (let n = 0; n < 3; n++) {
  const held = await hold(caller, {}, 'worker-2');
  await fail(caller, held);
  failed.push(held.id);
}

test('costs has a row for each group and the total; as JSON and CSV it has all figures', async (t) => {
  const { code, stdout, stderr } = await tmon(t, 'costs', '--by', 'worker');
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^3 attempts have no price: .*spot_price\n$/);
  const rows = cellsOf(stdout);
  assert.deepEqual(
    rows.map((row) => row.slice(0, 4)),
    [
      ['worker-1', '2', '0', '0'],
      ['worker-2', '0', '3', '0'],
      ['total', '2', '3', '0'],
    ],
  );
  assert.match(rows[0]![4]!, /^\$\d+\.\d{2,6}$/);
  assert.deepEqual([rows[0]![8], rows[1]![6], rows[2]![4]], ['2:00', '–', rows[0]![4]]);

  const report = JSON.parse((await tmon(t, 'costs', '--by', 'worker', '--json')).stdout);
  assert.ok(report.total.cost_usd > 0 && report.items.length === 2);
  const [header, ...lines] = (await tmon(t, 'costs', '--by', 'worker', '--csv')).stdout.trimEnd().split('\r\n');
  assert.equal(header, ['group', ...Object.keys(report.total)].join(','));
  assert.deepEqual(
    lines,
    report.items.map((item: Record<string, unknown>) =>
      header!
        .split(',')
        .map((name) => item[name] ?? '')
        .join(','),
    ),
  );
});

test('costs of a time: nothing ended before yesterday', async (t) => {
  const { stdout } = await tmon(t, 'costs', '--from', '7d', '--to', '1d');
  assert.deepEqual(cellsOf(stdout), [['total', '0', '0', '0', '$0.00', '$0.00', '–', '–', '0 s']]);
  const today = await tmon(t, 'costs', '--from', '1d');
  assert.deepEqual(cellsOf(today.stdout).at(-1)!.slice(0, 3), ['total', '2', '3']);
});

test('[A104] bottlenecks has a row with the evidence for each job of a pattern', async (t) => {
  const { code, stdout, stderr } = await tmon(t, 'bottlenecks', '--limit', '2');
  assert.equal(code, 0, stderr);
  const rows = cellsOf(stdout).filter(([pattern]) => pattern === 'bad_workers');
  assert.deepEqual(rows.length, 2);
  for (const [, job_id, evidence] of rows) {
    assert.ok(failed.includes(job_id!));
    assert.equal(evidence, 'failed on worker-2: 100 % of its jobs fail, 0 % of the others');
  }
  assert.match(stderr, /^2 jobs were completed, in [\d.]+ s on average; \d took more than twice as long\n$/);
  const found = JSON.parse((await tmon(t, 'bottlenecks', '--json')).stdout);
  assert.deepEqual([found.counts.bad_workers, found.patterns.bad_workers.length], [3, 3]);
  const none = await tmon(t, 'bottlenecks', '--to', '1d');
  assert.deepEqual([none.code, none.stdout], [0, '']);
  assert.match(none.stderr, /^0 jobs were completed; 0 took more than twice as long; no pattern was found\n$/);
});

test('analytics ddl prints statements for DuckDB or Athena, which reads buckets only', async (t) => {
  const duckdb = await tmon(t, 'analytics', 'ddl', '--store', `dir:${monitor.directory}`);
  assert.equal(duckdb.code, 0, duckdb.stderr);
  assert.ok(duckdb.stdout.includes(`FROM read_parquet('${monitor.directory}/analytics/job_states/date=*/*.parquet'`));
  const athena = await tmon(t, 'analytics', 'ddl', 'athena', '--store', 's3://bucket/tmon', '--since', '2025-01-01');
  assert.match(athena.stdout, /^CREATE EXTERNAL TABLE IF NOT EXISTS job_attempts \($/m);
  assert.match(athena.stdout, /'projection\.date\.range' = '2025-01-01,NOW'/);
  for (const args of [
    ['athena', '--store', 'dir:/x'],
    ['athena', '--store', 's3://b/x', '--since', 'ever'],
    ['oracle'],
  ]) {
    const { code, stdout, stderr } = await tmon(t, 'analytics', 'ddl', ...args);
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, /^tmon: [^\n]+\nhint: [^\n]+\n$/, args.join(' '));
  }
});
