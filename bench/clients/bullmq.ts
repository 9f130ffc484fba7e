/**
 * Clients of BullMQ that perform each step separately, as its manual processing does: add, getNextJob, updateProgress,
 * moveToCompleted.
 *
 * They share one connection for adding and one for working, on which all commands are pipelined: the fastest form of
 * BullMQ in one process. No other way tried was faster (ioredis's automatic pipelining; a Worker with a concurrency of
 * 64, which gets a job in the response that ends the last), and only this one sends each step of each job as a separate
 * command. With `apart` each client has its own connections, like workers on 64 machines.
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

await serveWork(async (url, clients) => {
  const apart = process.argv.includes('apart');
  const stations = await Promise.all(Array.from({ length: apart ? clients : 1 }, () => openStation(url)));
  const stationOf = (client: number) => stations[client % stations.length]!;

  const client: LifecycleClient = {
    async lifecycle(number) {
      const { queue, worker } = stationOf(number);
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
    async submit(number) {
      await stationOf(number).queue.add('transcribe', data);
    },
    async close() {
      await Promise.all(stations.map((station) => station.close()));
    },
  };
  return client;
});

async function openStation(url: string) {
  const connections = [0, 1].map(() => new Redis(url, { maxRetriesPerRequest: null }));
  const queue = new Queue('jobs', { connection: connections[0]! });
  const worker = new Worker('jobs', null, { connection: connections[1]! });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  const close = async () => {
    await Promise.all([worker.close(), queue.close()]);
    for (const connection of connections) connection.disconnect();
  };
  return { queue, worker, close };
}
