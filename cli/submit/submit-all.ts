/** Uploads and submits recordings, several at once. What is refused stops no other; what no other could get past stops all. */
import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import type { JobSubmission } from '../../protocol/job.ts';
import {
  type CallOptions,
  type JobWithId,
  NoAnswerError,
  NotFoundError,
  RefusedError,
  type TranscriptionAPI,
} from '../../sdk/typescript/index.ts';
import { atOnce } from '../at-once.ts';
import { EXIT } from '../exit-code.ts';
import { commandHash, FINGERPRINT, fingerprintOf, jobsOf } from './fingerprint.ts';
import type { Input } from './inputs.ts';

export type Submission = Omit<JobSubmission, 'audio_url'>;

/** `skipped`: the same command has submitted it before, as this job. */
export type SubmitResult = { input: Input; job: JobWithId; skipped: boolean };

export type SubmitRun = {
  /** In the order of the inputs. */
  results: SubmitResult[];
  failed: number;
  /** Not begun, because of an interruption. */
  left: number;
  interrupted: boolean;
  exitCode: number;
};

export type SubmitAllOptions = {
  parallel: number;
  /** Whether what the same command has submitted before is skipped. */
  once: boolean;
  /** Called with each as it is done. */
  show: (result: SubmitResult) => void;
  /** Shows an error; returns its exit code. */
  report: (error: unknown, input: Input) => number;
};

/** After SIGINT. */
const EXIT_INTERRUPTED = 130;
/** Of one of many: a monitor that restarts in the middle costs a while, and nothing else. */
const RETRIES = 6;
/** Of one recording: the others go on. */
const OF_ONE = new Set([400, 413]);

export async function submitAll(
  api: TranscriptionAPI,
  inputs: readonly Input[],
  submission: Submission,
  { parallel, once, show, report }: SubmitAllOptions,
): Promise<SubmitRun> {
  const run: SubmitRun = { results: [], failed: 0, left: 0, interrupted: false, exitCode: EXIT.fine };
  const interruption = new AbortController();
  const { signal } = interruption;
  const call: CallOptions = { signal, ...(inputs.length > 1 ? { retries: RETRIES } : {}) };
  const onSignal = () => {
    run.interrupted = true;
    interruption.abort(new Error('interrupted'));
  };
  process.once('SIGINT', onSignal);
  const done: SubmitResult[] = [];
  try {
    const submitInput = once
      ? await onceOnly(api, submission, call)
      : async (input: Input) => ({ job: await submitOne(api, input, submission, call), skipped: false });
    await atOnce(inputs, { parallel, signal }, async (input, index) => {
      try {
        const result = { input, ...(await submitInput(input)) };
        done[index] = result;
        show(result);
      } catch (error) {
        if (run.interrupted) return;
        if (inputs.length === 1 || stopsAll(error)) throw error;
        run.failed += 1;
        run.exitCode = report(error, input);
      }
    });
  } catch (error) {
    if (!run.interrupted) throw error;
  } finally {
    process.off('SIGINT', onSignal);
  }
  run.results = done.filter((result) => result !== undefined);
  run.left = inputs.length - run.results.length - run.failed;
  if (run.interrupted) run.exitCode = EXIT_INTERRUPTED;
  return run;
}

const stopsAll = (error: unknown): boolean =>
  error instanceof NoAnswerError || (error instanceof RefusedError && !OF_ONE.has(error.status ?? 0));

/**
 * Submits each recording of a command once: what its jobs show, what runs beside it, and what a run before began and could
 * not finish, which has the same Idempotency-Key.
 */
async function onceOnly(
  api: TranscriptionAPI,
  submission: Submission,
  call: CallOptions,
): Promise<(input: Input) => Promise<{ job: JobWithId; skipped: boolean }>> {
  const command = commandHash(submission);
  const known: Map<string, JobWithId | Promise<JobWithId>> = await jobsOf(api, command, {
    tag: submission.tags?.[0],
    signal: call.signal,
  });
  return async (input) => {
    const fingerprint = await fingerprintOf(input, command, call.signal);
    const before = known.get(fingerprint);
    if (before !== undefined) return { job: await before, skipped: true };
    const marked = { ...submission, metadata: { ...submission.metadata, [FINGERPRINT]: fingerprint } };
    const job = submitOne(api, input, marked, { ...call, idempotencyKey: `submit.${fingerprint}` }).catch((error) => {
      // It was erased since.
      if (!(error instanceof NotFoundError)) throw error;
      return submitOne(api, input, marked, call);
    });
    known.set(fingerprint, job);
    job.catch(() => known.delete(fingerprint));
    return { job: await job, skipped: false };
  };
}

/** Uploads a file; passes a URL on unchanged. Also used by the demo. */
export async function submitOne(
  api: TranscriptionAPI,
  input: Input,
  submission: Submission = {},
  options: CallOptions = {},
): Promise<JobWithId> {
  const audio_url = 'url' in input ? input.url : await upload(api, input.path, options);
  return api.jobs.submit({ audio_url, ...submission }, options);
}

async function upload(api: TranscriptionAPI, path: string, options: CallOptions): Promise<string> {
  const file = { name: basename(path), body: await openAsBlob(path) };
  const { audio_url } = await api.uploads.create(file, options);
  return audio_url;
}
