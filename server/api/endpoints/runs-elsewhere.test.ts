/** POST /events without leases: sightings of jobs that run elsewhere, which the queue does not hand out. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Job } from '../../../protocol/job.ts';
import { formatTime } from '../../../protocol/time.ts';
import { JumpingClock } from '../../../test/servers/jumping-clock.ts';
import { type Json, openMonitor } from '../../../test/servers/monitor.ts';
import { claim, complete, hold, register } from '../../../test/servers/steps.ts';
import { MemoryStore } from '../../objects/memory.ts';
import { PACKS } from '../../views/keys.ts';

const clock = new JumpingClock();
const store = new MemoryStore(clock);
const monitor = await openMonitor({ after }, { clock, objects: store, finished_max: 0, finished_window_ms: 0 });
const ARCHIVE_MS = 10_000;

const report = (lines: readonly object[], headers: Record<string, string> = {}) =>
  monitor.call('POST', '/api/v1/events', {
    body: lines.map((line) => JSON.stringify(line)).join('\n'),
    headers: { 'content-type': 'application/x-ndjson', ...headers },
  });

const codes = ({ body }: { body: Json }) => body.rejected.map(({ line, code }: Json) => `${line} ${code}`);

/** Archives every finished job. */
async function archive(): Promise<void> {
  clock.jump(ARCHIVE_MS);
  await monitor.until('/system/metrics', ({ jobs }) => jobs.COMPLETED + jobs.FAILED + jobs.CANCELLED === 0);
}

/** The pack that has the job's newest record, and that record's line. */
async function recordOf(job_id: string): Promise<{ key: string; line: string }> {
  let newest: { key: string; line: string } | undefined;
  for await (const { key } of store.list(PACKS)) {
    const got = await store.get(key);
    const lines = got.found ? Buffer.from(got.bytes).toString().split('\n') : [];
    const line = lines.find((one) => one.startsWith(`{"job_id":"${job_id}",`));
    if (line !== undefined) newest = { key, line };
  }
  assert.ok(newest, `${job_id} is not archived`);
  return newest;
}

const KINDS = ['JOB_START', 'JOB_PROGRESS', 'JOB_COMPLETE', 'JOB_FAILED'] as const;
const every = (job_id: string, more: object = {}) =>
  KINDS.map((event) => ({ event, job_id, worker_id: 'worker-1', percentage: 5, ...more }));

test('a line without a token is refused for a job of this queue in any state, and changes nothing', async () => {
  const held = await hold(monitor, { metadata: { customer: '42' } });
  const waiting = (await monitor.post<Job>('/jobs', { audio_url: 's3://audio/waits.mp3' })).body;
  const refused = ['1 lease_required', '2 lease_required', '3 lease_required', '4 lease_required'];
  for (const job_id of [held.id, waiting.job_id]) assert.deepEqual(codes(await report(every(job_id))), refused);
  assert.equal((await monitor.delete(`/jobs/${waiting.job_id}`)).body.state, 'CANCELLED');
  const job = await complete(monitor, held);
  await archive();
  const record = await recordOf(held.id);
  for (const timestamp of [undefined, formatTime(clock.now() + 60_000)]) {
    assert.deepEqual(codes(await report(every(held.id, { timestamp }))), refused);
  }
  await archive();
  assert.deepEqual(await recordOf(held.id), record);
  assert.deepEqual((await monitor.get<Job>(`/jobs/${held.id}`)).body, job);
});

test('lines repeated after their job was archived change nothing', async () => {
  const now_ms = clock.now();
  const at = (seconds: number) => formatTime(now_ms + seconds * 1000);
  const names = { job_id: 'job-shipped', worker_id: 'worker-shipped' };
  const lines = [
    { event: 'JOB_START', ...names, timestamp: at(-60), audio_url: 's3://audio/shipped.mp3' },
    { event: 'JOB_PROGRESS', ...names, timestamp: at(-30), percentage: 45 },
    { event: 'JOB_COMPLETE', ...names, timestamp: at(-1), s3_path: 's3://t/x.json', confidence_score: 0.9 },
  ];
  assert.deepEqual((await report(lines)).body, { accepted: 3, rejected: [] });
  const job = (await monitor.get<Job>('/jobs/job-shipped')).body;
  assert.deepEqual([job.state, job.completed_at, job.output.confidence_score], ['COMPLETED', at(-1), 0.9]);
  assert.deepEqual([job.input.s3_path, job.metadata], ['s3://audio/shipped.mp3', { source: 'reports' }]);
  await archive();
  const record = await recordOf('job-shipped');
  for (const line of lines) assert.deepEqual((await report([line])).body, { accepted: 1, rejected: [] });
  await archive();
  assert.deepEqual(await recordOf('job-shipped'), record);
  assert.deepEqual((await monitor.get<Job>('/jobs/job-shipped')).body, job);
});

test('a line without a timestamp neither ends nor restarts a finished job, in memory or archived', async () => {
  const names = { job_id: 'job-undated', worker_id: 'worker-1' };
  await report([
    { event: 'JOB_START', ...names },
    { event: 'JOB_COMPLETE', ...names, s3_path: 's3://t/undated.json' },
  ]);
  const refused = KINDS.map((_, i) => `${i + 1} transition_not_allowed`);
  assert.deepEqual(codes(await report(every('job-undated'))), refused);
  await archive();
  const record = await recordOf('job-undated');
  assert.deepEqual(codes(await report(every('job-undated'))), refused);
  await archive();
  assert.deepEqual(await recordOf('job-undated'), record);
  const again = { event: 'JOB_START', ...names, timestamp: formatTime(clock.now()) };
  assert.deepEqual((await report([again])).body, { accepted: 1, rejected: [] });
  assert.equal((await monitor.get<Job>('/jobs/job-undated')).body.state, 'PROCESSING');
});

test('no retry, redrive or loss of its worker makes a job that runs elsewhere claimable', async () => {
  await register(monitor, 'worker-lost');
  const line = { event: 'JOB_START', job_id: 'job-there', worker_id: 'worker-lost' };
  await report([line, { ...line, job_id: 'job-fails' }, { ...line, event: 'JOB_FAILED', job_id: 'job-fails' }]);
  const retried = await monitor.post('/jobs/job-fails/retry');
  assert.deepEqual([retried.status, retried.body.code], [409, 'runs_elsewhere']);
  assert.deepEqual((await monitor.post('/queues/dlq/redrive', {})).body.job_ids, []);
  await monitor.delete('/workers/worker-lost');
  assert.equal((await monitor.get<Job>('/jobs/job-there')).body.state, 'PROCESSING');
  await register(monitor, 'worker-claims');
  assert.deepEqual(await claim(monitor, 'worker-claims', 1000), []);
});

test('lines of one job in a request apply by time, and in their order if the times are equal', async () => {
  const names = { job_id: 'job-ordered', worker_id: 'worker-1' };
  await report([
    { event: 'JOB_PROGRESS', ...names, percentage: 10 },
    { event: 'JOB_PROGRESS', ...names, percentage: 30 },
    { event: 'JOB_PROGRESS', ...names, percentage: 20, stage: 'aligning', current_chunk: 3, total_chunks: 9 },
  ]);
  const { percentage, stage, current_chunk } = (await monitor.get<Job>('/jobs/job-ordered')).body.progress;
  assert.deepEqual([percentage, stage, current_chunk], [20, 'ALIGNING', 3]);
  const now_ms = clock.now();
  const at = (seconds: number) => formatTime(now_ms + seconds * 1000);
  await report([
    { event: 'JOB_FAILED', ...names, timestamp: at(20), error: 'no memory', code: 'gpu_out_of_memory' },
    { event: 'JOB_START', ...names, timestamp: at(10) },
  ]);
  const job = (await monitor.get<Job>('/jobs/job-ordered')).body;
  assert.deepEqual([job.state, job.retry_info.last_error?.code], ['FAILED', 'gpu_out_of_memory']);
});

test('a request with both kinds of lines takes effect once per key, and returns the same result', async () => {
  const held = await hold(monitor);
  const lines = [
    { event: 'JOB_COMPLETE', job_id: held.id, lease_token: held.token, s3_path: 's3://t/k.json' },
    { event: 'JOB_COMPLETE', job_id: 'job-keyed', worker_id: 'worker-1', segments: 3 },
    { event: 'JOB_COMPLETE', job_id: 'job-nameless' },
  ];
  const key = { 'idempotency-key': 'mixed-1' };
  const first = await report(lines, key);
  assert.deepEqual(codes(first), ['3 worker_id_missing']);
  assert.deepEqual((await report(lines, key)).body, first.body);
  const only = [{ event: 'JOB_COMPLETE', job_id: 'job-keyed-2', worker_id: 'worker-1' }];
  assert.equal((await report(only, key)).body.code, 'idempotency_key_reused');
  assert.equal((await monitor.get('/jobs/job-keyed-2')).status, 404);
  const two = { 'idempotency-key': 'mixed-2' };
  for (let times = 0; times < 2; times++)
    assert.deepEqual((await report(only, two)).body, { accepted: 1, rejected: [] });
});

test('a damaged record in the archive refuses only the lines of its job', async () => {
  const line = (job_id: string) => ({ event: 'JOB_COMPLETE', job_id, worker_id: 'worker-1' });
  await report([line('job-damaged')]);
  await archive();
  await store.put((await recordOf('job-damaged')).key, Buffer.from('{'));
  assert.deepEqual(codes(await report([line('job-damaged'), line('job-sound')])), ['1 archive_damaged']);
  assert.equal((await monitor.get<Job>('/jobs/job-sound')).body.state, 'COMPLETED');
});
