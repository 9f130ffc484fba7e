/** docs/analytics-filter.md says what is so: its examples run, its tables are complete. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MonitorError } from '../../../protocol/errors.ts';
import { JOB_COLUMNS } from '../tables.ts';
import { AGGREGATES_LIMIT } from './compile.ts';
import { parseFilter } from './filter.ts';
import { PATTERN_WILDCARDS } from './like.ts';
import { LIMITS } from './parse.ts';
import { AGGREGATES, FUNCTIONS, OPERATORS } from './rules.ts';
import { TestJobs } from './testing-jobs.ts';
import { UNITS } from './units.ts';

const PAGE = readFileSync(new URL('../../../docs/analytics-filter.md', import.meta.url), 'utf8');

/** What the page has as code, words apart. */
const CODE = [...PAGE.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!.replaceAll('\\|', '|'));
const CODE_WORDS = new Set(CODE.flatMap((code) => code.split(/[\s(),]+/)));

test('the examples of the page are filters that DuckDB executes', async () => {
  const blocks = [...PAGE.matchAll(/```filter\n([\s\S]*?)```/g)].map(([, block]) => block!);
  const examples = blocks.flatMap((block) => block.trim().split('\n'));
  assert.ok(examples.length >= 14, `only ${examples.length} examples`);
  const jobs = await TestJobs.create([{ job_id: 'a', state: 'FAILED' }]);
  try {
    for (const example of examples) await jobs.matching(example);
  } finally {
    jobs.close();
  }
});

test('conditions within the text of the page are filters, too', () => {
  const conditions = CODE.filter(
    (code) => / (?:[<>]=?|!?=|in|contains|like|is|is not) /.test(code) && !/\b[xab]\b(?!')/.test(code),
  );
  assert.ok(conditions.length >= 8, `only ${conditions.join(', ')}`);
  for (const condition of conditions) parseFilter(condition);
});

test('the page has every operator, function, aggregate and unit', () => {
  const operators = Object.keys(OPERATORS).filter((operator) => operator !== 'negate');
  for (const name of [
    ...operators.flatMap((operator) => operator.split(' ')),
    ...FUNCTIONS.keys(),
    ...AGGREGATES.keys(),
  ]) {
    assert.ok(CODE_WORDS.has(name), name);
  }
  for (const unit of UNITS.filter((known) => known !== 'B')) {
    assert.ok(new RegExp(`\\d${unit}\\b|\\b${unit}\\b`).test(PAGE), unit);
  }
});

test('the page has every field with its other names and its meaning', () => {
  for (const column of JOB_COLUMNS) {
    const aliases: readonly string[] = 'aliases' in column ? column.aliases : [];
    const row = `| \`${column.name}\` | ${aliases.map((alias) => `\`${alias}\``).join(', ')} | `;
    const line = PAGE.split('\n').find((candidate) => candidate.startsWith(row));
    assert.ok(line?.endsWith(`| ${column.meaning} |`), `expected a line: ${row}… | ${column.meaning} |`);
  }
});

test('the error of the page is what such a filter is told', () => {
  const [, detail, hint] = /```\n(Filter, line .*)\n([\s\S]*?)\n```/.exec(PAGE)!;
  assert.throws(
    () => parseFilter(hint!.split('\n')[1]!),
    (error) => {
      assert.ok(error instanceof MonitorError);
      assert.deepEqual([error.message, error.hint], [detail, hint]);
      return true;
    },
  );
});

test('the limits of the page are those that hold', () => {
  const { text_characters, nodes, depth, list_items } = LIMITS;
  const limits = [text_characters, nodes, depth, list_items, PATTERN_WILDCARDS, AGGREGATES_LIMIT];
  const last = PAGE.slice(PAGE.indexOf('A filter has at most'));
  assert.deepEqual(
    last.match(/\d[\d,]*(?= )/g)?.map((number) => Number(number.replace(',', ''))),
    limits,
  );
});
