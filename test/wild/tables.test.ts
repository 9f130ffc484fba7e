/** Every table of the collection, in SQLite, PostgreSQL and MariaDB: checked, imported, and followed by a monitor. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { isComplete, transfer } from '../../cli/import/transfer.ts';
import type { Job } from '../../protocol/job.ts';
import type { SightingsAnswer } from '../../protocol/source.ts';
import { Check } from '../../sources/check/check.ts';
import { Monitor } from '../../sources/monitor.ts';
import { openSource } from '../../sources/open-source.ts';
import type { Source } from '../../sources/source.ts';
import { type Cleaning, runTmon, temporaryDirectory } from '../processes/tmon.ts';
import { mariadbAbsent, startMariadb } from '../servers/mariadb.ts';
import { type Monitor as LocalMonitor, openMonitor } from '../servers/monitor.ts';
import { postgresqlAbsent, startPostgresql } from '../servers/postgresql.ts';
import { extent } from '../thorough.ts';
import { eachWildTable, PLAIN_TIME, type WildTable } from './tables.ts';

const { signal } = new AbortController();
const TABLES = [...eachWildTable()];

function statementsOf({ statements, times = PLAIN_TIME }: WildTable): string[] {
  const now_ms = Date.now();
  const time = (_: string, seconds: string) => times.print(now_ms - Number(seconds) * 1000);
  return statements.map((one) => one.replaceAll('{time}', times.type).replace(/\{ago (\d+)\}/g, time));
}

type Database = {
  /** Holds this table and nothing else until the next call; returns its URL. */
  make(table: WildTable): Promise<string>;
  close(): Promise<void>;
};

const withQuery = (url: string, { query }: WildTable) => (query === undefined ? url : `${url}?${query}`);

async function withSource<T>(url: string, use: (source: Source) => Promise<T>): Promise<T> {
  const source = await openSource(url);
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

const saidOf = (table: WildTable, detail: unknown) =>
  `${table.from}\n${statementsOf(table).at(-1)}\n${JSON.stringify(detail)}`;

async function statesIn(monitor: LocalMonitor): Promise<Record<string, string>> {
  const { items } = (await monitor.get<{ items: Job[] }>('/jobs?limit=1000')).body;
  return Object.fromEntries(items.map((job) => [job.metadata.reported_id ?? job.job_id, job.state]));
}

/** A monitor that is stopped when done, not at the end of the test. */
async function withMonitor(source: string | null, use: (monitor: LocalMonitor) => Promise<void>): Promise<void> {
  const cleaning: (() => void | Promise<void>)[] = [];
  const t: Cleaning = { after: (run) => void cleaning.push(run) };
  const monitor = await openMonitor(t, source === null ? {} : { source, source_poll_ms: 1000 });
  try {
    await use(monitor);
  } finally {
    for (const run of cleaning) await run();
  }
}

async function hasRead(monitor: LocalMonitor): Promise<void> {
  for (;;) {
    const [one] = (await monitor.get('/sources')).body.items;
    if (one.state !== 'STARTING') return assert.equal(one.problem, null);
  }
}

/** `monitors`: for one table in so many. What follows the reading is the same for every database. */
function saysWhatIsRight(start: () => Promise<Database>, { monitors }: { monitors: number }): void {
  let database: Database;
  before(async () => {
    database = await start();
  });
  after(() => database.close());

  test('a check of each table says what is right, and so does a check of a monitor that follows it', async () => {
    for (const [index, table] of TABLES.entries()) {
      const url = await database.make(table);
      await withSource(url, async (source) => {
        const document = await new Check([source]).run(Date.now(), signal);
        const states: Record<string, string> = {};
        for await (const { sightings } of source.read({ since_ms: Date.now() - 86_400_000, signal })) {
          for (const { job_id, reported_id, state, told_ms } of sightings) {
            // A database leaves out old jobs as far as it understands the times.
            if (told_ms >= Date.now() - 86_400_000 || table.states[reported_id ?? job_id] !== undefined)
              states[reported_id ?? job_id] = state;
          }
        }
        const said = saidOf(table, [document.problems, document.warnings]);
        assert.deepEqual(states, table.states, said);
        assert.equal(document.sources[0]!.unreadable_count, table.unreadable ?? 0, said);
        assert.equal(document.verdict, table.verdict, said);
      });
      if (index % monitors !== 0) continue;
      await withMonitor(url, async (monitor) => {
        await hasRead(monitor);
        const states = await statesIn(monitor);
        for (const [name, state] of Object.entries(table.states)) assert.equal(states[name], state, table.from);
        const source = new Monitor(monitor.url, { name: 'http://monitor' });
        const document = await new Check([source]).run(Date.now(), signal);
        const said = saidOf(table, [document.problems, document.warnings, document.sources]);
        assert.equal(document.verdict, table.verdict, said);
      });
    }
  });

  test('imported, a monitor has the same jobs', async () => {
    for (const [index, table] of TABLES.entries()) {
      if (index % (3 * monitors) !== 1) continue;
      const url = await database.make(table);
      await withMonitor(null, async (monitor) => {
        await withSource(url, async (source) => {
          const { counts, outbox } = await transfer(source, {
            since_ms: 0,
            peek: false,
            send: async (jobs) => {
              const answer = await monitor.post<SightingsAnswer>(`/sources/${encodeURIComponent(source.name)}/jobs`, {
                jobs,
              });
              assert.equal(answer.status, 200, answer.text);
              return answer.body;
            },
            signal,
          });
          const said = saidOf(table, [counts, outbox.refusals]);
          assert.equal(isComplete(source, counts, { count: 0 }), table.verdict !== 'unknown', said);
          const states = await statesIn(monitor);
          for (const [name, state] of Object.entries(table.states)) assert.equal(states[name], state, said);
          assert.equal(Object.keys(states).length, counts.states.size, said);
        });
      });
    }
  });
}

test('there are 120 tables', () => {
  assert.ok(TABLES.length >= 120, `${TABLES.length}`);
});

describe('SQLite', () => {
  const cleaning: (() => void | Promise<void>)[] = [];
  after(async () => {
    for (const run of cleaning) await run();
  });
  saysWhatIsRight(
    async () => {
      const root = temporaryDirectory({ after: (run) => void cleaning.push(run) });
      let count = 0;
      return {
        async make(table) {
          count += 1;
          const path = join(root, `${count}.db`);
          makeFile(path, table);
          return withQuery(`sqlite:${path}`, table);
        },
        async close() {},
      };
    },
    { monitors: extent(2, 8) },
  );
});

function makeFile(path: string, table: WildTable): void {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA synchronous = OFF');
  for (const statement of statementsOf(table)) database.exec(statement);
  database.close();
}

describe('PostgreSQL', { skip: postgresqlAbsent() ?? false }, () => {
  saysWhatIsRight(
    async () => {
      const server = await startPostgresql();
      const client = new pg.Client(server.url);
      await client.connect();
      const name = client.escapeIdentifier(client.database!);
      await client.query(`ALTER DATABASE ${name} SET timezone = 'UTC'`);
      await client.query("SET timezone = 'UTC'");
      return {
        async make(table) {
          await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
          const typed = (statement: string) => statement.replaceAll('TIMESTAMP NULL', 'TIMESTAMP');
          for (const statement of statementsOf(table)) await client.query(typed(statement));
          return withQuery(server.url, table);
        },
        async close() {
          await client.end();
          await server.stop();
        },
      };
    },
    { monitors: extent(8, 24) },
  );
});

describe('MariaDB', { skip: mariadbAbsent() ?? false }, () => {
  saysWhatIsRight(
    async () => {
      const server = await startMariadb();
      const connection = await createConnection(server.url);
      await connection.query("SET time_zone = '+00:00', sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'");
      await connection.query('ALTER DATABASE CHARACTER SET utf8mb4');
      return {
        async make(table) {
          const [rows] = await connection.query('SHOW TABLES');
          for (const row of rows as object[]) await connection.query('DROP TABLE ??', Object.values(row));
          for (const statement of statementsOf(table)) await connection.query(statement);
          return withQuery(server.url, table);
        },
        async close() {
          await connection.end();
          await server.stop();
        },
      };
    },
    { monitors: extent(8, 24) },
  );
});

test('the command exits with the same verdict, and an import with 1 for what it can’t read or find', async (t) => {
  const root = temporaryDirectory(t);
  const environment = { XDG_STATE_HOME: root };
  const some = TABLES.filter(({ from }) => /Django 5|mapped|empty|of their own$/.test(from));
  assert.equal(some.length, 5);
  for (const [index, table] of some.entries()) {
    const path = join(root, `${index}.db`);
    makeFile(path, table);
    const url = withQuery(`sqlite:${path}`, table);
    const check = await runTmon(t, ['check', url], { environment });
    assert.equal(check.code, { well: 0, wrong: 1, unknown: 3 }[table.verdict], `${table.from}\n${check.stdout}`);
    const imported = await runTmon(t, ['import', '--dry-run', url], { environment });
    assert.equal(imported.code, table.verdict === 'unknown' ? 1 : 0, `${table.from}\n${imported.stderr}`);
  }
});
