/** Every table of the collection, checked as the source reads it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { Check } from '../../sources/check/check.ts';
import { openSource } from '../../sources/open-source.ts';
import { runTmon, temporaryDirectory } from '../processes/tmon.ts';
import { eachWildTable, type WildTable } from './tables.ts';

const { signal } = new AbortController();
const TABLES = [...eachWildTable()];

function make(path: string, { statements, time = (ms) => `'${new Date(ms).toISOString()}'` }: WildTable): void {
  const database = new DatabaseSync(path);
  const now_ms = Date.now();
  for (const statement of statements) {
    database.exec(statement.replace(/\{ago (\d+)\}/g, (_, seconds) => time(now_ms - Number(seconds) * 1000)));
  }
  database.close();
}

const urlOf = (path: string, { query }: WildTable) => `sqlite:${path}${query === undefined ? '' : `?${query}`}`;

test('a check of each table says what is right', async (t) => {
  assert.ok(TABLES.length >= 120, `${TABLES.length}`);
  const root = temporaryDirectory(t);
  for (const [index, table] of TABLES.entries()) {
    const path = join(root, `${index}.db`);
    make(path, table);
    const source = await openSource(urlOf(path, table));
    const states: Record<string, string> = {};
    for await (const { sightings } of source.read({ since_ms: Date.now() - 86_400_000, signal })) {
      for (const { job_id, reported_id, state } of sightings) states[reported_id ?? job_id] = state;
    }
    const document = await new Check([source]).run(Date.now(), signal);
    await source.close();
    const said = `${table.from}\n${table.statements.at(-1)}\n${JSON.stringify([document.problems, document.warnings])}`;
    assert.deepEqual(states, table.states, said);
    assert.equal(document.sources[0]!.unreadable_count, table.unreadable ?? 0, said);
    assert.equal(document.verdict, table.verdict, said);
  }
});

test('the command exits with the same verdict, and an import with 1 for what it can’t read or find', async (t) => {
  const root = temporaryDirectory(t);
  const environment = { XDG_STATE_HOME: root };
  const some = TABLES.filter(({ from }) => /Django|mapped|empty|of their own$/.test(from));
  assert.equal(some.length, 5);
  for (const [index, table] of some.entries()) {
    const path = join(root, `${index}.db`);
    make(path, table);
    const url = urlOf(path, table);
    const check = await runTmon(t, ['check', url], { environment });
    assert.equal(check.code, { well: 0, wrong: 1, unknown: 3 }[table.verdict], `${table.from}\n${check.stdout}`);
    const imported = await runTmon(t, ['import', '--dry-run', url], { environment });
    assert.equal(imported.code, table.verdict === 'unknown' ? 1 : 0, `${table.from}\n${imported.stderr}`);
  }
});
