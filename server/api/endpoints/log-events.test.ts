/** POST /events: log events in bulk, each line with its own result. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Job } from '../../../protocol/job.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { hold } from '../../../test/servers/steps.ts';

const monitor = await openMonitor({ after });

const report = (lines: readonly unknown[], headers: Record<string, string> = {}) =>
  monitor.call('POST', '/api/v1/events', {
    body: lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
    headers: { 'content-type': 'application/x-ndjson', ...headers },
  });

test('[B119] [B120] [B121] a worker that only reports makes its jobs known, from start to end', async () => {
  const names = { job_id: 'job-reported', worker_id: 'worker-reports' };
  const { status, body } = await report([
    { event: 'JOB_START', ...names, audio_duration: 4860, audio_url: 's3://audio/reported.mp3' },
    { event: 'JOB_PROGRESS', ...names, percentage: 45, stage: 'transcribing', timestamp: '2025-07-07T19:30:00Z' },
    { event: 'JOB_COMPLETE', ...names, duration: 1200, segments: 150, s3_path: 's3://transcripts/reported.json' },
  ]);
  assert.deepEqual([status, body], [200, { accepted: 3, rejected: [] }]);
  const job = (await monitor.get<Job>('/jobs/job-reported')).body;
  assert.deepEqual([job.state, job.input.duration_seconds, job.output.segments_count], ['COMPLETED', 4860, 150]);
  assert.equal(job.worker?.worker_id, 'worker-reports');
  assert.deepEqual(
    job.state_history.map(({ state }) => state),
    ['PROCESSING', 'COMPLETED'],
  );
});

test('[B122] a reported failure makes the job FAILED', async () => {
  await report([
    { event: 'JOB_START', job_id: 'job-fails', worker_id: 'worker-reports' },
    { event: 'JOB_FAILED', job_id: 'job-fails', worker_id: 'worker-reports', error: 'GPU out of memory' },
  ]);
  const job = (await monitor.get<Job>('/jobs/job-fails')).body;
  assert.deepEqual([job.state, job.retry_info.last_error?.message], ['FAILED', 'GPU out of memory']);
});

test('lines under leases act like the endpoints of jobs, for many jobs in one request', async () => {
  const [one, two, three] = [await hold(monitor), await hold(monitor), await hold(monitor)];
  const { body } = await report([
    { event: 'JOB_PROGRESS', job_id: one.id, lease_token: one.token, percentage: 40, stage: 'Transcribing' },
    { event: 'JOB_COMPLETE', job_id: two.id, lease_token: two.token, s3_path: 's3://t/2.json', segments: 3 },
    { event: 'JOB_FAILED', job_id: three.id, lease_token: three.token, error: 'no audio', retryable: false },
  ]);
  assert.deepEqual(body, { accepted: 3, rejected: [] });
  const progress = await monitor.until(`/jobs/${one.id}/progress`, ({ percentage }) => percentage === 40);
  assert.equal(progress.stage, 'TRANSCRIBING');
  assert.equal((await monitor.get<Job>(`/jobs/${two.id}`)).body.state, 'COMPLETED');
  assert.equal((await monitor.get<Job>(`/jobs/${three.id}`)).body.state, 'FAILED');
});

test('an invalid line is reported by its number, and affects no other', async () => {
  const held = await hold(monitor);
  const good = { event: 'JOB_START', worker_id: 'worker-reports' };
  const { status, body } = await report([
    { ...good, job_id: 'job-line-1' },
    'not JSON',
    '',
    { ...good, job_id: '../../etc/passwd' },
    { ...good, job_id: 'job-line-5', colour: 'red' },
    { event: 'JOB_EXPLODED', job_id: 'job-line-6' },
    { event: 'JOB_START', job_id: 'job-line-7' },
    { event: 'JOB_COMPLETE', job_id: held.id, lease_token: 'stale.1.token', s3_path: 's3://t/x' },
    { event: 'JOB_PROGRESS', job_id: held.id, lease_token: 'stale.1.token', percentage: 5 },
    { event: 'JOB_COMPLETE', job_id: held.id, worker_id: 'worker-reports' },
    { event: 'JOB_COMPLETE', job_id: held.id, lease_token: held.token },
    { ...good, job_id: 'job-line-12' },
  ]);
  assert.equal(status, 200);
  assert.deepEqual(
    body.rejected.map(({ line, code }: { line: number; code: string }) => [line, code]),
    [
      [2, 'invalid_json'],
      [4, 'invalid_event'],
      [5, 'invalid_event'],
      [6, 'invalid_event'],
      [7, 'worker_id_missing'],
      [8, 'lease_expired'],
      [9, 'lease_expired'],
      [10, 'lease_required'],
      [11, 's3_path_missing'],
    ],
  );
  assert.equal(body.accepted, 2);
  assert.match(body.rejected[2].detail, /colour/);
  assert.equal((await monitor.get<Job>(`/jobs/${held.id}`)).body.state, 'PROCESSING');
  for (const id of ['job-line-1', 'job-line-12']) assert.equal((await monitor.get(`/jobs/${id}`)).status, 200);
});

test('[S10] a thousand lines are one commit; a request with one more is refused as a whole', async () => {
  const lines = Array.from({ length: 1000 }, (_, n) => ({
    event: 'JOB_START',
    job_id: `job-bulk-${n}`,
    worker_id: 'worker-bulk',
  }));
  const before = Number((await monitor.get('/queues/main')).headers.get('tmon-seq'));
  const { body, headers } = await report(lines);
  assert.deepEqual(body, { accepted: 1000, rejected: [] });
  assert.equal(Number(headers.get('tmon-seq')), before + 1);
  const many = lines.map((line) => ({ ...line, job_id: `${line.job_id}-more` }));
  const refused = await report([...many, many[0]]);
  assert.deepEqual([refused.status, refused.body.code], [413, 'too_many_lines']);
  assert.equal((await monitor.get('/jobs/job-bulk-0-more')).status, 404);
});

test('a request repeated with its key takes effect once', async () => {
  const held = await hold(monitor);
  const line = { event: 'JOB_COMPLETE', job_id: held.id, lease_token: held.token, s3_path: 's3://t/k.json' };
  const key = { 'idempotency-key': 'events-1' };
  assert.deepEqual((await report([line], key)).body, { accepted: 1, rejected: [] });
  assert.deepEqual((await report([line], key)).body, { accepted: 1, rejected: [] });
  const other = await report([{ ...line, s3_path: 's3://t/other.json' }], key);
  assert.deepEqual([other.status, other.body.code], [409, 'idempotency_key_reused']);
  assert.equal((await monitor.get<Job>(`/jobs/${held.id}`)).body.output.s3_path, 's3://t/k.json');
});

test('lines are text: a JSON body is refused with a hint, an empty body is accepted', async () => {
  const json = await monitor.post('/events', { event: 'JOB_START' });
  assert.deepEqual([json.status, json.body.code], [415, 'unsupported_media_type']);
  assert.match(json.body.hint, /x-ndjson/);
  assert.deepEqual((await report([''])).body, { accepted: 0, rejected: [] });
});
