/** What each operator, field and function of the filter language selects, in DuckDB. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ATTEMPT_COLUMNS, JOB_COLUMNS } from '../tables.ts';
import { compileFilter, parseFilter } from './filter.ts';
import { AGGREGATES, FUNCTIONS, OPERATORS } from './rules.ts';
import { NOW_MS, TestJobs } from './testing-jobs.ts';

const HOUR_US = 3_600_000_000;
const now_us = NOW_MS * 1000;

let jobs: TestJobs;

before(async () => {
  jobs = await TestJobs.create([
    {
      job_id: 'a',
      state: 'COMPLETED',
      processing_time_seconds: 10,
      duration_seconds: 100,
      file_size_bytes: 50_000_000,
      gpu_usage: 80,
      created_at: now_us - 48 * HOUR_US,
      tags: ['night', 'exp-1'],
      metadata: '{"customer": "acme", "retries": 3, "customer-id": "x/1"}',
    },
    {
      job_id: 'b',
      state: 'FAILED',
      processing_time_seconds: 20,
      duration_seconds: 0,
      file_size_bytes: 500_000_000,
      gpu_usage: 30,
      created_at: now_us - HOUR_US,
      error_message: 'CUDA out of memory',
      tags: [],
      metadata: '{"customer": {"plan": "free"}}',
    },
    {
      job_id: 'c',
      state: 'COMPLETED',
      processing_time_seconds: 90,
      created_at: now_us,
      error_message: '100% sure',
      metadata: '{not json',
    },
    { job_id: 'd', state: 'QUEUED', created_at: now_us - 24 * HOUR_US },
  ]);
});

after(() => jobs.close());

const finds = (filter: string, ids: string): Promise<void> =>
  jobs.matching(filter).then((found) => assert.equal(found.join(' '), ids, filter));

async function allFind(expected: Record<string, string>): Promise<void> {
  for (const [filter, ids] of Object.entries(expected)) await finds(filter, ids);
}

test('[A105] the printed filter finds the jobs that took more than twice the average', async () => {
  await finds('processing_time > avg_processing_time * 2', 'c');
});

test('comparisons compare numbers, texts and times', () =>
  allFind({
    'processing_time = 20': 'b',
    'processing_time == 20': 'b',
    'processing_time != 20': 'a c',
    'processing_time <> 20': 'a c',
    'processing_time < 20': 'a',
    'processing_time <= 20': 'a b',
    'processing_time > 20': 'c',
    'processing_time >= 20': 'b c',
    "state >= 'FAILED'": 'b d',
    'state = "FAILED"': 'b',
  }));

test('arithmetic has the usual precedence; division by zero is null', () =>
  allFind({
    'processing_time + 10 * 2 = 30': 'a',
    '(processing_time + 10) * 2 = 40': 'a',
    'processing_time - 5 - 5 = 0': 'a',
    '-processing_time < -50': 'c',
    'processing_time % 7 = 6': 'b c',
    'processing_time / duration = 0.1': 'a',
    'processing_time / duration is null': 'b c d',
    'processing_time % duration is null': 'b c d',
  }));

test('and binds closer than or, not closer than and; each has a sign', () =>
  allFind({
    "state = 'QUEUED' or state = 'FAILED' and processing_time > 50": 'd',
    "(state = 'QUEUED' or state = 'FAILED') and processing_time < 50": 'b',
    "state = 'QUEUED' || state = 'FAILED' && !(processing_time > 50)": 'b d',
    "NOT state = 'COMPLETED' AND true": 'b d',
    'false or not false': 'a b c d',
    "(state = 'FAILED') = (gpu_usage < 50)": 'a b',
  }));

test('lists, ranges and null have their own tests, each with its negation', () =>
  allFind({
    "state in ('FAILED', 'QUEUED')": 'b d',
    "state not in ('FAILED', 'QUEUED')": 'a c',
    'processing_time between 10 and 20': 'a b',
    'processing_time not between 10 and 20': 'c',
    'gpu_usage is null': 'c d',
    'gpu_usage is not null': 'a b',
  }));

test('a comparison with null is neither true nor false', () =>
  allFind({
    'gpu_usage > 50': 'a',
    'not gpu_usage > 50': 'b',
    'gpu_usage > 50 or gpu_usage <= 50': 'a b',
    "error_message != 'x'": 'b c',
    'coalesce(gpu_usage, 0) <= 50': 'b c d',
  }));

test('patterns match the whole text, ilike in any case', () =>
  allFind({
    "error_message like '%memory'": 'b',
    "error_message like 'memory'": '',
    "error_message like 'CUDA out_of%'": 'b',
    "error_message not like '%out%'": 'c',
    "error_message like 'cuda%'": '',
    "error_message ilike 'cuda%'": 'b',
    "error_message like '100\\%%'": 'c',
    "error_message like '1__\\% sure'": 'c',
    "error_message contains 'out of'": 'b',
    "'out of' in error_message": 'b',
  }));

test('tags are tested for one of their texts', () =>
  allFind({
    "tag = 'night'": 'a',
    "tags contains 'night'": 'a',
    "'night' in tags": 'a',
    "'night' not in tags": 'b',
    "tag != 'night'": 'b',
    "tag in ('night', 'day')": 'a',
    "tag like 'exp-%'": 'a',
    "tag ilike 'EXP-%'": 'a',
    'length(tags) = 2': 'a',
    'tags is null': 'c d',
  }));

test('numbers have units and separators', () =>
  allFind({
    'file_size > 100_000_000': 'b',
    'file_size > 0.1GB': 'b',
    'file_size = 500mb': 'b',
    'file_size < 48MiB': 'a',
    'processing_time >= 1.5m': 'c',
    'processing_time = 90s': 'c',
    'processing_time = 90_000ms': 'c',
    'processing_time * 40 = 1h': 'c',
    'processing_time = 9e1': 'c',
    'processing_time = .9e+2': 'c',
  }));

test('times are compared with ISO 8601 texts, and shifted by seconds', () =>
  allFind({
    "created_at < '2026-01-30'": 'a',
    "created_at >= '2026-01-31'": 'b c',
    "created_at = '2026-01-31T12:00:00Z'": 'c',
    "created_at = '2026-01-31 14:00:00+02:00'": 'c',
    "'2026-01-31T07:00-0500' = created_at": 'c',
    "created_at between '2026-01-30' and '2026-01-31T11:00'": 'b d',
    'created_at > now() - 1d': 'b c',
    'created_at + 1d = now()': 'd',
    'now() - created_at >= 2d': 'a',
    "created_at in ('2026-01-31T12:00:00.000Z')": 'c',
    'coalesce(started_at, created_at) < now() - 25h': 'a',
  }));

test('keys of the metadata are texts; a job whose metadata is no JSON has none', () =>
  allFind({
    "metadata.customer = 'acme'": 'a',
    "metadata.customer.plan = 'free'": 'b',
    "metadata['customer-id'] = 'x/1'": 'a',
    'number(metadata.retries) >= 3': 'a',
    "metadata.retries = '3'": 'a',
    'metadata.customer is null': 'c d',
    "metadata like '%not json%'": 'c',
  }));

test('functions calculate values', () =>
  allFind({
    "lower(state) = 'failed'": 'b',
    'abs(processing_time - 25) = 15': 'a',
    'length(error_message) = 9': 'c',
    "coalesce(error_message, 'none') = 'none'": 'a d',
    'number(error_message) is null': 'a b c d',
  }));

test('aggregates are over all queried jobs, before the filter', () =>
  allFind({
    'processing_time > avg_processing_time': 'c',
    'processing_time > avg(processing_time)': 'c',
    'processing_time = min_processing_time': 'a',
    'processing_time = max_processing_time_seconds': 'c',
    'processing_time = median_processing_time': 'b',
    'processing_time = p50(processing_time)': 'b',
    'processing_time >= p90_processing_time': 'c',
    'processing_time >= p95_processing_time': 'c',
    'processing_time >= p99_processing_time': 'c',
    'sum_processing_time = 120 and processing_time = 10': 'a',
    "count = 4 and count(gpu_usage) = 2 and count_error_message = 2 and state = 'QUEUED'": 'd',
    'worker.gpu_usage > avg_worker.gpu_usage': 'a',
    'created_at = max(created_at)': 'c',
    'avg(processing_time / 2) = 20 and gpu_usage < 50': 'b',
  }));

test('a column whose name looks like an aggregate is the column', async () => {
  const { where } = compileFilter(parseFilter('max_attempts > 3'), { base: 'jobs', now_ms: NOW_MS });
  assert.match(where, /^\(\("max_attempts"::DOUBLE > \$1::DOUBLE\)\)$/);
});

test('an aggregate that is used twice is computed once', () => {
  const filter = parseFilter('cost > avg_cost * 2 or cost < avg(cost) / 2 or cost_usd > p95_cost');
  const { with: tables } = compileFilter(filter, { base: 'jobs', now_ms: NOW_MS });
  assert.deepEqual(tables, [
    'filter_aggregates AS MATERIALIZED (SELECT avg("cost_usd"::DOUBLE) AS aggregate_1, quantile_cont("cost_usd"::DOUBLE, 0.95) AS aggregate_2 FROM jobs)',
  ]);
});

test('parameters are numbered after those of the statement', () => {
  const filter = parseFilter("cost > 2 and state = 'FAILED' and attempts > 2");
  const { where, parameters } = compileFilter(filter, { base: 'jobs', now_ms: NOW_MS, parameters_before: 3 });
  assert.deepEqual(where.match(/\$\d+::\w+/g), ['$4::DOUBLE', '$5::VARCHAR', '$4::DOUBLE']);
  assert.deepEqual(
    parameters.map(({ value }) => value),
    [2, 'FAILED'],
  );
});

test('every column and every alias is a field', async () => {
  for (const column of JOB_COLUMNS) {
    const aliases: readonly string[] = 'aliases' in column ? column.aliases : [];
    for (const name of [column.name, ...aliases]) await jobs.matching(`${name} is null`);
  }
});

test('other tables have their own fields', () => {
  const filter = parseFilter("ended_at > '2026-01-01' and error_code = 'OOM'", ATTEMPT_COLUMNS);
  const { where } = compileFilter(filter, { base: 'attempts', now_ms: NOW_MS });
  assert.match(where, /epoch_us\("ended_at"\)/);
  assert.throws(() => parseFilter("metadata.customer = 'x'", ATTEMPT_COLUMNS), { code: 'invalid_filter' });
});

test('overflow is infinite, and fails no query', () =>
  allFind({
    'processing_time * 1e308 * 1e308 > 1e308': 'a b c',
    'avg(processing_time * 1e308 * 10) > 1e308': 'a b c d',
    'sum(processing_time * 1e307) > 1': 'a b c d',
    'p95(processing_time * 1e308 - processing_time * 1e308) is null': '',
    'created_at + 1e300 > now()': 'a b c d',
  }));

test('every rule of every operator and function runs in DuckDB', async () => {
  const samples = {
    number: '"gpu_usage"::DOUBLE',
    text: '"state"',
    texts: '"tags"',
    time: 'epoch_us("created_at")::DOUBLE',
    condition: '("attempt" > 1)',
    pattern: "'a.*'",
  };
  const tables = [...Object.values(OPERATORS), ...FUNCTIONS.values(), ...AGGREGATES.values()];
  for (const rule of tables.flat()) {
    const operands = [...rule.takes, ...(rule.more ? [rule.more, rule.more] : [])].map((type) => samples[type]);
    const reader = await jobs.connection.runAndReadAll(`SELECT typeof(${rule.sql(...operands)}) FROM jobs LIMIT 1`);
    const expected = { number: 'DOUBLE', time: 'DOUBLE', text: 'VARCHAR', condition: 'BOOLEAN', texts: 'VARCHAR[]' };
    assert.equal(reader.getRows()[0]![0], expected[rule.returns], rule.sql(...operands));
  }
});
