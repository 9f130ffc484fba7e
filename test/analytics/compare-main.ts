/**
 * The figures of every report, by every group, against pandas over the records of the archive, on many jobs with retries,
 * cancellations, unknown prices, corrections and late rows:
 *
 *     node test/analytics/compare-main.ts [--jobs 100000] [--seed 7]
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensurePythonEnvironment } from '../../agent/python/environment.ts';
import { GROUPS } from '../../protocol/analytics.ts';
import { sightingOf } from '../../protocol/sighting.ts';
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import { runQuery } from '../../server/analytics/query.ts';
import type { Asking, Figures } from '../../server/analytics/reports/base.ts';
import { costs, durations, failures, throughput } from '../../server/analytics/reports/reports.ts';
import { openAnalytics } from '../../server/analytics/testing-analytics.ts';
import { systemClock } from '../../server/clock.ts';
import type { JobRecord } from '../../server/state-machine/state/records.ts';
import { archivedJobs } from '../../server/views/archived-jobs.ts';
import { Chance } from '../simulation/chance.ts';

const PROGRAM = fileURLToPath(new URL('compare.py', import.meta.url));
const ROUND = 500;
const HARDWARE = [
  ['large-v3', 'cuda', 'g4dn.xlarge', 0.526],
  ['turbo', 'cuda', 'g5.xlarge', 1.006],
  ['base', 'cpu', 'c7g.large', 0.073],
  ['tiny', 'cpu', null, null],
] as const;
const WORKERS = HARDWARE.flatMap((_, index) => ['a', 'b'].map((twin) => `worker-${index}${twin}`));
const CODES = ['crashed', 'gpu_out_of_memory', 'audio_unreadable', 'worker_drained'] as const;

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { jobs: text, seed: text } });
const total = Number(values.jobs ?? 100_000);
const chance = new Chance(Number(values.seed ?? 7));
const analytics = await openAnalytics({ finished_max: 2_000, job_views_days: 0, dlq_window_ms: HOUR_MS });
const { monitor, clock, reader, store } = analytics;
monitor.publisher.abandon();
try {
  await live();
  const records = await everyRecord();
  say(`${records.length} jobs, ${monitor.engine.state.tables.column_files.size} column files`);
  const expected = await pandas(records);
  let figures = 0;
  for (const [name, report] of Object.entries({ costs, throughput, durations, failures })) {
    for (const group_by of GROUPS) {
      const range = { from_ms: 0, to_ms: Date.parse('2100-01-01T00:00:00Z'), group_by };
      const found = await report(asking(), range);
      figures += compare(`${name} by ${group_by}`, found, expected[name]![group_by]!);
    }
  }
  say(`${figures} figures are those of pandas`);
} finally {
  await analytics.close();
}

async function live(): Promise<void> {
  for (const [index, [model, device, instance_type, spot_price]] of HARDWARE.entries()) {
    for (const twin of ['a', 'b']) {
      const registration = { capabilities: { model, device }, location: { instance_type, spot_price } };
      await monitor.do({ type: 'register_worker', worker_id: `worker-${index}${twin}`, registration });
    }
  }
  for (let made = 0; made < total; made += ROUND) {
    await submit(made);
    for (const worker of WORKERS) await monitor.claim(worker, ROUND / 6);
    await clock.turn(chance.whole(1, 1_800_000));
    for (const job_id of [...monitor.engine.state.tables.jobs.keys()]) await goOn(job_id);
    await observe();
    await monitor.tick();
    if (chance.happens(0.5)) await analytics.archive();
    if (chance.happens(0.2)) await analytics.write();
    if (chance.happens(0.1)) await clock.turn(chance.whole(1, 30) * HOUR_MS);
    if (made % 10_000 === 0) say(`${made} of ${total} jobs`);
  }
  await clock.turn(DAY_MS);
  await monitor.tick();
  await analytics.archive();
  await analytics.write();
}

async function submit(made: number): Promise<void> {
  const jobs = Array.from({ length: ROUND }, (_, at) => ({
    job_id: `job-${made + at}`,
    audio_url: `s3://audio/${chance.whole(1, 9)}/${made + at}.mp3`,
    priority: chance.pick(['high', 'normal', 'low'] as const),
    tags: ['night', 'calls', 'eu'].filter(() => chance.happens(0.3)),
    ...(chance.happens(0.8) && { duration_seconds: chance.between(1, 9_000) }),
  }));
  await monitor.do({ type: 'submit_jobs', jobs });
}

async function goOn(job_id: string): Promise<void> {
  const job = monitor.engine.state.job(job_id);
  if (job?.state === 'QUEUED' && chance.happens(0.05)) await monitor.do({ type: 'cancel_job', job_id });
  if (job?.state !== 'PROCESSING' || job.observed) return;
  const lease_token = monitor.token(job_id);
  if (chance.happens(0.3)) {
    monitor.soft({ type: 'report_progress', job_id, report: { lease_token, percentage: 50, stage: 'TRANSCRIBING' } });
  }
  if (chance.happens(0.85)) return void (await monitor.complete(job_id));
  const code = chance.pick(CODES);
  const error = { code, message: 'as it happens', retryable: code !== 'audio_unreadable' };
  await monitor.do({ type: 'fail_job', job_id, lease_token, error, batch_size: null, jitter: 0.5 });
}

/** Jobs that run elsewhere, some of which come back after they were archived, with another end or another attempt. */
async function observe(): Promise<void> {
  for (let n = 0; n < 10; n++) {
    const event = chance.happens(0.2) ? 'JOB_START' : 'JOB_COMPLETE';
    const line = {
      event,
      job_id: `seen-${chance.whole(1, 300)}`,
      worker_id: `other-${chance.whole(1, 3)}`,
      s3_path: 's3://t/1',
    } as const;
    await monitor.observe('log:/a', sightingOf(line, clock.now() - chance.pick([0, 0, DAY_MS])));
  }
}

async function everyRecord(): Promise<JobRecord[]> {
  const { state } = monitor.engine;
  const records = [...state.tables.jobs.values()];
  for await (const { job } of archivedJobs(store, state)) records.push(job);
  return records;
}

type Expected = Record<string, Record<string, Record<string, Figures>>>;

async function pandas(records: readonly JobRecord[]): Promise<Expected> {
  const { python } = await ensurePythonEnvironment({ name: 'pandas', requirements: ['pandas==2.3.3'] });
  const child = spawn(python, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  const output: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
  for (const record of records) {
    if (!child.stdin.write(`${JSON.stringify(record)}\n`)) await once(child.stdin, 'drain');
  }
  child.stdin.end();
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  return JSON.parse(Buffer.concat(output).toString()) as Expected;
}

function asking(): Asking {
  return {
    limits: { rows_max: 100_000, timeout_ms: 600_000 },
    analytics: {
      query: async (query) => {
        await reader.refresh();
        return { ...(await runQuery(await reader.database.connect(), query, systemClock)), as_of_seq: 0 };
      },
    },
  };
}

/** Returns how many figures were compared. */
function compare(
  what: string,
  { items, total: whole }: { items: Figures[]; total: Figures },
  expected: Record<string, Figures>,
): number {
  const groups = new Map(items.map((item) => [item.group === null ? 'null' : String(item.group), item]));
  groups.set('(total)', whole);
  assert.deepEqual([...groups.keys()].sort(), Object.keys(expected).sort(), what);
  let compared = 0;
  for (const [group, figures] of Object.entries(expected)) {
    for (const [name, value] of flat(figures)) {
      const found = micros(flat(groups.get(group)!)).get(name);
      assert.ok(isSame(found, value), `${what}, ${group}: ${name} is ${found}, and ${value} by pandas`);
      compared += 1;
    }
  }
  return compared;
}

function flat(figures: Figures, prefix = ''): Map<string, unknown> {
  return new Map(
    Object.entries(figures).flatMap(([name, value]): [string, unknown][] =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? [...flat(value as Figures, `${prefix}${name}.`)]
        : [[`${prefix}${name}`, value]],
    ),
  );
}

function micros(figures: Map<string, unknown>): Map<string, unknown> {
  for (const name of ['cost', 'wasted']) {
    if (figures.has(`${name}_usd`)) figures.set(`${name}_micros`, Math.round(Number(figures.get(`${name}_usd`)) * 1e6));
  }
  return figures;
}

/** Whole numbers exactly; sums and quantiles of seconds to the last digit that is shown. */
function isSame(found: unknown, expected: unknown): boolean {
  if (expected === null || Number.isInteger(expected))
    return found === expected || Math.abs(Number(found) - Number(expected)) < 1e-9;
  return Math.abs(Number(found) - Number(expected)) <= 0.0011 + Math.abs(Number(expected)) * 1e-12;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
