/**
 * Filters of attackers: each is refused with a clear error, or is a harmless comparison. The SQL consists of words,
 * columns and constants of ours alone, whatever the text of the filter is.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MonitorError } from '../../../protocol/errors.ts';
import { JOB_COLUMNS } from '../tables.ts';
import { type CompiledFilter, compileFilter, type Filter, parseFilter } from './filter.ts';
import { NOW_MS, statementOf, TestJobs } from './testing-jobs.ts';

const ATTACKS = [
  "' OR '1'='1",
  "' OR 1=1 --",
  "'; DROP TABLE jobs; --",
  "'; DELETE FROM jobs WHERE true; --",
  "'); DROP TABLE jobs; --",
  "')) OR ((1=1",
  "' UNION SELECT job_id FROM jobs --",
  "' UNION ALL SELECT * FROM read_csv('/etc/passwd') --",
  "'; COPY jobs TO '/tmp/stolen.csv'; --",
  "'; ATTACH '/tmp/x.db' AS x; --",
  "'; INSTALL httpfs; LOAD httpfs; --",
  "'; SET enable_external_access = true; --",
  "'; PRAGMA database_list; --",
  "'; CALL dbgen(sf=1); --",
  "'; EXPORT DATABASE '/tmp/x'; --",
  '" OR ""="',
  '"; DROP TABLE jobs; --',
  'job_id" FROM jobs; DROP TABLE jobs; --',
  '\\',
  "\\'",
  "\\\\'",
  "\\'; DROP TABLE jobs; --",
  "''",
  "'''",
  "''''; DROP TABLE jobs; --",
  '/* comment */',
  '*/ OR true /*',
  '-- comment\n',
  '#',
  ';',
  '$1',
  '$1; DROP TABLE jobs',
  '$$',
  '$tag$ OR true $tag$',
  '?',
  ':name',
  '@x',
  '::VARCHAR',
  '1::INTEGER',
  'CAST(1 AS VARCHAR)',
  '(SELECT count(*) FROM jobs)',
  '(SELECT 1)',
  'EXISTS (SELECT 1)',
  "getenv('HOME')",
  "read_text('/etc/passwd')",
  "current_setting('access_mode')",
  "glob('*')",
  'pg_sleep(10)',
  'sleep(10)',
  'version()',
  'current_user',
  'CASE WHEN true THEN 1 END',
  'lambda x: x',
  'x -> x + 1',
  '[1, 2, 3]',
  '{a: 1}',
  'information_schema.tables',
  'sqlite_master',
  'main.jobs',
  'jobs.job_id',
  'filter_aggregates',
  'aggregate_1',
  '*',
  'COLUMNS(*)',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'prototype.polluted',
  '#{`id`}',
  '`id`',
  '{{7*7}}',
  '0x41414141',
  "x'41'",
  "E'\\\\x41'",
  "U&'\\0027'",
  'ʼ OR ʼ1ʼ=ʼ1',
  '＇ OR ＇1＇=＇1',
  '’; DROP TABLE jobs; ——',
  '\u202e OR true',
  '\u200bstate',
  '\ufeffstate',
  'ѕtate',
  'ＳＴＡＴＥ',
  '\u0000',
  'a\u0000b',
  '\u0000; DROP TABLE jobs',
  '\ud800',
  '\udfff\ud800',
  '\u0007\u001b[31m',
  '\r\n; DROP TABLE jobs;\r\n',
  '\u2028; DROP TABLE jobs',
  '%27%20OR%201=1',
  '&#39; OR 1=1',
  'NaN',
  'Infinity',
  '-Infinity',
  '1e308 * 1e308',
  '1e999',
  '-0',
  '9'.repeat(1_000),
  `0.${'0'.repeat(1_000)}1`,
  '9223372036854775808',
  '1/0',
  '0/0',
  '(a+)+$',
  '^(([a-z])+.)+[A-Z]([a-z])+$',
  '[',
  '(?i)(',
  '\\1',
  '%a'.repeat(20),
  '%_a'.repeat(500),
  '_'.repeat(4_000),
  '%'.repeat(4_000),
  'a'.repeat(5_000),
  '('.repeat(4_000),
  ')'.repeat(4_000),
  '['.repeat(4_000),
  'not '.repeat(1_000),
  '-'.repeat(4_000),
  '!'.repeat(4_000),
  'abs('.repeat(1_000),
  "'".repeat(4_001),
  '"'.repeat(4_001),
  '\\'.repeat(4_000),
  '1,'.repeat(2_000),
  'true or '.repeat(500),
  '.a'.repeat(2_000),
];

/** Where an attacker can put a text: alone, in a text, as a name, in a list, in a pattern, in a key. */
const PLACES: readonly ((attack: string) => string)[] = [
  (attack) => attack,
  (attack) => `state = '${attack}'`,
  (attack) => `state = "${attack}"`,
  (attack) => `state = '${attack.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`,
  (attack) => `${attack} = 1`,
  (attack) => `${attack} > avg_${attack}`,
  (attack) => `worker.${attack} is null`,
  (attack) => `${attack}(cost) > 1`,
  (attack) => `cost > 1 ${attack}`,
  (attack) => `state in ('a', ${attack})`,
  (attack) => `state like '${attack}'`,
  (attack) => `tags ilike '%${attack.replaceAll('\\', '\\\\').replaceAll("'", "''")}%'`,
  (attack) => `metadata['${attack}'] = 'x'`,
  (attack) => `metadata.${attack} = 'x'`,
  (attack) => `created_at > '${attack}'`,
  (attack) => `cost > ${attack}`,
];

const WORDS = new Set(
  (
    'with as materialized select from where order by and or not in between is null true false case when then end cast ' +
    'try_cast double varchar nullif abs lower length coalesce len list_filter lambda item list_contains contains ' +
    'regexp_full_match epoch_us json_valid json_extract_string avg sum min max quantile_cont count ' +
    'filter_aggregates jobs job_id rowid'
  ).split(' '),
);
const COLUMNS = new Set<string>(JOB_COLUMNS.map(({ name }) => name));
const CONSTANTS = new Set(["'s'", "'si'", '0', '1e6', '0.5', '0.9', '0.95', '0.99']);
const TOKEN = /\s+|"([^"]*)"|\$\d+|'[^']*'|\d[\w.]*|([A-Za-z_]\w*)|::|<=|>=|<>|[-+*/%=<>(),:]|([\s\S])/gu;

/** Every token is one of ours. */
function assertOurSql({ parameters, ...compiled }: CompiledFilter): void {
  const sql = statementOf({ parameters, ...compiled });
  for (const [token, column, word, other] of sql.matchAll(TOKEN)) {
    assert.equal(other, undefined, `${token} in ${sql}`);
    if (column !== undefined) assert.ok(COLUMNS.has(column), `column ${column} in ${sql}`);
    if (word !== undefined)
      assert.ok(WORDS.has(word.toLowerCase()) || /^aggregate_\d+$/.test(word), `${word} in ${sql}`);
    if (/^['\d]/.test(token)) assert.ok(CONSTANTS.has(token), `${token} in ${sql}`);
    if (token.startsWith('$')) assert.ok(Number(token.slice(1)) <= parameters.length, `${token} in ${sql}`);
  }
  assert.doesNotMatch(sql, /--|\/\*|;/);
}

let jobs: TestJobs;

before(async () => {
  jobs = await TestJobs.create([
    {
      job_id: 'a',
      state: 'COMPLETED',
      error_message: 'a'.repeat(2_000),
      tags: ['a'.repeat(500)],
      metadata: '{"x": "y"}',
    },
    { job_id: 'b', state: 'FAILED', cost_usd: 1, tags: [], created_at: NOW_MS * 1000 },
  ]);
});

after(() => jobs.close());

function parsed(text: string): Filter | undefined {
  try {
    return parseFilter(text);
  } catch (error) {
    assert.ok(error instanceof MonitorError, `${JSON.stringify(text)}: ${(error as Error).stack}`);
    assert.equal(error.code, 'invalid_filter');
    assert.ok(Number(error.extra?.line) >= 1 && Number(error.extra?.column) >= 1);
    assert.ok(error.message.length < 600, `${error.message.length} characters: ${error.message}`);
    return undefined;
  }
}

test('no filter changes what the statement is', async () => {
  const texts = new Set(ATTACKS.flatMap((attack) => PLACES.map((place) => place(attack))));
  assert.ok(texts.size > 1_500, `only ${texts.size} texts`);
  let accepted = 0;
  for (const text of texts) {
    const filter = parsed(text);
    if (!filter) continue;
    accepted++;
    const compiled = compileFilter(filter, { base: 'jobs', now_ms: NOW_MS });
    assertOurSql(compiled);
    const statements = await jobs.connection.extractStatements(statementOf(compiled));
    assert.equal(statements.count, 1, text);
    await jobs.ids(compiled);
  }
  assert.ok(accepted > 300, `only ${accepted} texts were accepted`);
  assert.deepEqual(await jobs.matching('true'), ['a', 'b']);
});

test('a text of the filter is compared as it is', async () => {
  const texts = ATTACKS.filter((attack) => attack.length < 1_000 && !attack.includes('\0') && attack.isWellFormed());
  await jobs.replace(texts.map((worker_id, index) => ({ job_id: `${index}`, worker_id, tags: [worker_id] })));
  for (const [index, text] of texts.entries()) {
    const written = `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
    assert.deepEqual(await jobs.matching(`worker = ${written}`), [`${index}`]);
    assert.deepEqual(await jobs.matching(`${written} in tags`), [`${index}`]);
    const pattern = written.replace(/\\\\|[%_]/g, (piece) => (piece === '\\\\' ? '\\\\\\\\' : `\\${piece}`));
    assert.deepEqual(await jobs.matching(`worker like ${pattern}`), [`${index}`]);
  }
});

test('random bytes and damaged filters are refused, or are filters', () => {
  const filters = [
    "processing_time > avg_processing_time * 2 and 'x' not in tags",
    "lower(state) like 'a\\_%' || cost/2 >= 1_000.5e3GB",
  ];
  const pieces = [
    "'",
    '"',
    '\\',
    '(',
    ')',
    ',',
    '\0',
    '\ud800',
    'é',
    '$1',
    '--',
    ' not ',
    ' in ',
    '[',
    '.',
    '%',
    '1e',
    ';',
  ];
  for (const filter of filters) {
    for (let at = 0; at <= filter.length; at++) {
      parsed(filter.slice(0, at));
      parsed(filter.slice(at));
      for (const piece of pieces) {
        const damaged = parsed(filter.slice(0, at) + piece + filter.slice(at));
        if (damaged) assertOurSql(compileFilter(damaged, { base: 'jobs', now_ms: NOW_MS }));
      }
    }
  }
});

/** DuckDB's LIKE needs about n⁴ steps for this pattern: hours for these 200 jobs. */
test('a pattern with many wildcards is matched in linear time', async () => {
  const text = 'a'.repeat(3_000);
  await jobs.replace(
    Array.from({ length: 200 }, (_, index) => ({ job_id: `${index}`, error_message: `${text}${index}` })),
  );
  assert.deepEqual(await jobs.matching(`error_message ilike '${'%_a'.repeat(19)}b%'`), []);
});

test('more aggregates than are allowed are refused', () => {
  const filter = parseFilter(Array.from({ length: 33 }, (_, index) => `avg(cost + ${index}) > 1`).join(' and '));
  assert.throws(() => compileFilter(filter, { base: 'jobs', now_ms: NOW_MS }), { code: 'invalid_filter' });
});
