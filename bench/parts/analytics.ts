/**
 * What the analytic queries take on a year of jobs: the documents' cost query, each report, a page by a filter, one job; and the
 * memory of the process that runs them.
 *
 *     node bench/parts/analytics.ts [--jobs 10000000] [--days 365] [--seed 7] [--rounds 5] [--dir FOLDER]
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Database } from '../../server/analytics/database.ts';
import { runQuery } from '../../server/analytics/query.ts';
import type { Asking } from '../../server/analytics/reports/base.ts';
import { bottlenecks } from '../../server/analytics/reports/bottlenecks.ts';
import { jobRows } from '../../server/analytics/reports/jobs.ts';
import { costs, durations, failures, throughput } from '../../server/analytics/reports/reports.ts';
import { systemClock } from '../../server/clock.ts';
import { COST_QUERY } from '../../test/documents/cost-query.ts';
import { generateJobs } from './generate-jobs.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { jobs: text, days: text, seed: text, rounds: text, dir: text } });
const [jobs, days, seed, rounds] = [
  Number(values.jobs ?? 10_000_000),
  Number(values.days ?? 365),
  Number(values.seed ?? 7),
  Number(values.rounds ?? 5),
];

const folder = await mkdtemp(join(values.dir ?? tmpdir(), 'tmon-bench-analytics-'));
try {
  const own = join(folder, 'own');
  const cache = join(folder, 'cache');
  await mkdir(own);
  await mkdir(cache);
  const began_ms = performance.now();
  const files = await generateJobs(cache, { jobs, days, seed });
  say(`${files.jobs.toLocaleString('en')} jobs in ${files.job_states.length} days made in ${since(began_ms)} s`);
  const database = await Database.open({ folder: own, cache, threads: 2, memory_mb: 512 });
  await database.show(files, []);
  const limits = { rows_max: 10_000, timeout_ms: 600_000 };
  const query: Asking['analytics']['query'] = async (asked) => ({
    ...(await runQuery(await database.connect(), asked, systemClock)),
    as_of_seq: 0,
  });
  const asking: Asking = { analytics: { query }, limits };
  const year = { from_ms: Date.parse('2025-01-01T00:00:00Z'), to_ms: Date.parse('2026-01-01T00:00:00Z') };
  const sql = (text: string) => () => query({ sql: text, parameters: [], ...limits, foreign: true });
  const questions: Record<string, () => Promise<unknown>> = {
    'the cost query': sql(COST_QUERY),
    'costs by day': () => costs(asking, { ...year, group_by: 'day' }),
    'costs by instance type': () => costs(asking, { ...year, group_by: 'instance_type' }),
    'throughput by day': () => throughput(asking, { ...year, group_by: 'day' }),
    'durations by model': () => durations(asking, { ...year, group_by: 'model' }),
    'failures by error code': () => failures(asking, { ...year, group_by: 'error_code' }),
    bottlenecks: () => bottlenecks(asking, year, 20),
    'jobs by a filter': () =>
      jobRows(asking, { ...year, filter: 'processing_time > avg_processing_time * 2', limit: 100, cursor: undefined }),
    'one job': sql(`SELECT * FROM job_states WHERE job_id = 'job-0200-0001234'`),
  };
  for (const [name, ask] of Object.entries(questions)) {
    const taken: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const at_ms = performance.now();
      await ask();
      taken.push(Number(since(at_ms)));
    }
    taken.sort((a, b) => a - b);
    say(`${name.padEnd(24)} median ${taken[rounds >> 1]} s, best ${taken[0]} s`);
  }
  say(`memory of the process at its highest: ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`);
  database.close();
} finally {
  await rm(folder, { recursive: true, force: true });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function since(began_ms: number): string {
  return ((performance.now() - began_ms) / 1000).toFixed(2);
}
