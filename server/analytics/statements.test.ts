/** The statements for Athena and DuckDB: DuckDB's run over the column files of a store; Athena's name every column. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import { COST_QUERY } from '../../test/documents/cost-query.ts';
import { athenaStatements, duckdbStatements } from './statements.ts';
import { TABLES } from './tables.ts';
import { copyObjects, finishJobs, openAnalytics } from './testing-analytics.ts';

test("[A102] [A103] DuckDB's statements show the column files of a store to any DuckDB, without a monitor", async (t) => {
  const analytics = await openAnalytics({ finished_window_ms: HOUR_MS });
  t.after(() => analytics.close());
  const folder = await mkdtemp(join(tmpdir(), "tmon-it's-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await finishJobs(analytics, 3);
  await analytics.clock.turn(DAY_MS);
  await finishJobs(analytics, 2);
  await analytics.archive();
  await analytics.clock.turn(2 * HOUR_MS);
  await analytics.archive();
  await analytics.clock.turn(2 * HOUR_MS);
  assert.ok((await analytics.write()) > 0);
  await copyObjects(analytics.store, folder, 'analytics/');

  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  await connection.run(duckdbStatements(`dir:${folder}`));
  for (const [name, columns] of Object.entries(TABLES)) {
    const names = columns.map((column) => column.name).join(', ');
    const sql = `SELECT ${names} FROM ${name} ORDER BY ALL`;
    const shown = await rows(sql);
    assert.deepEqual(shown, await analytics.rows(sql));
    assert.equal(shown.length, 5);
  }
  assert.deepEqual(await rows('SELECT date, count(*) AS n FROM job_states GROUP BY date ORDER BY date'), [
    { date: '2025-07-07', n: '3' },
    { date: '2025-07-08', n: '2' },
  ]);
  const costs = await rows(COST_QUERY);
  assert.deepEqual(costs, await analytics.rows(COST_QUERY));
  assert.deepEqual(costs[1], {
    date: '2025-07-07',
    jobs_completed: '3',
    avg_time: 600,
    total_cost: 0.18,
    cost_per_minute: (0.06 / 4860) * 60,
  });
  const plan = JSON.stringify(await rows(`EXPLAIN SELECT job_id FROM job_states WHERE date = '2025-07-08'`));
  assert.match(plan, /Scanning Files: 1\/2/, 'the files of other days are not read');
  connection.closeSync();
});

test("Athena's statements have every column with its type, and partitions that no crawler has to find", () => {
  const text = athenaStatements('s3://bucket/some/prefix/', '2024-02-01');
  const tables = text.split('CREATE EXTERNAL TABLE IF NOT EXISTS ').slice(1);
  assert.equal(tables.length, 2);
  for (const [at, [name, columns]] of Object.entries(TABLES).entries()) {
    const table = tables[at]!;
    assert.ok(table.startsWith(`${name} (\n`));
    const [, body = ''] = /\(\n([\s\S]*?)\n\)\n/.exec(table) ?? [];
    const defined = body.split('\n').map((line) => /^ {2}`(\w+)` (\S+) COMMENT '[^']*',?$/.exec(line)?.slice(1));
    const types = { text: 'string', texts: 'array<string>', integer: 'bigint', number: 'double', time: 'timestamp' };
    assert.deepEqual(
      defined,
      columns.map(({ name, type }) => [name, types[type]]),
    );
    const location = `s3://bucket/some/prefix/analytics/${name}/`;
    for (const part of [
      "PARTITIONED BY (`date` string COMMENT '",
      `LOCATION '${location}'`,
      "'projection.enabled' = 'true'",
      "'projection.date.range' = '2024-02-01,NOW'",
      `'storage.location.template' = '${location}date=\${date}/'`,
    ]) {
      assert.ok(table.includes(part), `${part} in ${table}`);
    }
  }
});
