/**
 * Writes a store with everything a store can hold, by the monitor of a given checkout, and what that monitor said of
 * it:
 *
 *     node test/formats/write-store.ts CHECKOUT FOLDER
 *
 * FOLDER becomes test/formats/VERSION, once for each released version; its path stands in the store, so choose a
 * neutral one (/srv/tmon).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Caller, type Json } from '../servers/monitor.ts';

/** What the monitor answered just before it was stopped. */
export type Recorded = {
  written_at: string;
  /** Each path below /api/v1 and its answer. */
  answers: Record<string, Json>;
  /** SHA-256 of answers that are not JSON. */
  bytes: Record<string, string>;
  /** A submission whose key must still be known. */
  repeat: { key: string; body: Json; job_id: string };
  /** The lease that one job is processed under. */
  lease: { job_id: string; worker_id: string; token: string };
};

type Running = { api: Caller; stop(): Promise<void> };

async function serve(checkout: string, store: string, settings: Record<string, string | number>): Promise<Running> {
  const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(
    process.execPath,
    [
      ...[join(checkout, 'cli/main.ts'), 'serve', '--json', '--store', `dir:${store}`, '--listen', '127.0.0.1:0'],
      ...['--fleet', 'none:', '--log-level', 'warn', '--snapshot-segments', '12', ...options],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  process.once('exit', () => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { url: string };
  return {
    api: new Caller(url),
    async stop() {
      child.kill('SIGTERM');
      const [code] = await once(child, 'exit');
      assert.equal(code, 0);
    },
  };
}

async function accepted(answer: Promise<{ status: number; body: Json; text: string }>): Promise<Json> {
  const { status, body, text } = await answer;
  assert.ok(status < 300, `${status}: ${text}`);
  return body;
}

const WORKER = {
  instance_id: 'i-0123456789abcdef0',
  capabilities: { model: 'large-v3', device: 'cuda', gpu_optimized: true, batch_size: 64 },
  location: {
    region: 'us-east-1',
    availability_zone: 'us-east-1a',
    instance_type: 'g4dn.xlarge',
    spot_price: 0.35,
  },
};
const JOB = {
  audio_url: 's3://audio/file.mp3',
  output_format: 'srt',
  priority: 'normal',
  max_attempts: 3,
  duration_seconds: 4860,
  file_size_bytes: 77_760_000,
  tags: ['team-a', 'batch-7'],
  metadata: { customer: '42', 'naïve key': 'Grüße 🎧' },
};
const TRANSCRIPT = {
  text: 'one two',
  language: 'en',
  duration_seconds: 3,
  engine: 'faster-whisper tiny.en',
  segments: [
    { id: 0, start_seconds: 0, end_seconds: 1.5, text: 'one', confidence: 0.9 },
    { id: 1, start_seconds: 1.5, end_seconds: 3, text: 'two', confidence: null },
  ],
};

async function claim(api: Caller, worker_id: string): Promise<{ job_id: string; token: string }> {
  const { jobs } = await accepted(api.post(`/workers/${worker_id}/claim`, { max_jobs: 1, wait_seconds: 5 }));
  assert.equal(jobs.length, 1);
  return { job_id: jobs[0].job.job_id, token: jobs[0].lease.token };
}

async function complete(api: Caller, { job_id, token }: { job_id: string; token: string }): Promise<void> {
  const output = { s3_path: `s3://transcripts/${job_id}.json`, segments_count: 150, confidence_score: 0.93 };
  await accepted(api.post(`/jobs/${job_id}/complete`, { lease_token: token, output }));
}

const fail = (api: Caller, { job_id, token }: { job_id: string; token: string }, retryable: boolean): Promise<Json> =>
  accepted(
    api.post(`/jobs/${job_id}/fail`, {
      lease_token: token,
      error: { code: 'gpu_out_of_memory', message: 'GPU out of memory', retryable },
      retry_with: { batch_size: 8 },
    }),
  );

async function events(api: Caller, lines: readonly object[]): Promise<void> {
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  await accepted(api.call('POST', '/api/v1/events', { body, headers: { 'content-type': 'application/x-ndjson' } }));
}

/** Jobs that leave memory at once: the archive. */
async function fillArchive(checkout: string, store: string): Promise<void> {
  const { api, stop } = await serve(checkout, store, { 'finished-window-ms': 0, 'dlq-window-ms': 0 });
  await accepted(api.put('/workers/worker-1', WORKER));
  for (let n = 0; n < 5; n++) await accepted(api.post('/jobs', JOB));
  for (let n = 0; n < 3; n++) await complete(api, await claim(api, 'worker-1'));
  await fail(api, await claim(api, 'worker-1'), false);
  const [waiting] = (await accepted(api.get('/jobs?state=QUEUED'))).items;
  await accepted(api.delete(`/jobs/${waiting.job_id}`));
  await events(api, [
    { event: 'JOB_START', job_id: 'job-reported-1', worker_id: 'reporter-1', audio_duration: 60 },
    { event: 'JOB_COMPLETE', job_id: 'job-reported-1', worker_id: 'reporter-1', segments: 3 },
  ]);
  // The archive runs every ten seconds; the store shows when it has.
  const left = async () => {
    const { items } = await accepted(api.get('/jobs?limit=1000'));
    const archived = (await accepted(api.get('/system/metrics'))).jobs;
    return items.length - Object.values(archived as Record<string, number>).reduce((sum, count) => sum + count, 0);
  };
  while ((await left()) < 6) await sleep(500);
  await stop();
}

/** Jobs and workers in every state that memory holds. */
async function fillMemory(checkout: string, store: string): Promise<Recorded> {
  const { api, stop } = await serve(checkout, store, { 'retry-base-ms': 86_400_000, 'retry-max-ms': 86_400_000 });
  for (const id of ['worker-1', 'worker-2', 'worker-3', 'worker-4']) await accepted(api.put(`/workers/${id}`, WORKER));
  const upload = await accepted(
    api.call('POST', '/api/v1/uploads?name=call.wav', {
      body: new Uint8Array(5_000).map((_, i) => i % 251),
      headers: { 'content-type': 'audio/wav' },
    }),
  );
  await accepted(api.post('/jobs', { ...JOB, audio_url: upload.audio_url, priority: 'high' }));
  const written = await claim(api, 'worker-1');
  await accepted(api.put(`/jobs/${written.job_id}/transcript`, TRANSCRIPT, { 'lease-token': written.token }));
  await complete(api, written);
  for (let n = 0; n < 6; n++) await accepted(api.post('/jobs', { ...JOB, tags: [`n-${n}`] }));
  const processing = await claim(api, 'worker-1');
  const progress = { percentage: 45.5, stage: 'transcribing', current_chunk: 15, total_chunks: 33, eta_seconds: 120 };
  await accepted(api.put(`/jobs/${processing.job_id}/progress`, { lease_token: processing.token, ...progress }));
  await fail(api, await claim(api, 'worker-2'), false);
  await fail(api, await claim(api, 'worker-2'), true);
  const cancelling = await claim(api, 'worker-2');
  await accepted(api.delete(`/jobs/${cancelling.job_id}`));
  await claim(api, 'worker-3');
  await accepted(api.delete('/workers/worker-3'));
  await accepted(api.post('/workers/worker-4/drain'));
  const repeated = { ...JOB, priority: 'low' };
  const key = 'a-key-that-was-used';
  const { job_id } = await accepted(api.post('/jobs', repeated, { 'idempotency-key': key }));
  const beat = { health: { cpu_usage: 85.5, memory_usage: 65.2, gpu_usage: 95.8, disk_usage: 45.1 } };
  await accepted(api.post('/workers/worker-1/heartbeat', { ...beat, leases: [processing.token] }));
  await events(api, [
    { event: 'JOB_START', job_id: 'job-reported-2', worker_id: 'reporter-1', audio_duration: 60 },
    { event: 'JOB_PROGRESS', job_id: 'job-reported-2', worker_id: 'reporter-1', percentage: 30, stage: 'transcribing' },
    { event: 'JOB_START', job_id: 'job-reported-3', worker_id: 'reporter-1' },
    { event: 'JOB_FAILED', job_id: 'job-reported-3', worker_id: 'reporter-1', error: 'noise' },
  ]);
  await accepted(
    api.post('/sources/log-of-team-b/jobs', {
      jobs: [
        { job_id: 'job-seen-1', state: 'PROCESSING', told_at: new Date().toISOString(), worker_id: 'seer-1' },
        { job_id: 'job-seen-2', state: 'COMPLETED', told_at: new Date().toISOString(), worker_id: 'seer-1' },
      ],
    }),
  );
  const { items: alerts } = await api.until('/system/alerts', ({ items }) => items.length > 0);
  await accepted(api.post(`/system/alerts/${alerts[0].id}/resolve`));
  // The soft reports are in the journal once one more segment is.
  await accepted(api.post('/jobs', { ...JOB, tags: ['last'] }));

  const answers: Record<string, Json> = {};
  const note = async (path: string) => {
    answers[path] = await accepted(api.get(path));
  };
  await note('/jobs?limit=1000');
  for (const { job_id: id } of answers['/jobs?limit=1000'].items) {
    await note(`/jobs/${id}`);
    await note(`/jobs/${id}/timeline`);
  }
  await note('/workers');
  for (const { worker_id } of answers['/workers'].items) await note(`/workers/${worker_id}/jobs`);
  await note('/queues/dlq');
  const bytes: Record<string, string> = {};
  for (const path of [`/jobs/${written.job_id}/transcript?format=srt`, `/uploads/${upload.upload_id}`]) {
    const response = await fetch(`${api.url}/api/v1${path}`);
    assert.equal(response.status, 200);
    bytes[path] = createHash('sha256')
      .update(Buffer.from(await response.arrayBuffer()))
      .digest('hex');
  }
  await stop();
  return {
    written_at: new Date().toISOString(),
    answers,
    bytes,
    repeat: { key, body: repeated, job_id },
    lease: { job_id: processing.job_id, worker_id: 'worker-1', token: processing.token },
  };
}

if (import.meta.main) {
  const [checkout, folder] = process.argv.slice(2).map((path) => resolve(path));
  if (!checkout || !folder) throw new Error('usage: node test/formats/write-store.ts CHECKOUT FOLDER');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const store = join(folder, 'store');
  await fillArchive(checkout, store);
  const recorded = await fillMemory(checkout, store);
  writeFileSync(join(folder, 'recorded.json'), `${JSON.stringify(recorded, null, 1)}\n`);
  for (const name of readdirSync(store)) {
    if (name.startsWith('.')) rmSync(join(store, name), { recursive: true });
  }
  const journal = readdirSync(join(store, 'journal'));
  console.log(`${folder}: ${journal.length} segments, ${readFileSync(join(store, 'meta/format.json'), 'utf8').trim()}`);
}
