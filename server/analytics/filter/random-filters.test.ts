/** Filters at random: what is printed is parsed as the same tree, and DuckDB agrees with a second implementation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSyntax } from './parse.ts';
import type { Syntax } from './syntax.ts';
import { Chance } from './testing-chance.ts';
import { matches } from './testing-evaluate.ts';
import { TestJobs } from './testing-jobs.ts';
import { printFilter } from './testing-print.ts';
import { RandomTrees, randomJob } from './testing-trees.ts';

const TABLES = 30;
const FILTERS_PER_TABLE = 100;
const JOBS_PER_TABLE = 25;

const withoutPlaces = (tree: Syntax): unknown =>
  JSON.parse(JSON.stringify(tree, (key, value) => (key === 'at' ? 0 : value)));

test('a printed tree is parsed as the same tree, whatever its spelling', () => {
  const chance = new Chance(1);
  const trees = new RandomTrees(chance);
  for (let i = 0; i < 3_000; i++) {
    const tree = trees.condition(1 + (i % 4));
    const text = printFilter(tree, chance);
    if (text.length > 4_000) continue;
    assert.deepEqual(withoutPlaces(parseSyntax(text)), withoutPlaces(tree), text);
  }
});

test('DuckDB finds the jobs that a second implementation finds, in tables with many nulls', async () => {
  const jobs = await TestJobs.create([]);
  let found = 0;
  try {
    for (let seed = 1; seed <= TABLES; seed++) {
      const chance = new Chance(seed);
      const rows = Array.from({ length: seed === 1 ? 0 : JOBS_PER_TABLE }, (_, index) => randomJob(index, chance));
      await jobs.replace(rows);
      for (let i = 0; i < FILTERS_PER_TABLE; i++) {
        const tree = new RandomTrees(chance).condition(i % 4);
        const text = printFilter(tree, chance);
        if (text.length > 4_000) continue;
        const expected = rows.filter((row) => matches(tree, row, rows)).map((row) => row.job_id);
        assert.deepEqual(await jobs.matching(text), expected, `seed ${seed}, filter ${i}: ${text}`);
        if (expected.length > 0 && expected.length < rows.length) found++;
      }
    }
  } finally {
    jobs.close();
  }
  assert.ok(found > 800, `only ${found} filters divided the jobs`);
});
