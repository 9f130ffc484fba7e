/** The database servers of tests are private, and keep their data across a crash. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import { mariadbAbsent, startMariadb } from './mariadb.ts';
import { postgresqlAbsent, startPostgresql } from './postgresql.ts';

async function postgresql(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

async function mariadb(url: string, statement: string): Promise<unknown[]> {
  const connection = await createConnection(url);
  try {
    return (await connection.query(statement))[0] as unknown[];
  } finally {
    await connection.end();
  }
}

for (const { name, start, query, absent } of [
  { name: 'PostgreSQL', start: startPostgresql, query: postgresql, absent: postgresqlAbsent() },
  { name: 'MariaDB', start: startMariadb, query: mariadb, absent: mariadbAbsent() },
]) {
  test(`${name} starts, is killed, and restarts with the committed data`, { skip: absent ?? false }, async (t) => {
    const server = await start();
    t.after(() => server.stop());
    await query(server.url, 'CREATE TABLE kept (n INT)');
    await query(server.url, 'INSERT INTO kept VALUES (7)');
    await server.kill();
    await assert.rejects(query(server.url, 'SELECT n FROM kept'));
    await server.start();
    assert.equal((await query(server.url, 'SELECT n FROM kept')).length, 1);
    assert.equal((await query(await server.database('another'), 'SELECT 1 AS n')).length, 1);
  });
}
