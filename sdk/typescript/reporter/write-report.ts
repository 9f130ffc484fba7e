/** Builds reports from a worker's calls: keeps what is known about each job, and reads values leniently. */
import { isId } from '../../../protocol/id-pattern.ts';
import { lenientCount, lenientNumber, lenientPercentage, lenientText } from '../../../protocol/lenient-values.ts';
import type { Sighting } from '../../../protocol/sighting.ts';
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

  start(jobId: string, details: StartDetails): Report {
    const { told_ms, known } = this.#job(jobId);
    const audio_duration = lenientNumber(details.audioDuration);
    const sighting: Sighting = {
      ...this.#blank(jobId, told_ms),
      started_ms: told_ms,
      percentage: 0,
      audio_duration: audio_duration ?? known?.audio_duration ?? null,
    };
    return this.#report('JOB_START', sighting, details, { audio_duration, audio_url: text(details.audioUrl, 2048) });
  }

  progress(jobId: string, percentage: number, details: ProgressDetails): Report {
    const { told_ms, known } = this.#job(jobId);
    const value = lenientPercentage(Math.max(0, percentage));
    if (value === null) throw new UnusableReport(`percentage is ${String(percentage)}, not a number`);
    const stage = text(details.stage, 40);
    const sighting: Sighting = {
      ...(known ?? this.#blank(jobId, told_ms)),
      told_ms,
      percentage: value,
      stage: stage?.toUpperCase() ?? known?.stage ?? null,
    };
    return this.#report('JOB_PROGRESS', sighting, details, {
      percentage: value,
      stage,
      current_chunk: lenientCount(details.currentChunk),
      total_chunks: lenientCount(details.totalChunks),
      eta_seconds: lenientNumber(details.etaSeconds),
    });
  }

  complete(jobId: string, details: CompletionDetails): Report {
    const { told_ms, known } = this.#job(jobId);
    const started_ms = known?.started_ms ?? null;
    const duration = lenientNumber(details.duration) ?? (started_ms === null ? null : (told_ms - started_ms) / 1000);
    const segments = lenientCount(details.segments);
    // Half a path is useless.
    const s3_path = (details.s3Path?.length ?? 0) > 2048 ? null : text(details.s3Path, 2048);
    const confidence = lenientNumber(details.confidenceScore);
    const sighting: Sighting = {
      ...(known ?? this.#blank(jobId, told_ms)),
      state: 'COMPLETED',
      told_ms,
      ended_ms: told_ms,
      percentage: 100,
      duration,
      segments,
      s3_path,
    };
    return this.#report('JOB_COMPLETE', sighting, details, {
      duration,
      segments,
      s3_path,
      confidence_score: confidence === null ? null : Math.min(1, confidence),
    });
  }

  fail(jobId: string, error: unknown, details: FailureDetails): Report {
    const { told_ms, known } = this.#job(jobId);
    const words = text(errorMessage(error), 4000) ?? 'the error has no message';
    const sighting: Sighting = {
      ...(known ?? this.#blank(jobId, told_ms)),
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
    return this.#report('JOB_FAILED', sighting, details, { error: words, code, retryable: details.retryable });
  }

  #job(jobId: unknown): { told_ms: number; known: Sighting | undefined } {
    if (typeof jobId !== 'string' || !isId(jobId)) {
      throw new UnusableReport(
        `job id ${JSON.stringify(jobId)?.slice(0, 80)}: an id has letters, digits, _ and -, at most 64`,
      );
    }
    const known = this.#jobs.get(jobId);
    // A clock set back must not make a report older than the last.
    return { told_ms: Math.max(Math.round(this.#now()), known?.told_ms ?? 0), known };
  }

  #blank(job_id: string, told_ms: number): Sighting {
    return {
      job_id,
      state: 'PROCESSING',
      told_ms,
      worker_id: this.#worker_id,
      started_ms: null,
      ended_ms: null,
      percentage: null,
      stage: null,
      audio_duration: null,
      duration: null,
      segments: null,
      s3_path: null,
      error: null,
    };
  }

  #report(
    name: Report['event']['event'],
    sighting: Sighting,
    { extra }: Extra,
    fields: Record<string, unknown>,
  ): Report {
    const { job_id, told_ms, ended_ms } = sighting;
    this.#jobs.delete(job_id);
    if (ended_ms === null) this.#jobs.set(job_id, sighting);
    if (this.#jobs.size > JOBS_MAX) this.#jobs.delete(this.#oldest.take()!);
    const event = {
      event: name,
      job_id,
      worker_id: this.#worker_id,
      timestamp: formatTime(told_ms),
      ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined)),
    };
    const own = bytesOf(event);
    const more = extra === undefined ? 0 : bytesOf(extra);
    if (own + more <= REPORT_BYTES_MAX) return { event, extra: { ...extra }, sighting, bytes: own + more };
    return { event, extra: { extra_left_out: `${more} bytes` }, sighting, bytes: own + 64 };
  }
}

/** Size of a value that can't be JSON: over the limit. */
function bytesOf(value: object): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Databases refuse NUL, and half a surrogate pair is not valid text. */
function text(value: unknown, charactersMax: number): string | null {
  return lenientText(value, charactersMax)?.replaceAll('\u0000', '').toWellFormed() || null;
}

function errorMessage(error: unknown): string {
  try {
    if (error instanceof Error) return error.message || error.name;
    return typeof error === 'string' ? error : (JSON.stringify(error) ?? String(error));
  } catch {
    return 'the error can’t be converted to text';
  }
}
