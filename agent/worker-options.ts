/** What a worker is started with, what it says, and how it ends. */
import type { JobOptions } from '../protocol/job-options.ts';
import type { HealthReport, WorkerRegistration } from '../protocol/worker.ts';
import type { TranscriptionAPI } from '../sdk/typescript/index.ts';
import type { SpanExport } from '../tracing/span.ts';
import type { Clock } from './clock.ts';
import type { Engine, EngineLimits } from './engines/engine.ts';
import type { Notices } from './notices/notice.ts';
import type { OnSuspect } from './quality/on-suspect.ts';
import type { JobLine } from './run-job.ts';

export type WorkerOptions = WorkerRegistration & {
  api: TranscriptionAPI;
  engine: Engine;
  workerId: string;
  /** Maximum number of concurrent jobs. Default 1. */
  maxJobs?: number;
  /** Options of jobs that do not set them. */
  defaults?: JobOptions;
  /** Whether recordings at `http://` are fetched. Default false. */
  allowHttp?: boolean;
  /** Directories of attempts are created here, and removed. */
  workDirectory: string;
  /** What to do with a transcript that can hardly be what was said. Default: `retry`. */
  onSuspect?: OnSuspect;
  readHealth: () => Promise<HealthReport>;
  /** Aborting finishes its jobs, then exits. */
  drainSignal?: AbortSignal;
  /** Aborting stops and releases its jobs, then exits. */
  stopSignal?: AbortSignal;
  /** Of the cloud, about this machine. Default: none. */
  notices?: Notices | undefined;
  clock?: Clock;
  /** Where spans of the stages of jobs go. Default: nowhere. */
  spans?: Pick<SpanExport, 'export'> | undefined;
  /** Those of the engine's own options come first. */
  limits?: EngineLimits;
  log?: (line: WorkerLine) => void;
};

export type WorkerLine = { message: string; [detail: string]: unknown } | JobLine;

/** `restart`: the monitor asked for a restart, as a new process if something supervises it. */
export type WorkerEnd = 'drained' | 'stopped' | 'terminated' | 'restart';
