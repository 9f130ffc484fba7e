/** Times without a zone, as files and databases have them, in the zone that ?zone= names. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { JOB_STATUS_SQL } from '../protocol/job-status-table.ts';
import { runTmon, temporaryDirectory } from '../test/processes/tmon.ts';
import { mariadbAbsent, startMariadb } from '../test/servers/mariadb.ts';
import { postgresqlAbsent, startPostgresql } from '../test/servers/postgresql.ts';
import { openSource } from './open-source.ts';

const { signal } = new AbortController();
/** In winter and summer, as clocks in New York show it. */
const SHOWN = [
  ['2025-01-07 14:30:00', '2025-01-07T19:30:00Z'],
  ['2025-07-07 15:30:00', '2025-07-07T19:30:00Z'],
] as const;
const ZONE = encodeURIComponent('America/New_York');

async function toldBy(url: string, since_ms = 0): Promise<string[]> {
  const source = await openSource(url);
  try {
    const readings = await Array.fromAsync(source.read({ since_ms, signal }));
    if (/[?&]zone=/.test(url)) for (const { without_zone } of readings) assert.equal(without_zone, false);
    return readings
      .flatMap(({ sightings }) => sightings.map(({ told_ms, started_ms }) => [told_ms, started_ms!]))
      .flat()
      .map((time_ms) => `${new Date(time_ms).toISOString().slice(0, 19)}Z`)
      .sort();
  } finally {
    await source.close();
  }
}

const EXPECTED = SHOWN.flatMap(([, utc]) => [utc, utc]);

test('status files', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'jobs'));
  SHOWN.forEach(([at], n) => {
    const text = JSON.stringify({
      job_id: `job-${n}`,
      status: 'DONE',
      started_at: at.replace(' ', 'T'),
      updated_at: at,
    });
    writeFileSync(join(root, 'jobs', `job-${n}.json`), text);
  });
  assert.deepEqual(await toldBy(`dir:${root}?zone=${ZONE}`), EXPECTED);
  await assert.rejects(openSource(`dir:${root}?zone=Mars/Olympus`), { kind: 'invalid_url' });
  // Where local times are not UTC, a start that nothing confirms is left out: the job would look slow.
  const text = JSON.stringify({
    job_id: 'job-2',
    status: 'RUNNING',
    started_at: new Date().toISOString().slice(0, 19),
  });
  writeFileSync(join(root, 'jobs', 'job-2.json'), text);
  for (const [TZ, started] of [
    ['America/New_York', false],
    ['UTC', true],
  ] as const) {
    const { stdout } = await runTmon(t, ['check', '--json', `dir:${root}`], {
      environment: { TZ, XDG_STATE_HOME: root },
    });
    assert.equal(JSON.parse(stdout).running[0].started_at !== null, started, TZ);
  }
});

test('SQLite, also where the query compares times as text', async (t) => {
  const path = join(temporaryDirectory(t), 'jobs.db');
  const database = new DatabaseSync(path);
  database.exec(JOB_STATUS_SQL.sqlite.create);
  SHOWN.forEach(([at], n) => {
    database.exec(`INSERT INTO job_status VALUES ('job-${n}', NULL, 'COMPLETED', '${at}', '${at}', NULL, NULL)`);
  });
  database.close();
  assert.deepEqual(await toldBy(`sqlite:${path}?zone=${ZONE}`), EXPECTED);
  assert.equal((await toldBy(`sqlite:${path}?zone=${ZONE}`, Date.parse('2025-07-07T19:00:00Z'))).length, 2);
});

describe('a server that is in Kolkata, and a table that is not', () => {
  const cleaning: (() => Promise<void>)[] = [];
  after(async () => {
    for (const run of cleaning) await run();
  });

  const table = (time: string) => `CREATE TABLE zoned (job_id VARCHAR(50), worker_id VARCHAR(50), status VARCHAR(20),
    started_at ${time}, updated_at ${time}, percentage INT, error_message TEXT)`;
  const rows = SHOWN.map(
    ([at], n) => `INSERT INTO zoned VALUES ('job-${n}', NULL, 'COMPLETED', '${at}', '${at}', NULL, NULL)`,
  );

  test('PostgreSQL', { skip: postgresqlAbsent() ?? false }, async () => {
    const server = await startPostgresql();
    cleaning.push(() => server.stop());
    const client = new pg.Client(server.url);
    await client.connect();
    await client.query(`ALTER DATABASE ${client.escapeIdentifier(client.database!)} SET timezone = 'Asia/Kolkata'`);
    for (const statement of [table('TIMESTAMP'), ...rows]) await client.query(statement);
    await client.end();
    const at = (query: string) => `${server.url}${server.url.includes('?') ? '&' : '?'}table=zoned${query}`;
    assert.deepEqual(await toldBy(at(`&zone=${ZONE}`)), EXPECTED);
    assert.deepEqual(await toldBy(at('&zone=-05:00')), [
      '2025-01-07T19:30:00Z',
      '2025-01-07T19:30:00Z',
      '2025-07-07T20:30:00Z',
      '2025-07-07T20:30:00Z',
    ]);
    assert.equal((await toldBy(at('')))[0], '2025-01-07T09:00:00Z');
    assert.equal((await toldBy(at('&zone=utc')))[0], '2025-01-07T14:30:00Z');
  });

  test('MariaDB', { skip: mariadbAbsent() ?? false }, async () => {
    const server = await startMariadb();
    cleaning.push(() => server.stop());
    const connection = await createConnection(server.url);
    for (const statement of [table('DATETIME'), ...rows]) await connection.query(statement);
    await connection.end();
    const at = (zone: string) => `${server.url}${server.url.includes('?') ? '&' : '?'}table=zoned&zone=${zone}`;
    assert.equal((await toldBy(at('-05:00')))[0], '2025-01-07T19:30:00Z');
    assert.equal((await toldBy(at('utc')))[0], '2025-01-07T14:30:00Z');
    // A server without tables of zones takes the zone's offset of today.
    assert.match((await toldBy(at(ZONE)))[0]!, /^2025-01-07T(19|18):30:00Z$/);
  });
});
