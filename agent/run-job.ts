/**
 * One attempt at one job, from the claim to the monitor's response about its end.
 *
 *     DOWNLOADING    download the audio into a directory of this attempt; determine its length and size
 *     TRANSCRIBING   run the engine; LOADING_MODEL or WAITING_FOR_ENGINE until it begins
 *     UPLOADING      store the transcript (one that an earlier attempt stored is kept), then complete the job
 *
 * It never throws: a failure is reported to the monitor and logged, and the worker continues. The directory is removed
 * in every case.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FailureReport, Job } from '../protocol/job.ts';
import type { JobOptions } from '../protocol/job-options.ts';
import type { Transcript, TranscriptWarning } from '../protocol/transcript.ts';
import { ConflictError, LeaseExpiredError, RefusedError, type TranscriptionAPI } from '../sdk/typescript/index.ts';
import type { SpanExport } from '../tracing/span.ts';
import { AttemptLog } from './attempt-log.ts';
import { fetchAudio } from './audio/fetch-audio.ts';
import { receiveAudio } from './audio/receive-audio.ts';
import { transcribeChannels, transcribeWhole } from './channels/transcribe-channels.ts';
import type { Clock } from './clock.ts';
import { assertRoom, diskFull, isDiskFull } from './disk-space.ts';
import { beginTry, ofWhole } from './engine-try.ts';
import { type Engine, EngineError, type EngineLimits } from './engines/engine.ts';
import { type HeldJob, Stopped } from './held-job.ts';
import { optionsOf } from './job-options.ts';
import { type JobTrace, traceOf } from './job-trace.ts';
import type { LearnedPace } from './learned-pace.ts';
import { ProgressReports } from './progress-report.ts';
import { measureAudio } from './quality/measure-audio.ts';
import type { OnSuspect } from './quality/on-suspect.ts';
import { redactorOf } from './redact.ts';
import type { SelfCheck } from './self-check.ts';
import { sendUntilAnswered } from './send-until-answered.ts';
import type { Pace } from './stall.ts';

export type RunJobOptions = {
  api: TranscriptionAPI;
  engine: Engine;
  /** Whether recordings at `http://` are fetched. */
  allowHttp: boolean;
  /** Used if the attempt doesn't set its own. */
  batchSize: number;
  /** The model that is loaded, for jobs that want a certain one. */
  model: string | undefined;
  /** Options of jobs that do not set them. */
  defaults: JobOptions;
  learned: LearnedPace;
  onSuspect: OnSuspect;
  /** Where the attempt's directory is created. */
  workDirectory: string;
  /** Stops waiting for a monitor that is away: the worker exits, whoever then holds the job. */
  leaveSignal: AbortSignal;
  /** Called each time the monitor doesn't respond, and with null once it does. */
  onAway: (error: Error | null) => void;
  selfCheck: SelfCheck;
  limits: EngineLimits;
  pace: Pace;
  clock: Clock;
  /** Absent if no traces are sent. */
  spans?: Pick<SpanExport, 'export'> | undefined;
  /** The monitor has a command for this worker: send a heartbeat. */
  onConflict: () => void;
  log: (line: JobLine) => void;
};

/** Fields about a job in the log. */
export type JobLine = { message: string; job_id: string; attempt: number; [detail: string]: unknown };

/** Resolves when the attempt is over and reported, or lost. */
export async function runJob(held: HeldJob, options: RunJobOptions): Promise<void> {
  const { job, attempt } = held.claimed;
  const log = (message: string, details: Record<string, unknown> = {}) =>
    options.log({ message, job_id: job.job_id, attempt: attempt.number, ...details });
  const reports = new ProgressReports(options.api, held, options.onConflict);
  const engineLog = new AttemptLog({
    send: (part) => options.api.jobs.putAttemptLog(held.jobId, attempt.number, held.leaseToken, part, LOG_CALL),
    redact,
  });
  const begun_ms = performance.now();
  const spent = () => ({ seconds: Math.round(performance.now() - begun_ms) / 1000 });
  let directory: string | undefined;

  log('claimed', { audio: job.input.s3_path });
  try {
    await mkdir(options.workDirectory, { recursive: true });
    directory = await mkdtemp(join(options.workDirectory, `${job.job_id}-`));
    const ended = await attemptJob(held, directory, { ...options, reports, engineLog });
    reports.close();
    if (ended.state === 'COMPLETED') options.selfCheck.completed();
    const { segments_count: segments, s3_path: transcript } = ended.output;
    log(ended.state.toLowerCase(), { ...spent(), segments, transcript });
  } catch (caught) {
    // A worker that was stopped still holds the lease, unless it has lost it.
    if (held.stopped?.why !== 'lease_lost') await engineLog.flush();
    if (!held.signal.aborted) await reports.flush();
    reports.close();
    const hung = held.stopped?.why === 'hung';
    const error = held.signal.aborted && !hung ? caught : await options.selfCheck.examine(hung ? hungEngine() : caught);
    const outcome = await reportEnd(error, held, options).catch((refusal: unknown) => {
      log('the end could not be reported', { ...spent(), ...errorFields(refusal) });
      return undefined;
    });
    if (outcome !== undefined) log(outcome, { ...spent(), ...errorFields(error) });
  } finally {
    engineLog.close();
    if (directory !== undefined) {
      await rm(directory, { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) =>
        log('its directory could not be removed', errorFields(error)),
      );
    }
  }
}

/** The options, and what reports about the attempt. */
type Attempt = RunJobOptions & { reports: ProgressReports; engineLog: AttemptLog };

async function attemptJob(held: HeldJob, directory: string, options: Attempt): Promise<Job> {
  const { reports } = options;
  const trace = traceOf(
    { traceparent: held.claimed.traceparent, attributes: { 'transcription.job.id': held.jobId } },
    options.spans,
  );
  const transcript =
    (await earlierTranscript(held, options)) ?? (await transcribe(held, directory, { ...options, trace }));
  reports.note({ stage: 'UPLOADING', percentage: 100, eta_seconds: null });
  held.deliver();
  await reports.flush();
  return trace.stage('upload', () => deliver(held, transcript, options));
}

/** Stores the transcript and completes the job. */
async function deliver(held: HeldJob, transcript: Transcript, options: Attempt): Promise<Job> {
  const { jobId, leaseToken } = held;
  const { onAway } = options;
  const storing = sendUntilAnswered((call) => options.api.jobs.putTranscript(jobId, leaseToken, transcript, call), {
    signal: held.signal,
    onAway,
  });
  // The log ends with the lease.
  const [stored] = await Promise.all([storing, options.engineLog.flush()]);
  held.settle();
  const { already_there, ...output } = stored;
  const report = { lease_token: leaseToken, output };
  // From here on only the response decides (COMPLETED, or CANCELLED if that came first); only an exit ends the wait.
  return sendUntilAnswered((call) => options.api.jobs.complete(jobId, report, call), {
    signal: options.leaveSignal,
    onAway: options.onAway,
  });
}

/** An earlier attempt may have stored its transcript and died before completing the job. */
async function earlierTranscript(held: HeldJob, { api }: RunJobOptions): Promise<Transcript | undefined> {
  if (held.claimed.attempt.number < 2 && held.claimed.job.retry_info.last_error === null) return undefined;
  try {
    return await api.jobs.transcript(held.jobId, 'json', { signal: held.signal, retries: 1 });
  } catch {
    held.signal.throwIfAborted();
    return undefined;
  }
}

async function transcribe(
  held: HeldJob,
  directory: string,
  options: Attempt & { trace: JobTrace },
): Promise<Transcript> {
  const { engine, batchSize, limits, pace, clock, learned, onSuspect, log, reports, engineLog, trace } = options;
  const { signal, claimed } = held;
  // Before the download: a job that can't be done here costs nothing.
  const given = claimed.job.options;
  const { channels, ...job_options } = optionsOf({ given, defaults: options.defaults, engine, model: options.model });
  reports.note({ stage: 'DOWNLOADING', percentage: 0 });
  const audio = await trace.stage('download', () => download(held, directory, options), audioAttributes);
  signal.throwIfAborted();

  const facts = { duration_seconds: audio.duration_seconds, file_size_bytes: audio.file_size_bytes };
  reports.note({ stage: 'TRANSCRIBING', percentage: 0, ...facts });
  const work_directory = join(directory, 'engine');
  await mkdir(work_directory);
  const batch_size = claimed.attempt.batch_size ?? batchSize;
  const { duration_seconds } = audio;
  const task = { audio_path: audio.path, duration_seconds, work_directory, batch_size, options: job_options };
  const transcribeParts = channels === 'split' ? transcribeChannels : transcribeWhole;
  const run = () =>
    transcribeParts(engine, task, {
      signal,
      onSuspect,
      begin: (part) =>
        beginTry({
          held,
          reports,
          part,
          facts,
          limits,
          pace,
          clock,
          learned,
          onLog: (line) => engineLog.line(line),
        }),
      measure: () => measureAudio({ audio_path: audio.path, directory: work_directory, signal }),
      onSecondTry({ reasons }, what, part) {
        const message = `the transcript is suspect: a second try, ${what}`;
        log({ message, job_id: held.jobId, attempt: claimed.attempt.number, why: reasons[0]?.message });
        reports.note({ stage: 'TRANSCRIBING', percentage: ofWhole(0, part), ...facts });
      },
    });
  const transcript = await trace
    .stage('transcribe', run, () => ({ 'transcription.engine': engine.name }))
    .catch((error: unknown) => {
      throw truncatedRather(error, audio.warnings);
    });
  facts.duration_seconds = transcript.duration_seconds;
  reports.note({ stage: 'TRANSCRIBING', percentage: 100, ...facts });
  const warnings = [...audio.warnings, ...(transcript.warnings ?? [])];
  return warnings.length === 0 ? transcript : { ...transcript, warnings };
}

type Received = Awaited<ReturnType<typeof receiveAudio>>;

const audioAttributes = ({ duration_seconds, file_size_bytes }: Received) => ({
  'transcription.audio.duration_seconds': duration_seconds ?? 0,
  'transcription.audio.size_bytes': file_size_bytes,
});

/** Fetches the recording and looks at it. */
async function download(held: HeldJob, directory: string, { api, allowHttp }: RunJobOptions): Promise<Received> {
  const { signal, claimed } = held;
  // With its query string, which no document shows: it is often a signature.
  const { audio_url } = claimed;
  await assertRoom(directory, claimed.job.input.file_size_bytes ?? 0, 'the recording');
  const fetched = await fetchAudio({
    audio_url,
    path: join(directory, 'audio'),
    allow_http: allowHttp,
    signal,
    openUpload: async (uploadId, uploadSignal) => (await api.uploads.open(uploadId, { signal: uploadSignal })).body,
  });
  return receiveAudio({
    path: fetched.path,
    audio_url,
    require_complete: claimed.job.input.require_complete,
    signal,
  });
}

/** A file whose end is missing may lack what an engine needs to read any of it: the index of an MP4. */
function truncatedRather(error: unknown, warnings: readonly TranscriptWarning[]): unknown {
  const truncated = warnings.find(({ code }) => code === 'audio_truncated');
  if (truncated === undefined || !(error instanceof EngineError) || error.code !== 'audio_unreadable') return error;
  return new EngineError('audio_truncated', `${truncated.message}, and ${error.message}`, {
    hint: 'send the whole file: without its end it cannot be read',
    cause: error,
  });
}

/** Reports an attempt that didn't complete; returns a word for the log. Throws if it can't be reported. */
async function reportEnd(error: unknown, held: HeldJob, options: RunJobOptions): Promise<string> {
  const stop = held.stopped?.why ?? (error instanceof Stopped ? error.why : undefined);
  // The engine has failed, as it does by itself.
  const why = stop === 'hung' ? undefined : stop;
  if (why === 'lease_lost' || error instanceof LeaseExpiredError) return 'lost: another worker holds it';
  if (why === 'leaving') return 'released: the worker exits';
  const cancelled = why === 'cancelled' || (error instanceof ConflictError && error.state === 'CANCELLING');

  const failure: Omit<FailureReport, 'lease_token'> = cancelled
    ? { error: { code: 'cancelled', message: 'stopped by the worker', retryable: false } }
    : why === 'restarting'
      ? { error: { code: 'worker_restarted', message: 'the worker was asked to restart', retryable: true } }
      : why === 'reclaimed'
        ? { error: { code: 'worker_drained', message: held.stopped!.message, retryable: true } }
        : failureOf(error, held.claimed.attempt.batch_size ?? options.batchSize);
  try {
    if (!held.signal.aborted) held.settle();
    await sendUntilAnswered(
      (call) => options.api.jobs.fail(held.jobId, { lease_token: held.leaseToken, ...failure }, call),
      { signal: options.leaveSignal, onAway: options.onAway },
    );
  } catch (refusal) {
    if (refusal instanceof LeaseExpiredError) return 'lost: another worker holds it';
    throw refusal;
  }
  if (cancelled) return 'cancelled';
  if (why === undefined) options.selfCheck.failed(held.jobId, failure.error);
  if (why === 'reclaimed') return 'released: the machine is being taken away';
  return why === 'restarting' ? 'released: the worker restarts' : 'failed';
}

/** A policy of the monitor has ended the engine. */
const hungEngine = (): EngineError =>
  new EngineError('engine_stalled', 'the monitor found that the engine made no progress, and had it killed');

const MESSAGE_MAX = 4000;
const LOG_CALL = { retries: 0, timeoutMs: 10_000 };
const redact = redactorOf(process.env);

/** The error to report. Exported for its test. */
export function failureOf(error: unknown, batchSize: number): Omit<FailureReport, 'lease_token'> {
  if (error instanceof EngineError) {
    const { code, retryable, hint } = error;
    const message = `${error.message}${hint === undefined ? '' : `; ${hint}`}`.slice(0, MESSAGE_MAX);
    const half = code === 'gpu_out_of_memory' && batchSize > 1 ? { batch_size: Math.floor(batchSize / 2) } : undefined;
    const retry_with = error.retry_with ?? half;
    // With a batch size of 1 it can't use less.
    const fault = code === 'gpu_out_of_memory' && retry_with === undefined ? ({ fault: 'worker' } as const) : {};
    return { error: { code, message, retryable, ...fault }, ...(retry_with === undefined ? {} : { retry_with }) };
  }
  if (isDiskFull(error)) return failureOf(diskFull('the job could not be worked on', error), batchSize);
  const code = error instanceof RefusedError ? 'transcript_refused' : 'worker_error';
  const message = (error instanceof Error ? error.message : String(error)).slice(0, MESSAGE_MAX);
  return { error: { code, message, retryable: !(error instanceof RefusedError) } };
}

function errorFields(error: unknown): Record<string, unknown> {
  if (error instanceof Stopped) return {};
  if (!(error instanceof Error)) return { error: String(error) };
  const { code, hint } = error as { code?: unknown; hint?: unknown };
  return {
    error: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof hint === 'string' ? { hint } : {}),
  };
}
