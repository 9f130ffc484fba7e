/** Quantiles of times that do not fit into 32 bits of milliseconds. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DAY_MS, formatTime } from '../../../protocol/time.ts';
import { systemClock } from '../../clock.ts';
import { Database } from '../database.ts';
import { runQuery } from '../query.ts';
import { JOB_COLUMNS } from '../tables.ts';
import type { Asking } from './base.ts';
import { durations } from './reports.ts';

const BLANK = Object.fromEntries(JOB_COLUMNS.map(({ name }) => [name, null]));
const ENDED_MS = Date.parse('2025-07-07T12:00:00.250Z');
const TAKEN_S = [0.001, 0.25, 90, 90.123, 86_400 * 24, 86_400 * 25, 86_400 * 400];

test('a time of more than 24 days is in the quantiles to the millisecond', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tmon-durations-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const database = await Database.open({ folder, cache: folder, threads: 1, memory_mb: 128 });
  t.after(() => database.close());
  const job_states = TAKEN_S.map((seconds, at) => ({
    ...BLANK,
    job_id: `job-${at}`,
    state: 'COMPLETED',
    model: at % 2 === 0 ? 'even' : 'odd',
    created_at: formatTime(ENDED_MS - seconds * 1000),
    completed_at: formatTime(ENDED_MS),
    processing_time_seconds: seconds,
  }));
  await database.putFresh('memory', { job_states, job_attempts: [] });
  const query: Asking['analytics']['query'] = async (asked) => ({
    ...(await runQuery(await database.connect(), asked, systemClock)),
    as_of_seq: 1,
  });
  const asking = { analytics: { query }, limits: { rows_max: 100, timeout_ms: 60_000 } };
  const range = { from_ms: ENDED_MS - DAY_MS, to_ms: ENDED_MS + DAY_MS, group_by: 'model' } as const;
  const { total, items } = await durations(asking, range);
  const expected = (seconds: readonly number[]) => ({
    count: seconds.length,
    average: round(seconds.reduce((sum, one) => sum + one, 0) / seconds.length),
    p50: quantile(seconds, 0.5),
    p90: quantile(seconds, 0.9),
    p95: quantile(seconds, 0.95),
    p99: quantile(seconds, 0.99),
    max: seconds.at(-1),
  });
  const none = { count: 0, average: null, p50: null, p90: null, p95: null, p99: null, max: null };
  const of = (group: object, seconds: readonly number[]) => ({
    ...group,
    jobs_completed: seconds.length,
    queue: none,
    download: none,
    processing: expected(seconds),
    turnaround: expected(seconds),
  });
  assert.deepEqual(total, of({}, TAKEN_S));
  const [even, odd] = [0, 1].map((rest) => TAKEN_S.filter((_, at) => at % 2 === rest));
  assert.deepEqual(items, [of({ group: 'even' }, even!), of({ group: 'odd' }, odd!)]);
});

function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)]!;
  return round(below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at)));
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
