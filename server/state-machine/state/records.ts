/**
 * What the fold keeps of each job, worker and alert: the facts, flat, from which documents.ts makes the shapes that users
 * see. Records are never changed in place; an event makes a new one. Times are log times in milliseconds, `version` is the
 * last segment that changed what the documents show.
 */
import type { Severity } from '../../../protocol/alert.ts';
import type { JobError, JobStateName, OutputFormat, Priority, StateHistoryEntry } from '../../../protocol/job.ts';
import type { Sighting } from '../../../protocol/sighting.ts';
import type {
  HealthReport,
  HealthStatus,
  KnownCapabilities,
  Location,
  WorkerStateName,
} from '../../../protocol/worker.ts';

export type JobRecord = {
  job_id: string;
  /** Number of the job in order of creation: lists go by it. */
  ordinal: number;
  version: number;
  state: JobStateName;
  created_ms: number;
  updated_ms: number;
  completed_ms: number | null;

  audio_url: string;
  output_format: OutputFormat;
  priority: Priority;
  max_attempts: number;
  duration_seconds: number | null;
  file_size_bytes: number | null;
  tags: readonly string[];
  metadata: Readonly<Record<string, string>> | null;
  webhook_url: string | null;

  /** The current attempt, or the next while the job waits. Counts from 1. */
  attempt: number;
  /** Its place in the queue, by order of entering; a job whose worker was lost returns to the place it had. */
  place: number;
  /** When it last entered the queue. */
  queued_ms: number;
  /** Not to be claimed before a JobDelayOver; set while a retry is delayed. */
  not_before_ms: number | null;
  /** Set while PROCESSING or CANCELLING, and kept as the last attempt's facts when the job has left them. */
  run: Run | null;
  /** Place in the dead-letter queue, and until when. */
  dead: { ordinal: number; until_ms: number } | null;
  /** CANCELLED at the latest then. */
  kill_ms: number | null;

  progress: ProgressRecord | null;
  last_error: JobError | null;
  output: { s3_path: string; segments_count: number; confidence_score: number | null } | null;
  /** Batch size the next attempt should take, after running out of GPU memory. */
  batch_size: number | null;

  queue_ms: number;
  /** Of attempts that have ended. */
  instance_ms: number;
  actual_cost_usd: number | null;
  estimated_cost_usd: number | null;
  history: readonly HistoryRecord[];
  /** What sources have told of it so far; null for a job that none has told of. See `runsElsewhere`. */
  observed: Observed | null;
};

export type Observed = Omit<Sighting, 'job_id'> & {
  /** The last that told something new. */
  source: string;
  /** Something else changed the job since: what is known of it is in the record, no longer here. */
  overruled: boolean;
};

export type Run = {
  worker_id: string;
  instance_id: string | null;
  attempt: number;
  /** The lease's token; null for a job that runs elsewhere. */
  token: string | null;
  expires_ms: number | null;
  assigned_ms: number;
  /** When the attempt ended; null while it runs. */
  ended_ms: number | null;
  /** First report of a stage after DOWNLOADING. */
  downloaded_ms: number | null;
  gpu_usage: number | null;
};

export type ProgressRecord = {
  percentage: number;
  stage: string | null;
  current_chunk: number | null;
  total_chunks: number | null;
  eta_seconds: number | null;
  at_ms: number;
  /** The last few reports, oldest first, for an eta from the recent rate: time, percentage, time, percentage, … */
  marks: readonly number[];
};

export type HistoryRecord = {
  state: StateHistoryEntry['state'];
  at_ms: number;
  details: string;
  /** Whom the job was handed to, where that is what happened. */
  worker_id?: string;
};

export type WorkerRecord = {
  worker_id: string;
  ordinal: number;
  version: number;
  instance_id: string | null;
  state: WorkerStateName;
  created_ms: number;
  heartbeat_ms: number | null;
  terminated_ms: number | null;
  status: HealthStatus;
  health: HealthReport;
  capabilities: KnownCapabilities;
  location: Location;
  /** Launched by this monitor's fleet, which may therefore end it. */
  launched: boolean;
  /** Known from sightings alone: it takes no jobs here, and its silence means little. Left out otherwise. */
  reported?: boolean;
  /** Jobs it holds, oldest first, with the GPU samples seen while it did. */
  holds: readonly { job_id: string; assigned_ms: number; gpu_sum: number; gpu_count: number }[];
  jobs_completed: number;
  jobs_failed: number;
  runtime_ms: number;
  completed_runtime_ms: number;
  /** When silence is next looked at. */
  check_ms: number | null;
};

export type AlertRecord = {
  id: string;
  version: number;
  rule: string;
  subject: string | null;
  severity: Severity;
  message: string;
  created_ms: number;
  resolved_ms: number | null;
  resolved_by: string | null;
  /** The condition still holds. One resolved by hand is not raised again until it has cleared. */
  holds: boolean;
};

/** One minute, hour or day of what happened, by log time. Sums, so that periods add up. */
export type PeriodRecord = {
  version: number;
  submitted: number;
  completed: number;
  failed: number;
  cancelled: number;
  /** Of attempts that completed. */
  processing_ms: number;
  queue_ms: number;
  /** From submission to completion. */
  turnaround_ms: number;
  audio_ms: number;
  cost_usd: number;
};

/** One object of the archive that holds finished jobs which have left memory. */
export type PackRecord = Pack & {
  count: number;
  /** The last segment that let jobs of it leave memory; 0 if they had left before there were packs. */
  seq: number;
  /** When that was. */
  archived_ms: number;
  /** Jobs in it that a later pack has a newer record of. */
  stale: readonly string[];
};

/** Where a pack is, what it must be, and which jobs it can hold. */
export type Pack = {
  key: string;
  /** Of every byte above its last line. */
  sha256: string;
  /** When the first and the last of its jobs ended. */
  first_ms: number;
  last_ms: number;
  /** The least and the greatest ordinal of its jobs. */
  first_ordinal: number;
  last_ordinal: number;
};

/** A pack, and a job in it that a later one has a newer record of. */
export type Replaced = readonly [key: string, job_id: string];

/** One object of the archive's index: which pack has a job, for ids from `first` up to the next shard's. */
export type ShardRecord = { first: string; key: string; sha256: string; count: number };

/** What a durable command did, so that the same command, sent again, is answered as the first was. */
export type CommandRecord = {
  ordinal: number;
  fingerprint: string;
  at_ms: number;
  refs: readonly CommandRef[];
};

/** One event of a command: its type, whom it is about, and a claim's lease. */
export type CommandRef = readonly [type: string, entity: string, token?: string, expires_ms?: number];

/**
 * Only reported here, never handed out by this queue: a source told of it, or (in journals of before) its worker did without a
 * lease. It is not this monitor's to hand out, whatever becomes of it. Old records of the archive have no `observed`.
 */
export const runsElsewhere = ({ observed, run }: JobRecord): boolean =>
  observed != null || (run !== null && run.token === null);

export const finished = (state: JobStateName): boolean =>
  state === 'COMPLETED' || state === 'FAILED' || state === 'CANCELLED';

export const running = (state: JobStateName): boolean => state === 'PROCESSING' || state === 'CANCELLING';

/** Why a worker gave a job back unharmed: it returns to its place at once, and the attempt counts for nobody. */
export const HANDED_BACK: ReadonlySet<string> = new Set(['worker_restarted', 'worker_drained', 'worker_terminated']);
