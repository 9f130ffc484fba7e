/** Builds reports from a worker's calls: keeps what is known about each job, and reads values leniently. */
import { lenientCount, lenientNumber, lenientPercentage, lenientText } from '../../../protocol/lenient-values.ts';
import { reportedId } from '../../../protocol/reported-id.ts';
import { NOTHING_KNOWN, type Sighting } from '../../../protocol/sighting.ts';
import { formatTime } from '../../../protocol/time.ts';
import { Oldest } from './oldest.ts';
import type { Report } from './report.ts';

/** Every option may be omitted. Numbers without a unit in their name are seconds. */
export type StartDetails = Extra & { audioDuration?: number; audioUrl?: string };
export type ProgressDetails = Extra & {
  stage?: string;
  currentChunk?: number;
  totalChunks?: number;
  etaSeconds?: number;
};
export type CompletionDetails = Extra & {
  /** Default: the time since `jobStart`. */
  duration?: number;
  segments?: number;
  s3Path?: string;
  /** 0 to 1. */
  confidenceScore?: number;
};
export type FailureDetails = Extra & {
  /** Lower-case letters, digits and `_`. */
  code?: string;
  retryable?: boolean;
};
type Extra = {
  /** Your own fields, for log lines and messages; other systems ignore them. */
  extra?: Readonly<Record<string, unknown>>;
};

/** Any text names a job, and so does an integer. */
export type JobName = string | number | bigint;

type Job = { job_id: string; name: string; told_ms: number; known: Sighting | undefined };

/** The report is dropped; the message is the reason. */
export class UnusableReport extends Error {}

const JOBS_MAX = 10_000;
/** Below the 256 KiB limit of CloudWatch Logs and SQS, with room for the rest of the line. */
const REPORT_BYTES_MAX = 200 * 1024;

export class ReportWriter {
  readonly #worker_id: string;
  readonly #now: () => number;
  /** Running jobs, the longest silent first. */
  readonly #jobs = new Map<string, Sighting>();
  readonly #oldest = new Oldest(this.#jobs);

  /** `now`: milliseconds since 1970. */
  constructor(worker_id: string, now: () => number) {
    this.#worker_id = worker_id;
    this.#now = now;
  }

  start(jobId: JobName, details: StartDetails): Report {
    const job = this.#job(jobId);
    const { told_ms, known } = job;
    const audio_duration = lenientNumber(details.audioDuration);
    const sighting: Sighting = {
      ...this.#blank(job),
      started_ms: told_ms,
      percentage: 0,
      audio_duration: audio_duration ?? known?.audio_duration ?? null,
    };
    return this.#report('JOB_START', job, sighting, details, {
      audio_duration,
      audio_url: text(details.audioUrl, 2048),
    });
  }

  progress(jobId: JobName, percentage: number, details: ProgressDetails): Report {
    const job = this.#job(jobId);
    const { told_ms, known } = job;
    const value = lenientPercentage(Math.max(0, percentage));
    if (value === null) throw new UnusableReport(`percentage is ${String(percentage)}, not a number`);
    const stage = text(details.stage, 40);
    const sighting: Sighting = {
      ...(known ?? this.#blank(job)),
      told_ms,
      percentage: value,
      stage: stage?.toUpperCase() ?? known?.stage ?? null,
    };
    return this.#report('JOB_PROGRESS', job, sighting, details, {
      percentage: value,
      stage,
      current_chunk: lenientCount(details.currentChunk),
      total_chunks: lenientCount(details.totalChunks),
      eta_seconds: lenientNumber(details.etaSeconds),
    });
  }

  complete(jobId: JobName, details: CompletionDetails): Report {
    const job = this.#job(jobId);
    const { told_ms, known } = job;
    const started_ms = known?.started_ms ?? null;
    const duration = lenientNumber(details.duration) ?? (started_ms === null ? null : (told_ms - started_ms) / 1000);
    const segments = lenientCount(details.segments);
    // Half a path is useless.
    const s3_path = (details.s3Path?.length ?? 0) > 2048 ? null : text(details.s3Path, 2048);
    const confidence = lenientNumber(details.confidenceScore);
    const sighting: Sighting = {
      ...(known ?? this.#blank(job)),
      state: 'COMPLETED',
      told_ms,
      ended_ms: told_ms,
      percentage: 100,
      duration,
      segments,
      s3_path,
    };
    return this.#report('JOB_COMPLETE', job, sighting, details, {
      duration,
      segments,
      s3_path,
      confidence_score: confidence === null ? null : Math.min(1, confidence),
    });
  }

  fail(jobId: JobName, error: unknown, details: FailureDetails): Report {
    const job = this.#job(jobId);
    const { told_ms, known } = job;
    const words = text(errorMessage(error), 4000) ?? 'the error has no message';
    const sighting: Sighting = {
      ...(known ?? this.#blank(job)),
      state: 'FAILED',
      told_ms,
      ended_ms: told_ms,
      error: words,
    };
    const code =
      details.code
        ?.toLowerCase()
        .replace(/[^a-z0-9_]/g, '_')
        .slice(0, 64) || null;
    return this.#report('JOB_FAILED', job, sighting, details, { error: words, code, retryable: details.retryable });
  }

  #job(jobId: unknown): Job {
    // Databases refuse NUL.
    const named = reportedId(typeof jobId === 'string' ? jobId.replaceAll('\u0000', '') : jobId);
    if (named === null) {
      throw new UnusableReport(`job id ${shown(jobId)}: it has to be a text of 1 to 1,024 characters, or an integer`);
    }
    const name = named.reported_id ?? named.job_id;
    const known = this.#jobs.get(name);
    // A clock set back must not make a report older than the last.
    return { job_id: named.job_id, name, told_ms: Math.max(Math.round(this.#now()), known?.told_ms ?? 0), known };
  }

  #blank({ name, told_ms }: Job): Sighting {
    return {
      ...NOTHING_KNOWN,
      job_id: name,
      state: 'PROCESSING',
      told_ms,
      worker_id: this.#worker_id,
    };
  }

  #report(
    event_name: Report['event']['event'],
    { job_id, name }: Job,
    sighting: Sighting,
    { extra }: Extra,
    fields: Record<string, unknown>,
  ): Report {
    const { told_ms, ended_ms } = sighting;
    this.#jobs.delete(name);
    if (ended_ms === null) this.#jobs.set(name, sighting);
    if (this.#jobs.size > JOBS_MAX) this.#jobs.delete(this.#oldest.take()!);
    const event = {
      event: event_name,
      job_id: name,
      worker_id: this.#worker_id,
      timestamp: formatTime(told_ms),
      ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)),
    };
    const own = Buffer.byteLength(JSON.stringify(event));
    const more = extra === undefined ? 0 : bytesOf(extra, REPORT_BYTES_MAX - own);
    if (more !== null) return { job_id, event, extra: { ...extra }, sighting, bytes: own + more };
    const extra_left_out = `it is not JSON of at most ${REPORT_BYTES_MAX} bytes`;
    return { job_id, event, extra: { extra_left_out }, sighting, bytes: own + 96 };
  }
}

/** Null if the value can't be JSON of at most so many bytes; its size does not matter then. */
function bytesOf(value: object, bytesMax: number): number | null {
  try {
    const bytes = Buffer.byteLength(boundedJson(value, bytesMax));
    return bytes <= bytesMax ? bytes : null;
  } catch {
    return null;
  }
}

/** Throws if it would have many more characters, without producing them, and if the value can't be JSON. */
function boundedJson(value: object, charactersMax: number): string {
  let left = charactersMax;
  return JSON.stringify(value, (name, inner: unknown) => {
    left -= name.length + (typeof inner === 'string' ? inner.length : 1);
    if (left < 0) throw new RangeError(`more than ${charactersMax} characters`);
    return inner;
  });
}

/** Databases refuse NUL, and half a surrogate pair is not valid text. */
function text(value: unknown, charactersMax: number): string | null {
  return lenientText(value, charactersMax)?.replaceAll('\u0000', '').toWellFormed() || null;
}

/** Of whatever was thrown. Reading it may run the value's own code, which may throw. */
function errorMessage(error: unknown): string {
  for (const read of [ownMessage, asJson, asText, typeName]) {
    try {
      const message = read(error);
      if (message) return message;
    } catch {}
  }
  return 'the error can’t be converted to text';
}

function ownMessage(error: unknown): string | null {
  if (typeof error === 'string') return error;
  const { message, name } = Object(error) as Partial<Error>;
  return typeof message === 'string' ? message || String(name ?? '') : null;
}

function asJson(error: unknown): string | null {
  const json = typeof error === 'object' && error !== null ? boundedJson(error, REPORT_BYTES_MAX) : '{}';
  return json === '{}' ? null : json;
}

function asText(error: unknown): string | null {
  const words = String(error);
  return words.startsWith('[object ') ? null : words;
}

const typeName = (error: unknown): string => `an error of type ${(error as object).constructor.name}`;

/** For a message: the beginning of a value of any size. */
function shown(value: unknown): string {
  try {
    return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value).slice(0, 80);
  } catch {
    return `of type ${typeof value}`;
  }
}
