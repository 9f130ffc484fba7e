/**
 * BullMQ in its fastest mode: jobs are added many at a time, one Worker processes as many concurrently as there are
 * clients, and fetching the next job is combined with completing the last. Progress has no bulk form: each update is a
 * command.
 */
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import {
  AUDIO_URL,
  DURATION_SECONDS,
  type LifecycleClient,
  SEGMENTS,
  STEPS,
  serveWork,
  spread,
  TRANSCRIPT_URL,
} from './client.ts';

const data = { audio_url: AUDIO_URL, duration_seconds: DURATION_SECONDS };
const result = { s3_path: TRANSCRIPT_URL, segments_count: SEGMENTS };

await serveWork(async (url, clients) => {
  const connections = [0, 1].map(() => new Redis(url, { maxRetriesPerRequest: null }));
  const queue = new Queue('jobs', { connection: connections[0]! });
  let left = 0;
  let finish: () => void = () => undefined;
  const worker = new Worker(
    'jobs',
    async (job) => {
      for (let step = 1; step <= STEPS; step++) {
        await job.updateProgress({
          percentage: step * STEPS,
          stage: 'TRANSCRIBING',
          current_chunk: step,
          total_chunks: STEPS,
        });
      }
      return result;
    },
    { connection: connections[1]!, concurrency: clients },
  );
  worker.on('completed', () => {
    left -= 1;
    if (left === 0) finish();
  });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);

  const client: LifecycleClient = {
    async run({ jobs, batch, clients }) {
      left = jobs;
      const done = new Promise<void>((resolve) => {
        finish = resolve;
      });
      await spread({ jobs: Math.ceil(jobs / batch), clients }, async (_, i) => {
        const size = Math.min(batch, jobs - i * batch);
        await queue.addBulk(Array.from({ length: size }, () => ({ name: 'transcribe', data })));
      });
      await done;
    },
    async lifecycle() {
      throw new Error('in batches only');
    },
    async submit() {
      await queue.add('transcribe', data);
    },
    async close() {
      await Promise.all([worker.close(), queue.close()]);
      for (const connection of connections) connection.disconnect();
    },
  };
  return client;
});
