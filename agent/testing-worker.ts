/** Shared by the worker's tests: a worker in this process, with a shell script as engine, against a real monitor. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { JobSubmission } from '../protocol/job.ts';
import type { JobUpdate, JobWithId, TranscriptionAPI } from '../sdk/typescript/index.ts';
import { type Cleaning, temporaryDirectory } from '../test/processes/tmon.ts';
import { wav } from '../test/processes/wav.ts';
import { createExec } from './engines/exec.ts';
import { runWorker, type WorkerEnd, type WorkerLine, type WorkerOptions } from './worker.ts';

export type TestWorker = {
  ended: Promise<WorkerEnd>;
  drain(): void;
  stop(): void;
  /** The first line with this message, past or future. */
  line(message: string | RegExp): Promise<WorkerLine>;
  lines: WorkerLine[];
  /** Files left in its work directory. */
  leftovers(): string[];
};

/** `script` is run by sh; $1 is the audio, $2 the transcript to write, $3 the batch size. */
export function startTestWorker(
  t: Cleaning,
  api: TranscriptionAPI,
  script: string,
  options: Partial<WorkerOptions> = {},
): TestWorker {
  const workDirectory = join(temporaryDirectory(t), 'work');
  const drain = new AbortController();
  const stop = new AbortController();
  const lines: WorkerLine[] = [];
  const listeners = new Set<() => void>();
  const ended = runWorker({
    api,
    engine: createExec({ command: `sh -c '${script}' sh {input} {output} {batch_size}` }),
    workerId: 'worker-1',
    capabilities: { model: 'sh', device: 'cpu', batch_size: 4 },
    workDirectory,
    readHealth: async () => ({ cpu_usage: 12.5, memory_usage: 34, gpu_usage: null, disk_usage: 56 }),
    drainSignal: drain.signal,
    stopSignal: stop.signal,
    log(line) {
      lines.push(line);
      for (const listener of listeners) listener();
    },
    ...options,
  });
  ended.catch(() => {});
  t.after(async () => {
    stop.abort();
    await ended.catch(() => {});
  });
  return {
    ended,
    drain: () => drain.abort(),
    stop: () => stop.abort(),
    lines,
    leftovers: () => (existsSync(workDirectory) ? readdirSync(workDirectory) : []),
    line: (message) =>
      new Promise((resolve) => {
        const look = () => {
          const found = lines.find((line) =>
            typeof message === 'string' ? line.message === message : message.test(line.message),
          );
          if (found === undefined) return;
          listeners.delete(look);
          resolve(found);
        };
        listeners.add(look);
        look();
      }),
  };
}

/** Uploads a recording and submits it. */
export async function submitAudio(
  api: TranscriptionAPI,
  audio: Buffer<ArrayBuffer> = wav(2),
  submission: Partial<JobSubmission> = {},
): Promise<JobWithId> {
  const { audio_url } = await api.uploads.create({ name: 'tone.wav', body: audio });
  return api.jobs.submit({ audio_url, ...submission });
}

/** Resolves with the first update for which `is` returns true. */
export async function jobThat(
  api: TranscriptionAPI,
  jobId: string,
  is: (update: JobUpdate) => boolean,
): Promise<JobWithId> {
  for await (const update of api.jobs.watch(jobId, { pollMs: 10 })) if (is(update)) return update.job;
  throw new Error(`${jobId} ended without it`);
}

/** Resolves with the job once it is COMPLETED, FAILED or CANCELLED. */
export async function jobEnd(api: TranscriptionAPI, jobId: string): Promise<JobWithId> {
  let last: JobWithId | undefined;
  for await (const { job } of api.jobs.watch(jobId, { pollMs: 10 })) last = job;
  return last!;
}
