/**
 * The duration of analytic queries on a year of jobs: the documents' cost query, each report, a page by a filter, one
 * job; the memory of the process that runs them; and pandas on the same files.
 *
 *     node bench/parts/analytics.ts [--jobs 10000000] [--days 365] [--seed 7] [--rounds 5] [--last DAYS] [--threads 2] [--dir FOLDER] [--keep FOLDER]
 *
 * `--last`: reports cover only so many days at the end. `--keep`: the files stay in this folder for the next run.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { DAY_MS } from '../../protocol/time.ts';
import { Database } from '../../server/analytics/database.ts';
import { runQuery } from '../../server/analytics/query.ts';
import type { Asking } from '../../server/analytics/reports/base.ts';
import { bottlenecks } from '../../server/analytics/reports/bottlenecks.ts';
import { jobRows } from '../../server/analytics/reports/jobs.ts';
import { costs, durations, failures, throughput } from '../../server/analytics/reports/reports.ts';
import { systemClock } from '../../server/clock.ts';
import { COST_QUERY } from '../../test/documents/cost-query.ts';
import { columnReaders } from '../../test/servers/column-readers.ts';
import { median } from '../statistics.ts';
import { FIRST_DAY, keptJobs } from './generate-jobs.ts';

const text = { type: 'string' } as const;
const options = { jobs: text, days: text, seed: text, rounds: text, last: text, threads: text, dir: text, keep: text };
const { values } = parseArgs({ options });
const [jobs, days, seed, rounds] = [
  Number(values.jobs ?? 10_000_000),
  Number(values.days ?? 365),
  Number(values.seed ?? 7),
  Number(values.rounds ?? 5),
];
const last = Number(values.last ?? days);
const threads = Number(values.threads ?? 2);

const folder = await mkdtemp(join(values.dir ?? tmpdir(), 'tmon-bench-analytics-'));
try {
  const own = join(folder, 'own');
  const cache = values.keep ?? join(folder, 'cache');
  await mkdir(own);
  await mkdir(cache, { recursive: true });
  const began_ms = performance.now();
  const files = await keptJobs(cache, { jobs, days, seed });
  say(
    `${files.jobs.toLocaleString('en')} jobs of ${days} days are there after ${since(began_ms)} s; ${threads} threads`,
  );
  const database = await Database.open({ folder: own, cache, threads, memory_mb: 512 });
  await database.show(files, []);
  const limits = { rows_max: 10_000, timeout_ms: 600_000 };
  const query: Asking['analytics']['query'] = async (request) => ({
    ...(await runQuery(await database.connect(), request, systemClock)),
    as_of_seq: 0,
  });
  const asking: Asking = { analytics: { query }, limits };
  const to_ms = FIRST_DAY + days * DAY_MS;
  const range = { from_ms: to_ms - last * DAY_MS, to_ms };
  const sql = (text: string) => () => query({ sql: text, parameters: [], ...limits, foreign: true });
  const questions: Record<string, () => Promise<unknown>> = {
    'the cost query': sql(COST_QUERY),
    'costs by day': () => costs(asking, { ...range, group_by: 'day' }),
    'costs by instance type': () => costs(asking, { ...range, group_by: 'instance_type' }),
    'costs by tag': () => costs(asking, { ...range, group_by: 'tag' }),
    'throughput by day': () => throughput(asking, { ...range, group_by: 'day' }),
    'durations by day': () => durations(asking, { ...range, group_by: 'day' }),
    'durations by model': () => durations(asking, { ...range, group_by: 'model' }),
    'failures by error code': () => failures(asking, { ...range, group_by: 'error_code' }),
    bottlenecks: () => bottlenecks(asking, range, 20),
    'jobs by a filter': () =>
      jobRows(asking, { ...range, filter: 'processing_time > avg_processing_time * 2', limit: 100, cursor: undefined }),
    'one job': sql(`SELECT * FROM job_states WHERE job_id = 'job-0200-0001234'`),
  };
  for (const [name, ask] of Object.entries(questions)) {
    const taken: number[] = [];
    const used: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const cpu = process.cpuUsage();
      const at_ms = performance.now();
      await ask();
      taken.push((performance.now() - at_ms) / 1000);
      const { user, system } = process.cpuUsage(cpu);
      used.push((user + system) / 1e6);
    }
    say(
      `${name.padEnd(24)} median ${fixed(median(taken))} s, best ${fixed(Math.min(...taken))} s, CPU ${fixed(median(used))} s`,
    );
  }
  say(`memory of the process at its highest: ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`);
  database.close();
  await pandas(files.job_states);
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** The same for all jobs with pandas, which reads the needed columns again each time. */
async function pandas(paths: readonly string[]): Promise<void> {
  const { python } = await ensurePythonEnvironment(columnReaders);
  const program = fileURLToPath(new URL('analytics.py', import.meta.url));
  const child = spawn(python, [program, String(rounds)], { stdio: ['pipe', 'inherit', 'inherit'] });
  child.stdin.end(JSON.stringify(paths));
  await once(child, 'exit');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fixed(seconds: number): string {
  return seconds.toFixed(2);
}

function since(began_ms: number): string {
  return fixed((performance.now() - began_ms) / 1000);
}
