/**
 * Clients of BullMQ that take each step by itself, as its manual processing does: add, getNextJob, updateProgress, moveToCompleted.
 *
 * All share one connection for adding and one for working, on which their commands overtake no answer: of the ways tried
 * (a connection for each client, ioredis's automatic pipelining, a Worker with a concurrency of 64) none was faster, and
 * this one alone sends each step of each job as a command of its own.
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
  TRANSCRIPT_URL,
} from './client.ts';

const data = { audio_url: AUDIO_URL, duration_seconds: DURATION_SECONDS };
const result = { s3_path: TRANSCRIPT_URL, segments_count: SEGMENTS };

await serveWork(async (url) => {
  const connections = [0, 1].map(() => new Redis(url, { maxRetriesPerRequest: null }));
  const queue = new Queue('jobs', { connection: connections[0]! });
  const worker = new Worker('jobs', null, { connection: connections[1]! });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);

  const client: LifecycleClient = {
    async lifecycle(number) {
      await queue.add('transcribe', data);
      const token = `client-${number}`;
      const job = await worker.getNextJob(token, { block: false });
      if (!job) throw new Error('a job was added, and none could be taken');
      for (let step = 1; step <= STEPS; step++) {
        await job.updateProgress({
          percentage: step * STEPS,
          stage: 'TRANSCRIBING',
          current_chunk: step,
          total_chunks: STEPS,
        });
      }
      await job.moveToCompleted(result, token, false);
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
