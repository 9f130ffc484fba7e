/** The figures of the reports, against sums over the records themselves. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Group } from '../../../protocol/analytics.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';
import { COST_QUERY } from '../../../test/documents/cost-query.ts';
import { systemClock } from '../../clock.ts';
import { jobDocument } from '../../documents/job.ts';
import type { JobRecord, Run } from '../../state-machine/state/records.ts';
import { archivedJobs } from '../../views/archived-jobs.ts';
import { attemptRows, jobRow } from '../columns/rows.ts';
import { runQuery } from '../query.ts';
import type { AnalyticsReader } from '../reader.ts';
import { openAnalytics } from '../testing-analytics.ts';
import type { Asking } from './base.ts';
import { costs, durations, failures, throughput } from './reports.ts';

const HARDWARE = [
  ['large-v3', 'cuda', 'g4dn.xlarge', 0.526],
  ['base', 'cuda', 'g5.xlarge', 1.006],
  ['tiny', 'cpu', 'c7g.large', null],
] as const;
const LIMITS = { rows_max: 10_000, timeout_ms: 60_000 };

let analytics: Awaited<ReturnType<typeof openAnalytics>>;
let records: JobRecord[];
let asking: Asking;
const range = { from_ms: Date.parse('2025-07-01T00:00:00Z'), to_ms: Date.parse('2025-08-01T00:00:00Z') };

function chanceOf(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

before(async () => {
  analytics = await openAnalytics({ finished_max: 40, job_views_days: 0, dlq_window_ms: HOUR_MS });
  const { monitor, clock, reader } = analytics;
  const next = chanceOf(11);
  for (const [index, [model, device, instance_type, spot_price]] of HARDWARE.entries()) {
    const registration = { capabilities: { model, device }, location: { instance_type, spot_price } };
    await monitor.do({ type: 'register_worker', worker_id: `worker-${index}`, registration });
  }
  for (let round = 0; round < 60; round++) {
    const jobs = Array.from({ length: 4 }, (_, at) => ({
      job_id: `job-${round}-${at}`,
      audio_url: `s3://audio/${next(3)}/${round}.mp3`,
      priority: (['high', 'normal', 'low'] as const)[next(3)]!,
      tags: ['night', 'day', 'eu'].filter(() => next(3) === 0),
      ...(next(5) > 0 && { duration_seconds: 1 + next(9000) / 7 }),
    }));
    await monitor.do({ type: 'submit_jobs', jobs });
    for (let worker = 0; worker < 3; worker++) await monitor.claim(`worker-${worker}`, 1 + next(3));
    await clock.turn(next(40) * MINUTE_MS + next(1000));
    for (const [job_id, job] of [...monitor.engine.state.tables.jobs.entries()]) {
      if (job.state === 'QUEUED' && next(6) === 0) await monitor.do({ type: 'cancel_job', job_id });
      if (job.state !== 'PROCESSING') continue;
      if (next(4) > 0) await monitor.complete(job_id);
      else await fail(job_id, ['crashed', 'worker_drained', 'audio_unreadable'][next(3)]!);
    }
    await monitor.tick();
    if (next(4) === 0) await analytics.archive();
    if (next(8) === 0) await analytics.write();
    if (next(6) === 0) await clock.turn(next(10) * HOUR_MS);
  }
  await clock.turn(DAY_MS);
  await monitor.tick();
  await analytics.archive();
  await analytics.write();
  const { state } = monitor.engine;
  records = [...state.tables.jobs.values()];
  for await (const { job } of archivedJobs(analytics.store, state)) records.push(job);
  asking = { analytics: serviceOf(reader), limits: LIMITS };

  function fail(job_id: string, code: string) {
    const error = { code, message: 'as it happens', retryable: code !== 'audio_unreadable' };
    const lease_token = monitor.token(job_id);
    return monitor.do({ type: 'fail_job', job_id, lease_token, error, batch_size: null, jitter: 0.5 });
  }
});

after(() => analytics.close());

function serviceOf(reader: AnalyticsReader): Asking['analytics'] {
  return {
    query: async (query) => {
      await reader.refresh();
      return { ...(await runQuery(await reader.database.connect(), query, systemClock)), as_of_seq: reader.state.seq };
    },
  };
}

const ended = () =>
  records.filter(({ state, completed_ms }) => /COMPLETED|FAILED|CANCELLED/.test(state) && (completed_ms ?? 0) > 0);
const micros = (usd: number | null): number => Math.round((usd ?? 0) * 1e6);
const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
const runsOf = ({ earlier, run }: JobRecord): readonly Run[] => (run ? [...earlier, run] : earlier);

function groupsOf(job: JobRecord, run: Run | undefined, group: Group): (string | null)[] {
  const { completed_at } = jobDocument(job);
  switch (group) {
    case 'day':
      return [completed_at!.slice(0, 10)];
    case 'hour':
      return [`${completed_at!.slice(0, 13)}:00:00Z`];
    case 'worker':
      return [run?.worker_id ?? null];
    case 'tag':
      return job.tags.length > 0 ? [...job.tags] : [null];
    case 'priority':
      return [job.priority];
    case 'error_code':
      return [run?.error_code ?? null];
    default:
      return [run?.[group] ?? null];
  }
}

test('the history has what the figures must get right', () => {
  const jobs = ended();
  const has = (wanted: (job: JobRecord) => boolean, least: number, what: string) =>
    assert.ok(jobs.filter(wanted).length >= least, `${what}: ${jobs.filter(wanted).length} of ${jobs.length}`);
  has(({ earlier }) => earlier.length > 0, 20, 'retried');
  has(({ state }) => state === 'CANCELLED', 5, 'cancelled');
  has(({ state, earlier }) => state === 'CANCELLED' && earlier.length === 0, 1, 'cancelled before they ran');
  has(({ state }) => state === 'FAILED', 5, 'failed');
  has(({ actual_cost_usd, run }) => run !== null && actual_cost_usd === null, 5, 'without a price');
  has(({ tags }) => tags.length > 1, 5, 'with several tags');
  assert.ok(analytics.monitor.engine.state.tables.column_files.size > 1);
});

describe('costs', () => {
  for (const group_by of [
    'day',
    'hour',
    'model',
    'device',
    'instance_type',
    'worker',
    'tag',
    'priority',
    'error_code',
  ] as const) {
    test(`by ${group_by} are those of the attempts, and the groups add up to the total to the micro-dollar`, async () => {
      const { items, total } = await costs(asking, { ...range, group_by });
      assert.equal(micros(Number(total.cost_usd)), sum(ended().map(({ actual_cost_usd }) => micros(actual_cost_usd))));
      const expected = new Map<string | null, number>();
      for (const job of ended()) {
        for (const run of runsOf(job)) {
          for (const group of groupsOf(job, run, group_by)) {
            expected.set(group, (expected.get(group) ?? 0) + micros(run.cost_usd));
          }
        }
        if (!job.run)
          for (const group of groupsOf(job, undefined, group_by)) expected.set(group, expected.get(group) ?? 0);
      }
      const found = new Map(items.map(({ group, cost_usd }) => [group as string | null, micros(Number(cost_usd))]));
      assert.deepEqual(sorted(found), sorted(expected));
      if (group_by !== 'tag') {
        for (const name of ['jobs_completed', 'jobs_failed', 'jobs_cancelled', 'unpriced_attempts']) {
          assert.equal(sum(items.map((item) => Number(item[name]))), total[name], name);
        }
        assert.equal(sum(items.map(({ wasted_usd }) => micros(Number(wasted_usd)))), micros(Number(total.wasted_usd)));
      }
    });
  }

  test('count every job once, and what an hour of audio cost', async () => {
    const { total } = await costs(asking, { ...range, group_by: 'model' });
    const count = (state: string) => ended().filter((job) => job.state === state).length;
    assert.deepEqual(
      [total.jobs_completed, total.jobs_failed, total.jobs_cancelled],
      [count('COMPLETED'), count('FAILED'), count('CANCELLED')],
    );
    const completed = ended().filter(({ state }) => state === 'COMPLETED');
    const audio = sum(completed.map(({ duration_seconds }) => duration_seconds ?? 0));
    assert.ok(Math.abs(Number(total.audio_seconds) - audio) < 0.01);
    assert.ok(Math.abs(Number(total.cost_per_audio_minute_usd) - (Number(total.cost_usd) / audio) * 60) < 1e-6);
    const wasted = ended().flatMap((job) => runsOf(job).filter((run) => job.state !== 'COMPLETED' || run !== job.run));
    assert.equal(micros(Number(total.wasted_usd)), sum(wasted.map(({ cost_usd }) => micros(cost_usd))));
  });
});

test('[A102] the cost query of the documents runs as it is printed, and its figures are those of the records', async () => {
  const rows = await analytics.rows(COST_QUERY);
  const byDay = Map.groupBy(
    ended().filter(({ state }) => state === 'COMPLETED'),
    (job) => jobDocument(job).completed_at!.slice(0, 10),
  );
  assert.deepEqual(
    rows.map(({ date }) => date),
    [...byDay.keys()].sort().reverse(),
  );
  for (const { date, jobs_completed, avg_time, total_cost, cost_per_minute } of rows) {
    const jobs = byDay.get(String(date))!.map(jobRow);
    const known = (values: (number | null)[]) => values.filter((value) => value !== null);
    const mean = (values: number[]) => sum(values) / values.length;
    assert.equal(Number(jobs_completed), jobs.length);
    near(avg_time, mean(known(jobs.map((job) => job.processing_time_seconds as number))));
    near(total_cost, sum(known(jobs.map((job) => job.cost_usd as number))));
    const per_minute = jobs.map(({ cost_usd, duration_seconds }) =>
      cost_usd === null || duration_seconds === null ? null : (Number(cost_usd) / Number(duration_seconds)) * 60,
    );
    near(cost_per_minute, mean(known(per_minute)));
  }
});

function near(found: unknown, expected: number): void {
  assert.ok(Math.abs(Number(found) - expected) <= Math.abs(expected) * 1e-9, `${found}, not ${expected}`);
}

test('durations have interpolated quantiles of the completed jobs', async () => {
  const { items, total } = await durations(asking, { ...range, group_by: 'priority' });
  const quantile = (values: number[], q: number) => {
    const at = (values.length - 1) * q;
    const [low, high] = [values[Math.floor(at)]!, values[Math.ceil(at)]!];
    return Math.round((low + (high - low) * (at - Math.floor(at))) * 1000) / 1000;
  };
  for (const { group, ...figures } of [{ group: undefined, ...total }, ...items]) {
    const jobs = ended().filter(
      ({ state, priority }) => state === 'COMPLETED' && (group === undefined || priority === group),
    );
    for (const [name, column] of [
      ['processing', 'processing_time_seconds'],
      ['queue', 'queue_time_seconds'],
    ] as const) {
      const values = jobs.map((job) => jobRow(job)[column] as number).sort((a, b) => a - b);
      const { count, p50, p95, max } = (figures as never as Record<string, Record<string, number>>)[name]!;
      assert.deepEqual([count, max], [values.length, values.at(-1)]);
      // The last digit of an interpolated value may be rounded either way.
      assert.ok(Math.abs(p50! - quantile(values, 0.5)) < 0.0015 && Math.abs(p95! - quantile(values, 0.95)) < 0.0015);
    }
  }
});

test('throughput and failures count what the records show', async () => {
  const { total } = await throughput(asking, { ...range, group_by: 'day' });
  const completed = ended().filter(({ state }) => state === 'COMPLETED').length;
  const failed = ended().filter(({ state }) => state === 'FAILED').length;
  near(total.success_rate, completed / (completed + failed));
  const report = await failures(asking, { ...range, group_by: 'error_code' });
  const codes = ended()
    .flatMap((job) => attemptRows(job).map(({ error_code }) => error_code))
    .filter((code) => code !== null);
  for (const { group, attempts_failed } of report.items) {
    assert.equal(attempts_failed, codes.filter((code) => code === group).length, String(group));
  }
  assert.equal(report.total.attempts_failed, codes.length);
  assert.equal(report.total.jobs_failed, failed);
});

const sorted = (map: Map<string | null, number>) => [...map].sort(([a], [b]) => String(a).localeCompare(String(b)));
