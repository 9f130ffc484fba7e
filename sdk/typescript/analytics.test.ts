/** Analytics and PerformanceAnalyzer against a real monitor, whose clock is put forward. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { JumpingClock } from '../../test/servers/jumping-clock.ts';
import { type MonitorOptions, openMonitor } from '../../test/servers/monitor.ts';
import { complete, hold } from '../../test/servers/steps.ts';
import { InvalidRequestError, PerformanceAnalyzer, RefusedError, TranscriptionAPI } from './index.ts';

const LEASE_MS = 86_400_000;
const clock = new JumpingClock();
const patient = { lease_ms: LEASE_MS, worker_degraded_ms: LEASE_MS, worker_lost_ms: LEASE_MS };
const monitor = await openMonitor({ after }, { ...patient, clock, analytics_sql: 'on' } as MonitorOptions);
const api = new TranscriptionAPI({ baseUrl: monitor.url });

async function run(took_seconds: number, submission: object = {}): Promise<string> {
  const held = await hold(monitor, { duration_seconds: 600, ...submission });
  clock.jump(took_seconds * 1000);
  await complete(monitor, held);
  return held.id;
}

const quick = [await run(60), await run(60), await run(60), await run(60)];
const large = await run(600, { file_size_bytes: 200_000_000, priority: 'low' });
const unknown = await run(600);

test('reports have items and a total, as typed', async () => {
  const { items, total } = await api.analytics.costs({ group_by: 'priority' });
  assert.deepEqual(
    items.map(({ group, jobs_completed }) => [group, jobs_completed]),
    [
      ['low', 1],
      ['normal', 5],
    ],
  );
  assert.equal(total.audio_seconds, 3_600);
  const { jobs_completed, success_rate } = (await api.analytics.throughput()).total;
  assert.deepEqual([jobs_completed, success_rate], [6, 1]);
  assert.equal(Math.round((await api.analytics.durations()).total.processing.max ?? 0), 600);
  assert.deepEqual((await api.analytics.failures()).items, []);
  const earlier = await api.analytics.costs({ to: '2020-01-01T00:00:00Z' });
  assert.deepEqual(earlier.items, []);
});

test('[A105] jobs by a filter come page by page; a wrong filter is an invalid request', async () => {
  const seen: string[] = [];
  const filter = 'processing_time < avg_processing_time';
  for await (const { job_id } of api.analytics.jobs({ filter, limit: 3 })) seen.push(job_id);
  assert.deepEqual(seen.sort(), [...quick].sort());
  assert.equal((await api.analytics.jobs({ limit: 2 }).page()).items.length, 2);
  await assert.rejects(
    api.analytics.jobs({ filter: 'procesing_time > 1' }).page(),
    (error) => error instanceof InvalidRequestError && error.code === 'invalid_filter',
  );
});

test('[A104] [A106] the analyzer has patterns with evidence, and jobs with the attributes of the documents', async () => {
  const analyzer = new PerformanceAnalyzer(api);
  const { large_files, gpu_issues, network_issues } = await analyzer.analyzeBottlenecks();
  assert.deepEqual([large_files.map(({ job_id }) => job_id), gpu_issues, network_issues], [[large], [], []]);
  assert.match(large_files[0]!.evidence, /the file has 200 MB$/);

  const slow = await analyzer.queryJobs({ filter: 'processing_time > avg_processing_time * 2' });
  assert.deepEqual(slow.map(({ job_id }) => job_id).sort(), [large, unknown].sort());
  const patterns = {
    large_files: slow.filter((job) => job.file_size > 100_000_000),
    gpu_issues: slow.filter((job) => job.worker.gpu_usage < 50),
    network_issues: slow.filter((job) => job.download_time > 300),
  };
  assert.deepEqual(
    Object.values(patterns).map((jobs) => jobs.map(({ job_id }) => job_id)),
    [[large], [], []],
  );
  const one = slow.find(({ job_id }) => job_id === unknown)!;
  assert.deepEqual([one.file_size, one.file_size_bytes, Math.round(one.processing_time)], [Number.NaN, null, 600]);
  assert.equal('file_size' in JSON.parse(JSON.stringify(one)), false);
});

test('SQL returns columns and rows as objects, or throws where the monitor does not allow it', async (t) => {
  const { columns, items } = await api.analytics.sql('SELECT count(*) AS jobs FROM job_states');
  assert.deepEqual([columns, items], [[{ name: 'jobs', type: 'BIGINT' }], [{ jobs: 6 }]]);
  const closed = await openMonitor(t);
  await assert.rejects(
    new TranscriptionAPI({ baseUrl: closed.url }).analytics.sql('SELECT 1'),
    (error) => error instanceof RefusedError && error.code === 'sql_off',
  );
});
