/** Bottlenecks and filtered jobs, on rows made for each pattern. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../clock.ts';
import { Database, type Row } from '../database.ts';
import { runQuery } from '../query.ts';
import { JOB_COLUMNS } from '../tables.ts';
import type { Asking } from './base.ts';
import { bottlenecks } from './bottlenecks.ts';
import { jobRows } from './jobs.ts';

const RANGE = { from_ms: Date.parse('2025-07-01T00:00:00Z'), to_ms: Date.parse('2025-08-01T00:00:00Z') };
const BLANK = Object.fromEntries(JOB_COLUMNS.map(({ name }) => [name, null]));
let made = 0;
let folder: string;
let database: Database;
let asking: Asking;

function row(more: Row): Row {
  made += 1;
  const at = new Date(Date.parse('2025-07-07T19:00:00Z') + made * 1000).toISOString();
  const usual = { state: 'COMPLETED', created_at: at, started_at: at, completed_at: at, attempt: 1, runs: 1, tags: [] };
  const took = {
    processing_time_seconds: 60,
    file_size_bytes: 1_000_000,
    device: 'cuda',
    gpu_usage: 90,
    download_time_seconds: 5,
  };
  return {
    ...BLANK,
    job_id: `job-${String(made).padStart(4, '0')}`,
    ...usual,
    ...took,
    worker_id: 'worker-1',
    audio_source: 's3://good',
    ...more,
  };
}

const SLOW = { processing_time_seconds: 600 };
const ROWS: Row[] = [
  row({ job_id: 'first', ...SLOW }),
  ...Array.from({ length: 40 }, () => row({})),
  row({ job_id: 'large', ...SLOW, file_size_bytes: 100_000_001 }),
  row({ job_id: 'exactly-large', ...SLOW, file_size_bytes: 100_000_000 }),
  row({ job_id: 'large-and-quick', file_size_bytes: 900_000_000 }),
  row({ job_id: 'idle-gpu', ...SLOW, gpu_usage: 49.9 }),
  row({ job_id: 'busy-gpu', ...SLOW, gpu_usage: 50 }),
  row({ job_id: 'unknown-gpu', ...SLOW, gpu_usage: null }),
  row({ job_id: 'far', ...SLOW, download_time_seconds: 300.5 }),
  row({ job_id: 'near', ...SLOW, download_time_seconds: 300 }),
  row({ job_id: 'on-cpu', ...SLOW, device: 'cpu' }),
  row({ job_id: 'retried', attempt: 2, runs: 2, cost_usd: 0.25 }),
  ...Array.from({ length: 6 }, (_, n) =>
    row({ job_id: `bad-${n}`, state: n < 5 ? 'FAILED' : 'COMPLETED', worker_id: 'worker-9', error_code: 'crashed' }),
  ),
  ...Array.from({ length: 5 }, (_, n) =>
    row({ job_id: `noise-${n}`, state: n < 4 ? 'FAILED' : 'COMPLETED', audio_source: 's3://bad' }),
  ),
  row({ job_id: 'long-ago', ...SLOW, completed_at: '2025-06-30T23:59:59.999Z' }),
  row({ job_id: 'still-running', state: 'PROCESSING', completed_at: null, processing_time_seconds: 9_000 }),
];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tmon-bottlenecks-'));
  database = await Database.open({ folder, cache: folder, threads: 1, memory_mb: 128 });
  await database.putFresh('memory', { job_states: ROWS, job_attempts: [] });
  asking = {
    limits: { rows_max: 10_000, timeout_ms: 60_000 },
    analytics: {
      query: async (query) => ({ ...(await runQuery(await database.connect(), query, systemClock)), as_of_seq: 1 }),
    },
  };
});

after(async () => {
  database.close();
  await rm(folder, { recursive: true, force: true });
});

const idsOf = (rows: readonly Row[]) => rows.map(({ job_id }) => job_id as string);

test('[A104] [A106] [A107] [A108] each pattern has its jobs, at the borders that the documents print', async () => {
  const { patterns, counts, jobs_completed, average_processing_seconds, slow_jobs } = await bottlenecks(
    asking,
    RANGE,
    50,
  );
  const completed = ROWS.filter(({ state, job_id }) => state === 'COMPLETED' && job_id !== 'long-ago');
  const mean =
    completed.reduce((sum, { processing_time_seconds }) => sum + Number(processing_time_seconds), 0) / completed.length;
  assert.deepEqual([jobs_completed, average_processing_seconds], [completed.length, Math.round(mean * 1000) / 1000]);
  assert.equal(
    slow_jobs,
    completed.filter(({ processing_time_seconds }) => Number(processing_time_seconds) > 2 * mean).length,
  );
  const found = Object.fromEntries(Object.entries(patterns).map(([name, rows]) => [name, idsOf(rows).sort()]));
  assert.deepEqual(found, {
    large_files: ['large'],
    gpu_issues: ['idle-gpu'],
    network_issues: ['far'],
    cold_starts: ['first'],
    cpu_fallback: ['on-cpu'],
    bad_workers: ['bad-0', 'bad-1', 'bad-2', 'bad-3', 'bad-4'],
    bad_sources: ['noise-0', 'noise-1', 'noise-2', 'noise-3'],
    retries: ['retried'],
  });
  assert.equal(counts.bad_workers, 5);
  const columns = JOB_COLUMNS.map(({ name }) => name);
  assert.deepEqual(Object.keys(patterns.large_files[0]!).sort(), [...columns, 'evidence'].sort());
  const evidence = (name: keyof typeof patterns) => patterns[name][0]?.evidence;
  assert.match(String(evidence('large_files')), /^took 600 s, [\d.]+ times the mean; the file has 100 MB$/);
  assert.match(String(evidence('bad_workers')), /^failed on worker-9: 83 % of its jobs fail, \d+ % of the others$/);
  assert.equal(evidence('retries'), 'COMPLETED at attempt 2, for $0.25');
});

test('of many jobs of a pattern the slowest are listed, and all are counted; where nothing ended there is none', async () => {
  const { patterns, counts } = await bottlenecks(asking, RANGE, 2);
  assert.deepEqual([patterns.bad_workers.length, counts.bad_workers], [2, 5]);
  const nothing = await bottlenecks(asking, { from_ms: 0, to_ms: 1 }, 20);
  assert.deepEqual(
    [nothing.jobs_completed, nothing.average_processing_seconds, nothing.slow_jobs, nothing.counts.retries],
    [0, null, 0, 0],
  );
});

test('[A105] jobs by the filter of the documents, page by page, those that ended last first', async () => {
  const filter = 'processing_time > avg_processing_time * 2';
  const all = await jobRows(asking, { ...RANGE, filter, limit: 100, cursor: undefined });
  const inRange = ROWS.filter(({ job_id }) => job_id !== 'long-ago');
  const mean =
    inRange.reduce((sum, { processing_time_seconds }) => sum + Number(processing_time_seconds), 0) / inRange.length;
  const expected = inRange.filter(({ processing_time_seconds }) => Number(processing_time_seconds) > 2 * mean);
  assert.ok(expected.length > 0);
  assert.deepEqual(idsOf(all.items).sort(), idsOf(expected).sort());
  const paged: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await jobRows(asking, { ...RANGE, filter: `state = 'COMPLETED'`, limit: 7, cursor });
    paged.push(...idsOf(page.items));
    if (page.next_cursor === null) break;
    assert.equal(page.items.length, 7);
    cursor = page.next_cursor;
  }
  const completed = inRange.filter(({ state }) => state === 'COMPLETED');
  const byEnd = [...completed].sort((a, b) => String(b.completed_at).localeCompare(String(a.completed_at)));
  assert.deepEqual(paged, idsOf(byEnd));
});

test('a filter that is wrong says where; a cursor that is not ours is refused', async () => {
  const ask = (filter: string, cursor?: string) => jobRows(asking, { ...RANGE, filter, limit: 5, cursor });
  await assert.rejects(ask('cost > procesing_time'), {
    code: 'invalid_filter',
    extra: { line: 1, column: 8, expected: ['a field'], nearest: ['processing_time'] },
  });
  for (const cursor of ['', 'x', Buffer.from('{}').toString('base64url'), Buffer.from('null').toString('base64url')]) {
    await assert.rejects(ask('cost > 1', cursor), { code: 'invalid_cursor' });
  }
});
