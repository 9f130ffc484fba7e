/**
 * Writes a fleet's log for tests and benchmarks: workers' lines in both forms after Python's prefix, with unrelated
 * lines in between. The same seed gives the same bytes.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { formatLogLine, formatPlainLine } from '../../protocol/log-line.ts';
import { formatTime } from '../../protocol/time.ts';
import { randomOf } from '../random.ts';

export type MadeLog = {
  lines: number;
  bytes: number;
  starts: number;
  progresses: number;
  completed: number;
  failed: number;
};

export type LogToMake = {
  lines: number;
  seed?: number;
  /** Time of the first line; lines are 100 ms apart. */
  start_ms?: number;
  /** Share of unrelated lines, 0 to 1. */
  noise?: number;
  /** Number of concurrent jobs. */
  running?: number;
};

type RunningJob = { job_id: string; worker_id: string; plain: boolean; percentage: number; started_ms: number };

const NOISE = [
  'GET /healthz 200 0.4ms',
  'loaded model large-v3 in 12.4 s on cuda:0',
  'thread pool: 8 idle, 3 busy; see JOB_QUEUE for what waits',
  'une ligne accentuée: déjà vu, 音声, 🎧',
];

export function makeLog(
  path: string,
  { lines, seed = 1, start_ms = Date.UTC(2025, 6, 7), ...rest }: LogToMake,
): MadeLog {
  const { noise = 0.2, running = 64 } = rest;
  const random = randomOf(seed);
  const made = { lines, bytes: 0, starts: 0, progresses: 0, completed: 0, failed: 0 };
  const jobs: RunningJob[] = [];
  const file = openSync(path, 'w');
  let text = '';
  const flush = () => {
    made.bytes += writeSync(file, text);
    text = '';
  };

  const nextLine = (now_ms: number): string => {
    const slot = Math.floor(random() * running);
    const job = jobs[slot];
    if (job === undefined) {
      made.starts += 1;
      const started = {
        job_id: `job-${String(made.starts).padStart(8, '0')}-${seed}`,
        worker_id: `worker-${slot}`,
        plain: slot % 2 === 0,
        percentage: 0,
        started_ms: now_ms,
      };
      jobs[slot] = started;
      return lineOf(started, { event: 'JOB_START', audio_duration: 4860 }, now_ms);
    }
    job.percentage += 5 + Math.floor(random() * 10);
    if (job.percentage < 100) {
      made.progresses += 1;
      return lineOf(job, { event: 'JOB_PROGRESS', percentage: job.percentage, stage: 'transcribing' }, now_ms);
    }
    delete jobs[slot];
    if (random() < 0.05) {
      made.failed += 1;
      return lineOf(job, { event: 'JOB_FAILED', error: 'GPU out of memory' }, now_ms);
    }
    made.completed += 1;
    const duration = (now_ms - job.started_ms) / 1000;
    return lineOf(job, { event: 'JOB_COMPLETE', duration, segments: 150 }, now_ms);
  };

  for (let line = 0; line < lines; line += 1) {
    const now_ms = start_ms + line * 100;
    const words = random() < noise ? NOISE[Math.floor(random() * NOISE.length)]! : nextLine(now_ms);
    const prefix = `${new Date(now_ms).toISOString().slice(0, 23).replace('T', ' ').replace('.', ',')} INFO transcriber: `;
    text += `${prefix}${words}\n`;
    if (text.length > 1 << 20) flush();
  }
  flush();
  closeSync(file);
  return made;
}

function lineOf(job: RunningJob, told: { event: string; [field: string]: unknown }, now_ms: number): string {
  const { job_id, worker_id, plain } = job;
  const event = { ...told, job_id, worker_id, timestamp: formatTime(now_ms) };
  return plain ? formatPlainLine(event) : formatLogLine(event);
}
