/** Jobs over HTTP from the side of their clients: submit, get, cancel, retry. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Job } from '../../../protocol/job.ts';
import { openMonitor } from '../../../test/servers/monitor.ts';
import { AUDIO, complete, fail, hold, submit } from '../../../test/servers/steps.ts';

const monitor = await openMonitor({ after });

test('[A3] [A68] POST /jobs returns 201, the complete job and its Location', async () => {
  const { status, headers, body } = await monitor.post<Job>('/jobs', {
    audio_url: AUDIO,
    output_format: 'srt',
    priority: 'high',
    max_attempts: 5,
    duration_seconds: 4860,
    file_size_bytes: 75_000_000,
    tags: ['call', 'berlin'],
    metadata: { customer: '17' },
    webhook_url: null,
  });
  assert.equal(status, 201);
  assert.match(body.job_id, /^job-[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.equal(headers.get('location'), `/api/v1/jobs/${body.job_id}`);
  assert.equal(body.state, 'QUEUED');
  const { audio_url_expires_at, require_complete, ...known } = body.input;
  assert.deepEqual(known, { s3_path: AUDIO, duration_seconds: 4860, file_size_bytes: 75_000_000 });
  assert.deepEqual([audio_url_expires_at, require_complete], [null, false]);
  assert.equal(body.output_format, 'srt');
  assert.equal(body.priority, 'high');
  assert.deepEqual(body.tags, ['call', 'berlin']);
  assert.deepEqual(body.metadata, { customer: '17' });
  assert.deepEqual(body.retry_info, { attempt: 1, max_attempts: 5, last_error: null, next_attempt_at: null });
  assert.deepEqual(
    body.state_history.map(({ state }) => state),
    ['SUBMITTED', 'QUEUED'],
  );
  for (const time of [body.created_at, body.updated_at, body.state_history[0]!.timestamp])
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/);
  assert.ok(Number(headers.get('tmon-seq')) >= body.as_of_seq);
  const there = await monitor.get<Job>(`/jobs/${body.job_id}`);
  assert.deepEqual(there.body, body);
});

test('[A26] omitted fields have their defaults', async () => {
  const job = await submit(monitor);
  assert.equal(job.priority, 'normal');
  assert.equal(job.output_format, 'json');
  assert.equal(job.retry_info.max_attempts, 3);
  assert.deepEqual([job.tags, job.metadata, job.worker, job.completed_at], [[], {}, null, null]);
});

test('the error names every wrong field of a submission', async () => {
  const { status, headers, body } = await monitor.post('/jobs', {
    audio_url: 'ftp://x/y',
    priority: 'urgent',
    max_attempts: 0,
    tags: ['a', 'a'],
    metadata: { ['n'.repeat(129)]: 'x', fine: 5 },
    state: 'COMPLETED',
    cost_tracking: {},
    worker: 'worker-1',
  });
  assert.equal(status, 400);
  assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
  assert.equal(body.code, 'invalid_body');
  const fields = new Set(body.errors.map(({ field }: { field: string }) => field));
  for (const field of ['/audio_url', '/priority', '/max_attempts', '/tags', '/metadata/fine'])
    assert.ok(fields.has(field), `${field} is not named`);
  for (const field of ['/state', '/cost_tracking', '/worker']) assert.ok(fields.has(field), `[S3] ${field} is taken`);
  assert.ok([...fields].some((field) => String(field).startsWith('/metadata/nnn')));
  assert.equal((await monitor.post('/jobs')).body.code, 'invalid_body');
  assert.equal((await monitor.post('/jobs', {})).body.errors[0].field, '/audio_url');
});

test('[A65] GET /jobs/{id} returns a job in every state, with its history', async () => {
  const seen: Record<string, Job> = {};
  const look = async (id: string) => {
    const { status, body } = await monitor.get<Job>(`/jobs/${id}`);
    assert.equal(status, 200);
    seen[body.state] = body;
    return body;
  };
  await look((await submit(monitor)).job_id);
  const done = await hold(monitor);
  assert.deepEqual((await look(done.id)).worker?.worker_id, 'worker-1');
  await complete(monitor, done);
  assert.equal((await look(done.id)).output.s3_path, 's3://transcripts/file.json');
  const failed = await hold(monitor);
  await fail(monitor, failed);
  assert.equal((await look(failed.id)).retry_info.last_error?.code, 'worker_error');
  const stopped = await hold(monitor);
  await monitor.delete(`/jobs/${stopped.id}`);
  await look(stopped.id);
  await fail(monitor, stopped);
  const { state_history } = await look(stopped.id);
  assert.deepEqual(
    state_history.map(({ state }) => state),
    ['SUBMITTED', 'QUEUED', 'PROCESSING', 'CANCELLING', 'CANCELLED'],
  );
  assert.deepEqual(Object.keys(seen).sort(), [
    'CANCELLED',
    'CANCELLING',
    'COMPLETED',
    'FAILED',
    'PROCESSING',
    'QUEUED',
  ]);
});

test('[A66] GET /jobs/{id}/progress returns its progress', async () => {
  const { id, token } = await hold(monitor, { duration_seconds: 100 });
  assert.equal((await monitor.get(`/jobs/${id}/progress`)).body.percentage, 0);
  const report = { percentage: 45, stage: 'transcribing', current_chunk: 15, total_chunks: 33, eta_seconds: 600 };
  const { status } = await monitor.put(`/jobs/${id}/progress`, { lease_token: token, ...report });
  assert.equal(status, 202);
  const body = await monitor.until(`/jobs/${id}/progress`, ({ percentage }) => percentage === 45);
  const { job_id, state, updated_at, as_of_seq, ...progress } = body;
  assert.deepEqual(progress, { ...report, stage: 'TRANSCRIBING' });
  assert.deepEqual([job_id, state], [id, 'PROCESSING']);
  assert.ok(as_of_seq > 0 && updated_at.endsWith('Z'));
});

test('[A67] GET /jobs/{id}/timeline returns every state with its time and details', async () => {
  const held = await hold(monitor);
  await complete(monitor, held);
  const { status, body } = await monitor.get(`/jobs/${held.id}/timeline`);
  assert.equal(status, 200);
  assert.deepEqual(
    body.state_history.map(({ state, details }: Job['state_history'][0]) => [state, details]),
    [
      ['SUBMITTED', 'Job submitted to queue'],
      ['QUEUED', 'Message in main queue'],
      ['PROCESSING', 'Assigned to worker-1'],
      ['COMPLETED', 'Transcribed by worker-1'],
    ],
  );
  assert.deepEqual([body.job_id, body.state], [held.id, 'COMPLETED']);
});

test('[A69] DELETE /jobs/{id} cancels a waiting job at once, and a running one through its worker', async () => {
  const waiting = await submit(monitor);
  const at_once = await monitor.delete<Job>(`/jobs/${waiting.job_id}`);
  assert.deepEqual([at_once.status, at_once.body.state], [200, 'CANCELLED']);
  assert.equal((await monitor.delete(`/jobs/${waiting.job_id}`)).status, 200, 'cancelling again changes nothing');

  const running = await hold(monitor);
  const response = await monitor.delete<Job>(`/jobs/${running.id}`);
  assert.deepEqual([response.status, response.body.state], [202, 'CANCELLING']);
  const beat = await monitor.post('/workers/worker-1/heartbeat', { leases: [running.token] });
  assert.deepEqual(beat.body.commands, [{ type: 'cancel_job', job_id: running.id }]);
  assert.equal(
    (await complete(monitor, running)).state,
    'CANCELLED',
    'a transcript that arrives too late does not count',
  );

  const done = await hold(monitor);
  await complete(monitor, done);
  const refused = await monitor.delete(`/jobs/${done.id}`);
  assert.deepEqual([refused.status, refused.body.code], [409, 'transition_not_allowed']);
  assert.equal(refused.body.state, 'COMPLETED', 'the state it is in');
});

test('a retry returns a FAILED or CANCELLED job to the queue with all its attempts, and no other job', async () => {
  const held = await hold(monitor);
  assert.equal((await monitor.post(`/jobs/${held.id}/retry`)).status, 409);
  await fail(monitor, held);
  const again = await monitor.post<Job>(`/jobs/${held.id}/retry`);
  assert.deepEqual([again.status, again.body.state, again.body.retry_info.attempt], [200, 'QUEUED', 1]);
  const { job_id } = await submit(monitor);
  await monitor.delete(`/jobs/${job_id}`);
  assert.equal((await monitor.post<Job>(`/jobs/${job_id}/retry`)).body.state, 'QUEUED');
});

test('a batch is one commit; each of its jobs has its own result, in order', async () => {
  const before = Number((await monitor.get('/queues/main')).headers.get('tmon-seq'));
  const jobs = Array.from({ length: 1000 }, (_, n) =>
    n % 100 === 7 ? { audio_url: 5, priority: 'none' } : { audio_url: `s3://audio/${n}.mp3` },
  );
  const { status, body, headers } = await monitor.post('/jobs/batch', { jobs });
  assert.equal(status, 200);
  assert.equal(body.jobs.length, 1000);
  assert.equal(Number(headers.get('tmon-seq')), before + 1);
  for (const [n, result] of body.jobs.entries()) {
    if (n % 100 !== 7) {
      assert.deepEqual([result.status, result.job.input.s3_path], [201, `s3://audio/${n}.mp3`]);
      continue;
    }
    assert.deepEqual([result.status, result.error.code], [400, 'invalid_body']);
    const fields = result.error.errors.map(({ field }: { field: string }) => field);
    assert.ok(fields.includes('/audio_url') && fields.includes('/priority'));
  }
  assert.equal((await monitor.post('/jobs/batch', { jobs: [...jobs, {}] })).status, 400, '[S10] 1,001 are refused');
  assert.equal((await monitor.post('/jobs/batch', { jobs: [] })).status, 400);
});

test('an unknown id is 404 everywhere, an invalid one is 400', async () => {
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/progress'],
    ['GET', '/timeline'],
    ['GET', '/transcript'],
    ['DELETE', ''],
    ['POST', '/retry'],
  ] as const) {
    const missing = await monitor.call(method, `/api/v1/jobs/job-nothing${path}`);
    assert.deepEqual([missing.status, missing.body.code], [404, 'job_not_found'], `${method} ${path}`);
    const none = await monitor.call(method, `/api/v1/jobs/..%2F..%2Fetc${path}`);
    assert.deepEqual([none.status, none.body.code], [400, 'invalid_params'], `${method} ${path}`);
  }
});

test('an ETag is valid until the job changes; If-None-Match returns 304 until then', async () => {
  const held = await hold(monitor);
  for (const path of ['', '/progress', '/timeline']) {
    const first = await monitor.get(`/jobs/${held.id}${path}`);
    const etag = first.headers.get('etag')!;
    const again = await monitor.get(`/jobs/${held.id}${path}`, { 'if-none-match': `"other", W/${etag}` });
    assert.deepEqual([again.status, again.text], [304, ''], path);
    assert.equal((await monitor.get(`/jobs/${held.id}${path}`, { 'if-none-match': '"other"' })).status, 200);
  }
  const etag = (await monitor.get(`/jobs/${held.id}`)).headers.get('etag')!;
  await complete(monitor, held);
  assert.equal((await monitor.get(`/jobs/${held.id}`, { 'if-none-match': etag })).status, 200);
});
