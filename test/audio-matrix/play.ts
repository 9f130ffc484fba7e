/** Gives a column every input as a job of one monitor, and waits for what becomes of each. */
import type { Transcript } from '../../protocol/transcript.ts';
import { InvalidRequestError, type TranscriptionAPI } from '../../sdk/typescript/index.ts';
import type { Cleaning } from '../processes/tmon.ts';
import type { Column } from './columns.ts';
import type { Input } from './input.ts';

/** An input that has been made. */
export type Sample = { input: Input; bytes: Buffer<ArrayBuffer>; decoded_seconds: number | null };

export type Outcome = {
  state: string;
  attempts: number;
  /** The code of its last error. */
  code: string | null;
  message: string | null;
  transcript: Transcript | null;
  warnings: string[];
};

export type Played = {
  /** In the order of the samples; the first is the clean recording's. */
  outcomes: Outcome[];
  /** What the worker did wrong, apart from the jobs. */
  differences: string[];
};

const ATTEMPTS_MAX = 2;

export async function play(
  t: Cleaning,
  column: Column,
  {
    api,
    url,
    samples,
    log,
  }: {
    api: TranscriptionAPI;
    url: string;
    samples: readonly Sample[];
    log: (line: string) => void;
  },
): Promise<Played> {
  const jobs: (string | Outcome)[] = [];
  for (const { input, bytes } of samples) jobs.push(await submit(api, input.name, bytes));
  const worker = await column.start(t, url);
  const died = worker.ended.then(({ code, signal, stderr }) => {
    throw new Error(`the worker ended with ${code ?? signal}: ${stderr.slice(-2000)}`);
  });
  died.catch(() => {});
  const outcomes: Outcome[] = [];
  for (const [index, job] of jobs.entries()) {
    const outcome = typeof job === 'string' ? await Promise.race([outcomeOf(api, job), died]) : job;
    outcomes.push(outcome);
    const { input } = samples[index]!;
    log(`${column.name}: ${input.name}: ${outcome.state} ${outcome.code ?? ''}`);
  }
  const listed = await Array.fromAsync(api.workers.list());
  const differences = listed
    .filter((one) => one.state !== 'TERMINATED' && one.health.status !== 'HEALTHY')
    .map((one) => `${one.worker_id} is ${one.health.status}`);
  worker.kill('SIGTERM');
  const { code, signal } = await worker.ended;
  if (code !== 0) differences.push(`the worker ended with ${code ?? signal}, asked to drain`);
  return { outcomes, differences };
}

/** Returns the job's id, or what became of an upload that is refused. */
async function submit(api: TranscriptionAPI, name: string, body: Buffer<ArrayBuffer>): Promise<string | Outcome> {
  try {
    const { audio_url } = await api.uploads.create({ name, body });
    return (await api.jobs.submit({ audio_url, max_attempts: ATTEMPTS_MAX })).id;
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error;
    const { code, message } = error;
    return { state: 'FAILED', attempts: 1, code, message, transcript: null, warnings: [] };
  }
}

async function outcomeOf(api: TranscriptionAPI, id: string): Promise<Outcome> {
  for await (const _ of api.jobs.watch(id));
  const job = await api.jobs.get(id);
  const transcript = job.state === 'COMPLETED' ? await api.jobs.transcript(id) : null;
  const error = job.retry_info.last_error;
  return {
    state: job.state,
    attempts: job.retry_info.attempt,
    code: error?.code ?? null,
    message: error?.message ?? null,
    transcript,
    warnings: (transcript as { warnings?: { code: string }[] } | null)?.warnings?.map(({ code }) => code) ?? [],
  };
}
