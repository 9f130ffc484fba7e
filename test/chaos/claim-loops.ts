/**
 * Workers without an engine, as a process that can be killed: `[LOOPS_TRANSPORT=websocket] node claim-loops.ts URL
 * ID…`, one loop per id. A loop claims a job, stores a transcript that names the loop, completes the job, and prints
 * each response as a line of JSON.
 */
import { ConflictError, TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { waitFor } from '../../sdk/typescript/transport.ts';

const [, , baseUrl = '', ...ids] = process.argv;
const transport = process.env.LOOPS_TRANSPORT === 'websocket' ? 'websocket' : 'http';

/** Retries while the monitor is away, with the same key. */
const api = new TranscriptionAPI({
  baseUrl,
  transport,
  retries: 10_000,
  wait: (_, signal) => waitFor(20, signal),
});

function print(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function loop(worker: string): Promise<void> {
  await api.workers.register(worker, { capabilities: { model: 'none' } });
  for (;;) {
    const { jobs } = await api.workers.claim(worker, { max_jobs: 1, wait_seconds: 5 });
    for (const { job, lease, attempt } of jobs) {
      const { job_id } = job;
      print({ done: 'claimed', job_id, worker, attempt: attempt.number });
      try {
        const text = `${job_id} by ${worker}, attempt ${attempt.number}`;
        const transcript = { text, language: null, duration_seconds: 1, engine: worker, segments: [] };
        const stored = await api.jobs.putTranscript(job_id, lease.token, transcript);
        print({ done: 'stored', job_id, text, already_there: stored.already_there });
        const { s3_path, segments_count } = stored;
        await api.jobs.reportProgress(job_id, { lease_token: lease.token, percentage: 99, stage: 'UPLOADING' });
        await api.jobs.complete(job_id, { lease_token: lease.token, output: { s3_path: s3_path!, segments_count } });
        print({ done: 'completed', job_id, token: lease.token });
      } catch (error) {
        // The lease expired while the monitor was away: the job belongs to another worker.
        if (!(error instanceof ConflictError)) throw error;
        print({ done: 'lost', job_id });
      }
    }
  }
}

await Promise.all(ids.map(loop));
