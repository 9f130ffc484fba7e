/** Every method of the client against a real monitor. */
import assert from 'node:assert/strict';
import { openAsBlob, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startTestMonitor, temporaryDirectory } from '../../test/processes/tmon.ts';
import {
  InvalidRequestError,
  LeaseExpiredError,
  NotFoundError,
  TranscriptionAPI,
  WorkerTerminatedError,
} from './index.ts';

const { url, api } = await startTestMonitor({ after });

/** Claims the one waiting job. */
async function claimOne(workerId: string) {
  await api.workers.register(workerId, { capabilities: { model: 'test' } });
  const { jobs } = await api.workers.claim(workerId, { max_jobs: 1, wait_seconds: 5 });
  return { job: jobs[0]!.job, token: jobs[0]!.lease.token };
}

const transcriptOf = (text: string) => ({
  text,
  language: 'en',
  duration_seconds: 3,
  engine: 'test',
  segments: [{ id: 0, start_seconds: 0, end_seconds: 3, text, confidence: 0.75 }],
});

test('[A97] submit returns a job with its id, as documented', async () => {
  const client = new TranscriptionAPI({ baseUrl: url, apiKey: 'your-api-key' });
  const job = await client.jobs.submit({
    audio_url: 's3://bucket/audio.mp3',
    output_format: 'json',
    priority: 'high',
  });
  assert.match(job.id, /^job-/);
  assert.equal(job.id, job.job_id);
  assert.deepEqual([job.priority, job.output_format, job.input.s3_path], ['high', 'json', 's3://bucket/audio.mp3']);
  assert.equal((await client.jobs.cancel(job.id)).state, 'CANCELLED');
});

test('[A97] watch yields percentage, stage and state, and ends with the job', async () => {
  const { id } = await api.jobs.submit({ audio_url: 's3://bucket/watched.mp3' });
  const { token } = await claimOne('worker-watched');
  const seen: [string, number, string | null][] = [];
  for await (const update of api.jobs.watch(id, { pollMs: 5 })) {
    seen.push([update.state, update.percentage, update.stage]);
    if (update.percentage === 0)
      await api.jobs.reportProgress(id, { lease_token: token, percentage: 45, stage: 'transcribing' });
    else if (update.state === 'PROCESSING') {
      const { already_there, ...output } = await api.jobs.putTranscript(id, token, transcriptOf('hello'));
      assert.equal(already_there, false);
      await api.jobs.complete(id, { lease_token: token, output });
    }
  }
  assert.deepEqual(seen.slice(0, 2), [
    ['PROCESSING', 0, null],
    ['PROCESSING', 45, 'TRANSCRIBING'],
  ]);
  assert.equal(seen.at(-1)?.[0], 'COMPLETED');
  const transcript = await api.jobs.transcript(id);
  assert.equal(transcript.text, 'hello');
  assert.equal(await api.jobs.transcript(id, 'text'), 'hello\n');
});

test('[A97] system.health returns status and alerts', async () => {
  const health = await api.system.health();
  assert.equal(health.status, health.overall_status);
  assert.ok(['HEALTHY', 'DEGRADED', 'UNHEALTHY'].includes(health.status));
  assert.ok(Array.isArray(health.alerts));
  assert.equal(typeof (await api.system.metrics()).throughput_jobs_per_hour, 'number');
  const { step, items } = await api.system.metricsSeries({ step: 'day' });
  assert.deepEqual([step, items.length > 0 && items.at(-1)!.jobs_submitted > 0], ['day', true]);
});

test('a batch returns one result per job, in order', async () => {
  const answers = await api.jobs.submitBatch([
    { audio_url: 's3://bucket/1.mp3', tags: ['batch'] },
    { audio_url: 'nonsense' },
    { audio_url: 's3://bucket/3.mp3', tags: ['batch'] },
  ]);
  const [first, second, third] = answers;
  assert.ok(first && 'id' in first && third && 'id' in third);
  assert.ok(second instanceof InvalidRequestError);
  assert.equal(second.errors[0]?.field, '/audio_url');
  assert.equal(third.input.s3_path, 's3://bucket/3.mp3');
  assert.deepEqual(
    (await api.queues.purge('main', { filter: { tag: 'batch' } })).job_ids.sort(),
    [first.id, third.id].sort(),
  );
});

test('the same idempotency key creates one job, whichever client sends it', async () => {
  const submission = { audio_url: 's3://bucket/once.mp3', tags: ['once'] };
  const first = await api.jobs.submit(submission, { idempotencyKey: 'once' });
  const again = await new TranscriptionAPI({ baseUrl: url }).jobs.submit(submission, { idempotencyKey: 'once' });
  assert.equal(again.id, first.id);
  await api.jobs.cancel(first.id);
});

test('a list iterates over all pages, or fetches one', async () => {
  for (let n = 0; n < 5; n += 1) await api.jobs.submit({ audio_url: `s3://bucket/${n}.mp3`, tags: ['paged'] });
  const paths: string[] = [];
  for await (const job of api.jobs.list({ tag: 'paged', limit: 2 })) paths.push(job.input.s3_path);
  assert.deepEqual(
    paths,
    [4, 3, 2, 1, 0].map((n) => `s3://bucket/${n}.mp3`),
  );
  const list = api.jobs.list({ tag: 'paged', limit: 2 });
  const first = await list.page();
  assert.equal(first.items.length, 2);
  assert.equal((await list.page(first.next_cursor!)).items[0]?.input.s3_path, 's3://bucket/2.mp3');
  await api.queues.purge('main', { filter: { tag: 'paged' } });
});

test('a failed job is a dead letter and can be redriven or purged, with a dry run first', async () => {
  const { id } = await api.jobs.submit({ audio_url: 's3://bucket/bad.mp3', tags: ['dead'] });
  const { token } = await claimOne('worker-failing');
  const error = { code: 'audio_unreadable', message: 'noise', retryable: false };
  assert.equal((await api.jobs.fail(id, { lease_token: token, error })).state, 'FAILED');
  assert.equal((await api.queues.dlq()).messages_visible, 1);
  const filter = { error_code: 'audio_unreadable' };
  assert.deepEqual(await api.queues.redrive({ filter, dry_run: true }), { job_ids: [id], dry_run: true });
  assert.equal((await api.jobs.get(id)).state, 'FAILED');
  assert.deepEqual((await api.queues.redrive({ filter })).job_ids, [id]);
  assert.equal((await api.jobs.progress(id)).state, 'QUEUED');
  const states = (await api.jobs.timeline(id)).state_history.map(({ state }) => state);
  assert.deepEqual(states, ['SUBMITTED', 'QUEUED', 'PROCESSING', 'FAILED', 'QUEUED']);
  await api.jobs.cancel(id);
  assert.equal((await api.jobs.retry(id)).state, 'QUEUED');
  assert.deepEqual((await api.queues.purge('main', { filter: { tag: 'dead' } })).job_ids, [id]);
});

test('a worker registers, sends heartbeats, drains and ends; its old token is refused', async () => {
  const { id } = await api.jobs.submit({ audio_url: 's3://bucket/held.mp3' });
  const { token } = await claimOne('worker-held');
  const beat = await api.workers.heartbeat('worker-held', {
    health: { cpu_usage: 50 },
    leases: [token, 'not.a.lease'],
  });
  assert.deepEqual(
    beat.leases.map((lease) => lease.token),
    [token],
  );
  const ids: string[] = [];
  for await (const worker of api.workers.list()) ids.push(worker.worker_id);
  assert.ok(ids.includes('worker-held'));
  for await (const one of api.workers.jobs('worker-held')) assert.equal(one.job_id, id);
  assert.equal((await api.workers.get('worker-held')).current_job?.job_id, id);
  assert.equal((await api.workers.drain('worker-held')).state, 'DRAINING');
  const drained = await api.workers.drain('worker-held', { reason: 'spot interruption', replace: true, retries: 0 });
  assert.equal(drained.reason, 'spot interruption');
  assert.deepEqual((await api.workers.heartbeat('worker-held', { leases: [token] })).commands, [{ type: 'drain' }]);
  assert.equal((await api.workers.terminate('worker-held')).state, 'TERMINATED');
  await assert.rejects(api.workers.claim('worker-held'), WorkerTerminatedError);
  const output = { s3_path: 's3://bucket/late.json', segments_count: 1 };
  await assert.rejects(api.jobs.complete(id, { lease_token: token, output }), LeaseExpiredError);
  await api.jobs.cancel(id);
});

test('an upload is returned byte for byte, whether sent as bytes or as a file', async (t) => {
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const path = join(temporaryDirectory(t), 'a recording (1).wav');
  writeFileSync(path, bytes);
  for (const body of [bytes, await openAsBlob(path)]) {
    const upload = await api.uploads.create({ name: 'a recording (1).wav', body });
    assert.equal(upload.file_size_bytes, bytes.length);
    const { body: stream, sizeBytes } = await api.uploads.open(upload.audio_url);
    assert.equal(sizeBytes, bytes.length);
    assert.deepEqual(new Uint8Array(await new Response(stream).arrayBuffer()), bytes);
  }
  await assert.rejects(api.uploads.open('upload-none'), NotFoundError);
});

test('events are reported in bulk, each line accepted or refused by itself', async () => {
  const answer = await api.events.report([
    { event: 'JOB_START', job_id: 'job-logged', worker_id: 'worker-log', audio_duration: 60 },
    { event: 'JOB_PROGRESS', job_id: 'job-logged', percentage: 45, stage: 'transcribing' },
    { event: 'JOB_COMPLETE', job_id: 'job-logged', duration: 12, segments: 3 },
  ]);
  assert.deepEqual(answer, { accepted: 3, rejected: [] });
  assert.equal((await api.jobs.get('job-logged')).state, 'COMPLETED');
});

test('reports of a source take effect once, and sources are listed', async () => {
  const told_at = new Date().toISOString();
  const jobs = [
    { job_id: 'job-sighted', state: 'PROCESSING', told_at, worker_id: 'worker-9', percentage: 45 },
  ] as const;
  assert.deepEqual(await api.sources.observe('log:/var/log/a b', jobs), { taken: 1, known: 0, refused: [] });
  assert.deepEqual(await api.sources.observe('log:/var/log/a b', jobs), { taken: 0, known: 1, refused: [] });
  assert.deepEqual((await api.jobs.get('job-sighted')).metadata, { source: 'log:/var/log/a b' });
  for await (const one of api.sources.list()) assert.fail(`${one.name} is followed`);
});

test('alerts are listed and resolved; an unknown one is not found', async () => {
  for await (const alert of api.system.alerts()) assert.ok(alert.id);
  await assert.rejects(api.system.resolveAlert('alert-none'), NotFoundError);
});

test('a watch survives a monitor that is killed and restarted', async (t) => {
  const monitor = await startTestMonitor(t);
  const { id } = await monitor.api.jobs.submit({ audio_url: 's3://bucket/long.mp3' });
  const states: string[] = [];
  let away = false;
  const onAway = (error: Error | null) => {
    away = error !== null;
    if (away) void monitor.restart();
    else void monitor.api.jobs.cancel(id);
  };
  for await (const { state } of monitor.api.jobs.watch(id, { pollMs: 5, onAway })) {
    states.push(state);
    if (states.length === 1) await monitor.kill();
  }
  assert.deepEqual(states, ['QUEUED', 'CANCELLED']);
});
