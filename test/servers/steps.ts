/** The steps of a job's life, for tests of something else. Each asserts that it succeeds. */
import assert from 'node:assert/strict';
import type { Claimed, Job } from '../../protocol/job.ts';
import type { Transcript } from '../../protocol/transcript.ts';
import type { Worker } from '../../protocol/worker.ts';
import type { Caller } from './monitor.ts';

export const AUDIO = 's3://audio/file.mp3';

export type Held = Claimed['jobs'][number] & { id: string; token: string };

export async function submit(monitor: Caller, submission: Record<string, unknown> = {}): Promise<Job> {
  const { status, body } = await monitor.post<Job>('/jobs', { audio_url: AUDIO, ...submission });
  assert.equal(status, 201);
  return body;
}

export async function register(monitor: Caller, worker_id = 'worker-1', more: object = {}): Promise<Worker> {
  const { status, body } = await monitor.put<Worker>(`/workers/${worker_id}`, { capabilities: {}, ...more });
  assert.ok(status === 200 || status === 201, `registering returned ${status}`);
  return body;
}

export async function claim(monitor: Caller, worker_id = 'worker-1', max_jobs = 1): Promise<Held[]> {
  const { status, body } = await monitor.post<Claimed>(`/workers/${worker_id}/claim`, { max_jobs });
  assert.equal(status, 200);
  return body.jobs.map((held) => ({ ...held, id: held.job.job_id, token: held.lease.token }));
}

/** A job that this worker holds. */
export async function hold(monitor: Caller, submission: object = {}, worker_id = 'worker-1'): Promise<Held> {
  await register(monitor, worker_id);
  const job = await submit(monitor, { ...submission });
  const held = (await claim(monitor, worker_id, 1000)).find(({ id }) => id === job.job_id);
  assert.ok(held, `${worker_id} did not get ${job.job_id}`);
  return held;
}

export async function complete(monitor: Caller, { id, token }: Held): Promise<Job> {
  const { status, body } = await monitor.post<Job>(`/jobs/${id}/complete`, completion(token));
  assert.equal(status, 200);
  return body;
}

export async function fail(monitor: Caller, { id, token }: Held, retryable = false): Promise<Job> {
  const error = { code: 'worker_error', message: 'it broke', retryable };
  const { status, body } = await monitor.post<Job>(`/jobs/${id}/fail`, { lease_token: token, error });
  assert.equal(status, 200);
  return body;
}

export const completion = (lease_token: string) => ({
  lease_token,
  output: { s3_path: 's3://transcripts/file.json', segments_count: 2, confidence_score: 0.9 },
});

export const TRANSCRIPT: Transcript = {
  text: 'hello world',
  language: 'en',
  duration_seconds: 2,
  engine: 'by hand',
  segments: [
    { id: 0, start_seconds: 0, end_seconds: 1, text: 'hello', confidence: 0.8 },
    { id: 1, start_seconds: 1, end_seconds: 2, text: 'world', confidence: null },
  ],
};
