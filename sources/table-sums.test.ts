/** A check to which the database gives sums of completed jobs says what it says when it reads every row. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import type { Dialect } from '../protocol/job-status-rows.ts';
import { JOB_STATUS_SQL } from '../protocol/job-status-table.ts';
import { temporaryDirectory } from '../test/processes/tmon.ts';
import { mariadbAbsent, startMariadb } from '../test/servers/mariadb.ts';
import { postgresqlAbsent, startPostgresql } from '../test/servers/postgresql.ts';
import { Chance } from '../test/simulation/chance.ts';
import { Check } from './check/check.ts';
import { openSource } from './open-source.ts';
import type { Source } from './source.ts';

const { signal } = new AbortController();
const MINUTE_MS = 60_000;
const NOW_MS = Date.UTC(2026, 10, 27, 12, 0, 0, 250);
const SINCE_MS = 30 * 24 * 60 * MINUTE_MS;

type Row = (string | number | null)[];

/** Of jobs up to five weeks ago, some of them in the forms that people have. */
function rowsBy(chance: Chance, dialect: Dialect): Row[] {
  const rows = Array.from({ length: 200 }, (_, index): Row => {
    const ago_ms = chance.pick([chance.whole(-3, 40) * MINUTE_MS, chance.whole(0, 35 * 24 * 60) * MINUTE_MS, SINCE_MS]);
    const told_ms = NOW_MS - ago_ms - chance.whole(-2000, 2000);
    const iso = new Date(told_ms).toISOString();
    const printed = iso.replace('T', ' ').replace('Z', '');
    const forms = [iso, printed.slice(0, 19), iso.replace('Z', '+00:00'), told_ms, iso.slice(0, 10), 'soon', null];
    const time = dialect === 'sqlite' && chance.happens(0.3) ? chance.pick(forms) : printed;
    const state = chance.weighted({ COMPLETED: 20, ' done ': 2, Success: 3, FAILED: 2, PROCESSING: 2, pending: 1 });
    return [
      chance.happens(0.02) ? chance.pick([`é ${index}.mp3`, `_${index}`]) : `job ${index}`,
      chance.pick(['worker-1', 'Worker-1', 'worker 2', null]),
      state,
      chance.happens(0.5) ? printed : null,
      index === 7 ? null : time,
      chance.whole(0, 100),
      null,
    ];
  });
  rows[0]![0] = ' ';
  return rows;
}

const valuesOf = (rows: readonly Row[]) =>
  rows.map((row) => `(${row.map((one) => (typeof one === 'string' ? `'${one}'` : String(one))).join(', ')})`).join(',');

/** As a source that gives no sums. */
const unsummed = (source: Source): Source => ({
  name: source.name,
  read: ({ sums_until_ms, ...options }) => source.read(options),
  close: () => source.close(),
});

async function assertSame(url: string, { seed, summed = true }: { seed: number; summed?: boolean }): Promise<void> {
  const source = await openSource(url);
  let sums = 0;
  const counting: Source = {
    name: source.name,
    async *read(options) {
      for await (const reading of source.read(options)) {
        sums += reading.summed?.jobs ?? 0;
        yield reading;
      }
    },
    close: () => source.close(),
  };
  const say = (one: Source) => new Check([one], { since_ms: SINCE_MS, local_minutes: 0 }).run(NOW_MS, signal);
  const [expected, said] = [await say(unsummed(source)), await say(counting)];
  await source.close();
  assert.equal(expected.sources[0]!.error, null);
  assert.ok(expected.counts.completed > 80, `${expected.counts.completed}`);
  assert.deepEqual(said, expected, `seed ${seed}`);
  assert.equal(sums > 20, summed, `${sums} in sums`);
}

test('SQLite', async (t) => {
  const folder = temporaryDirectory(t);
  for (let seed = 1; seed <= 20; seed += 1) {
    const path = join(folder, `${seed}.db`);
    const database = new DatabaseSync(path);
    // Without an index, a job may have several rows.
    const unique = seed % 4 !== 0;
    database.exec(unique ? JOB_STATUS_SQL.sqlite.create : JOB_STATUS_SQL.sqlite.create.replace('PRIMARY KEY', ''));
    const rows = rowsBy(new Chance(seed), 'sqlite');
    const again = unique ? [] : rowsBy(new Chance(seed + 100), 'sqlite');
    database.exec(`INSERT INTO job_status VALUES ${valuesOf([...rows, ...again])}`);
    database.close();
    await assertSame(`sqlite:${path}`, { seed, summed: unique });
  }
});

test('PostgreSQL', { skip: postgresqlAbsent() }, async () => {
  const server = await startPostgresql();
  const client = new pg.Client({ connectionString: server.url });
  try {
    await client.connect();
    for (let seed = 1; seed <= 5; seed += 1) {
      await client.query(`DROP TABLE IF EXISTS job_status; ${JOB_STATUS_SQL.postgres.create}`);
      await client.query(`INSERT INTO job_status VALUES ${valuesOf(rowsBy(new Chance(seed), 'postgres'))}`);
      await assertSame(server.url, { seed });
    }
  } finally {
    await client.end();
    await server.stop();
  }
});

test('MariaDB', { skip: mariadbAbsent() }, async () => {
  const server = await startMariadb();
  const connection = await createConnection(server.url);
  try {
    for (let seed = 1; seed <= 5; seed += 1) {
      await connection.query('DROP TABLE IF EXISTS job_status');
      await connection.query(JOB_STATUS_SQL.mysql.create);
      await connection.query(`INSERT INTO job_status VALUES ${valuesOf(rowsBy(new Chance(seed), 'mysql'))}`);
      await assertSame(server.url, { seed });
    }
  } finally {
    await connection.end();
    await server.stop();
  }
});
