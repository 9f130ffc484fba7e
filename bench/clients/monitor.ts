/** Clients of the monitor: HTTP/1.1 over kept connections, one per client, through undici's lowest layer. */
import { Pool } from 'undici';
import {
  AUDIO_URL,
  DURATION_SECONDS,
  type HeldJob,
  type LifecycleClient,
  SEGMENTS,
  STEPS,
  serveWork,
  TRANSCRIPT_URL,
} from './client.ts';

type Claimed = { jobs: { job: { job_id: string }; lease: { token: string } }[] };

const submission = { audio_url: AUDIO_URL, duration_seconds: DURATION_SECONDS };
const output = { s3_path: TRANSCRIPT_URL, segments_count: SEGMENTS };

await serveWork(async (url, clients) => {
  const pool = new Pool(url, { connections: clients, pipelining: 1 });

  const send = (method: 'POST' | 'PUT', path: string, body: unknown, type = 'application/json') =>
    new Promise<string>((resolve, reject) => {
      let status = 0;
      const chunks: Buffer[] = [];
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      pool.dispatch(
        { method, path: `/api/v1${path}`, headers: { 'content-type': type }, body: text },
        {
          onRequestStart() {},
          onResponseStart(_, code) {
            status = code;
          },
          onResponseData(_, chunk) {
            chunks.push(chunk);
          },
          onResponseEnd() {
            const response = Buffer.concat(chunks).toString();
            if (status < 300) resolve(response);
            else reject(new Error(`${method} ${path}: ${status} ${response}`));
          },
          onResponseError: (_, error) => reject(error),
        },
      );
    });

  const workers = Array.from({ length: clients }, (_, client) => `/workers/worker-bench-${client}`);
  for (const worker of workers) await send('PUT', worker, { capabilities: { model: 'large-v3' } });

  const claim = async (client: number, max_jobs: number) => {
    const response = await send('POST', `${workers[client]}/claim`, { max_jobs, wait_seconds: 0 });
    return (JSON.parse(response) as Claimed).jobs.map(({ job, lease }) => ({ job_id: job.job_id, token: lease.token }));
  };

  const report = async (jobs: { job_id: string; token: string }[], event: object) => {
    const lines = jobs.map(({ job_id, token }) => JSON.stringify({ ...event, job_id, lease_token: token }));
    const response = await send('POST', '/events', lines.join('\n'), 'application/x-ndjson');
    const { accepted } = JSON.parse(response) as { accepted: number };
    if (accepted !== jobs.length)
      throw new Error(`only ${accepted} of ${jobs.length} lines were accepted: ${response}`);
  };

  const hold = async (client: number): Promise<HeldJob> => {
    await send('POST', '/jobs', submission);
    const [job] = await claim(client, 1);
    if (!job) throw new Error('a job was submitted, and none could be claimed');
    const { job_id, token } = job;
    return {
      update: (step) =>
        send('PUT', `/jobs/${job_id}/progress`, {
          lease_token: token,
          percentage: step * STEPS,
          stage: 'TRANSCRIBING',
          current_chunk: step,
          total_chunks: STEPS,
        }),
      complete: () => send('POST', `/jobs/${job_id}/complete`, { lease_token: token, output }),
    };
  };

  const client: LifecycleClient = {
    // Servers are paused between turns, and a worker silent for 90 s loses its jobs.
    async begin() {
      await Promise.all(workers.map((worker) => send('POST', `${worker}/heartbeat`, {})));
    },
    async lifecycle(number) {
      const job = await hold(number);
      for (let step = 1; step <= STEPS; step++) await job.update(step);
      await job.complete();
    },
    hold,
    async batch(number, size) {
      await send('POST', '/jobs/batch', { jobs: Array(size).fill(submission) });
      const jobs = await claim(number, size);
      if (jobs.length !== size) throw new Error(`${size} jobs were submitted, and ${jobs.length} could be claimed`);
      for (let step = 1; step <= STEPS; step++) {
        await report(jobs, {
          event: 'JOB_PROGRESS',
          percentage: step * STEPS,
          stage: 'TRANSCRIBING',
          current_chunk: step,
          total_chunks: STEPS,
        });
      }
      await report(jobs, { event: 'JOB_COMPLETE', s3_path: TRANSCRIPT_URL, segments: SEGMENTS });
    },
    async submit() {
      await send('POST', '/jobs', submission);
    },
    close: () => pool.close(),
  };
  return client;
});
