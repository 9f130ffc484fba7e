/**
 * The records of jobs, workers and alerts in the fold, from which server/documents makes the documents that users see.
 * Records are immutable; an event replaces them. Times are log times in milliseconds. `version` is the last segment
 * that changed what the documents show.
 */
import type { Severity } from '../../../protocol/alert.ts';
import type { Labels, Matcher } from '../../../protocol/alert-labels.ts';
import type { Fault } from '../../../protocol/fault.ts';
import type {
  JobEnd,
  JobError,
  JobStateName,
  OutputFormat,
  Priority,
  StateHistoryEntry,
} from '../../../protocol/job.ts';
import type { JobOptions } from '../../../protocol/job-options.ts';
import type { Requirements } from '../../../protocol/requirements.ts';
import type { Sighting } from '../../../protocol/sighting.ts';
import { DEFAULT_TENANT } from '../../../protocol/tenant-id.ts';
import type { TranscriptWarning } from '../../../protocol/transcript.ts';
import type { Evidence, VerdictStatus } from '../../../protocol/verdict.ts';
import type {
  HealthReport,
  HealthStatus,
  KnownCapabilities,
  Location,
  WorkerStateName,
  WorkerVerdictStatus,
} from '../../../protocol/worker.ts';
import type { ActionNote } from './actions.ts';
import type { Estimate, PromiseGroup } from './promises.ts';

export type JobRecord = {
  job_id: string;
  /** Number of the job in order of creation, which is the order of lists. */
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
  /** The ends that the webhook gets; null: all. */
  webhook_events: readonly JobEnd[] | null;
  /** A recording that is cut short fails. */
  require_complete: boolean;
  /** How it is to be transcribed; absent if the submitter gave no options. */
  options?: JobOptions;
  /** What its worker must have; absent: nothing. */
  requires?: Requirements;
  /** The submitter's trace; absent if there is none. */
  traceparent?: string;
  /** The actor that submitted it; absent without an API key. */
  submitted_by?: string;
  /** Absent: the default. */
  tenant?: string;
  /** Its key may have only so many jobs running: it waits in a line of its own. Absent: false. */
  limited?: true;
  /** Until when the URL is valid; null if it does not say. Follows from the URL, and is not stored. */
  url_expires_ms: number | null;

  /** The current attempt, or the next one while the job waits. Counts from 1. */
  attempt: number;
  /** Place in the queue, by order of entry. A job whose worker was lost returns to its previous place. */
  place: number;
  /** When it last entered the queue. */
  queued_ms: number;
  /** Until when it was expected to begin when it entered the queue, in nine of ten cases; null if unknown, and once it has begun. */
  start_by_ms: number | null;
  /** When it was expected to begin and to end when it entered the queue; null if unknown, and once it has ended. */
  promise: JobPromise | null;
  /** The last message about the job in an external queue; null if none was sent. Counts for its own turn alone. */
  message: MessageRecord | null;
  /** Set while a retry is delayed: the job can't be claimed before JobDelayOver. */
  not_before_ms: number | null;
  /** The attempt while PROCESSING or CANCELLING, and the last attempt afterwards. */
  run: Run | null;
  /** The attempts before that, oldest first; of very many only the latest. */
  earlier: readonly Run[];
  /** Place in the dead-letter queue, and the time at which the job leaves it. */
  dead: { ordinal: number; until_ms: number } | null;
  /**
   * Deadline of a cancellation: the job is CANCELLED then at the latest. Of a PROCESSING job: its worker is to end the engine
   * until then, and the lease is not renewed.
   */
  kill_ms: number | null;

  progress: ProgressRecord | null;
  last_error: AttemptError | null;
  output: OutputRecord | null;
  /** Batch size for the next attempt, after an attempt ran out of GPU memory. */
  batch_size: number | null;

  queue_ms: number;
  /** Total time of the ended attempts. */
  instance_ms: number;
  actual_cost_usd: number | null;
  estimated_cost_usd: number | null;
  history: readonly HistoryRecord[];
  /** Everything that sources have reported about the job; null if none has. See `runsElsewhere`. */
  observed: Observed | null;
  /** Of an unfinished job; null while it has been on track since it entered its state, or began its attempt. */
  verdict: VerdictRecord | null;
  /** The last decisions of policies about it, oldest first; null if there are none. Absent in old records of the archive. */
  actions: readonly ActionNote[] | null;
};

/** `start`: until it begins. `end`: until the job ends, the first one also if it returns to the queue. */
export type JobPromise = { start: Promised | null; end: Promised | null };

type Promised = { estimate: Estimate; group: PromiseGroup };

/** `judged_ms`: when it was recorded; absent in old records. */
export type VerdictRecord = {
  status: VerdictStatus;
  since_ms: number;
  reason: string;
  evidence: Evidence;
  judged_ms?: number;
};

export type OutputRecord = {
  s3_path: string;
  segments_count: number;
  confidence_score: number | null;
  /** Absent if there are none. */
  warnings?: readonly TranscriptWarning[];
  /** Absent unless true. */
  suspect?: boolean;
};

export type Observed = Omit<Sighting, 'job_id'> & {
  /** The last source that reported something new. */
  source: string;
  /** Another event has changed the job since: the record is current, the sighting is not. */
  overruled: boolean;
};

/** `attempt` and `place` are the turn that it stands for: no later turn of the job has both. */
export type MessageRecord = { message_id: string; attempt: number; place: number; sent_ms: number };

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
  /** Time of the first report of a stage after DOWNLOADING. */
  downloaded_ms: number | null;
  gpu_usage: number | null;
  /** As the worker had registered when the attempt began. */
  model: string | null;
  device: string | null;
  instance_type: string | null;
  cost_usd: number | null;
  /** Why it ended without a transcript; null if it completed, or has not ended. */
  error_code: string | null;
  /** Whose fault that was; null if unknown. */
  fault: Fault | null;
  /** How long it was expected to take when it began; null in old journals and for a job that runs elsewhere. */
  expected: Expected | null;
  /** When it was expected to end when it began; null if unknown. */
  end: Estimate | null;
};

/** What is expected of an attempt when it begins: where its progress should be follows from these and the duration. */
export type Expected = {
  /** Until work on the audio begins. */
  start_seconds: number;
  /** Processing seconds per second of audio. */
  pace: number;
};

/** Why an attempt failed. `fault`: absent if unknown, and in old journals. */
export type AttemptError = Omit<JobError, 'fault'> & { fault?: Fault };

/** The same for all jobs without earlier attempts. */
export const NO_RUNS: readonly Run[] = [];

export type ProgressRecord = {
  percentage: number;
  stage: string | null;
  current_chunk: number | null;
  total_chunks: number | null;
  eta_seconds: number | null;
  at_ms: number;
  /** The last few reports, oldest first, to estimate the rate: time, percentage, time, percentage, … */
  marks: readonly number[];
  /** How it moves; null once the attempt has ended, and in old records until the next report. */
  pulse: Pulse | null;
};

/** The steps of an attempt, in log time: reports that say more is done, or another stage. */
export type Pulse = {
  /** When it last moved. */
  moved_ms: number;
  /** When and how far the percentage first rose above 0; null until then. */
  first_ms: number | null;
  first_percentage: number;
  /** Seconds between two steps after that: a histogram (histogram.ts). */
  gaps: readonly number[];
};

export type HistoryRecord = {
  state: StateHistoryEntry['state'];
  at_ms: number;
  details: string;
  /** The worker that the job was handed to, for entries about that. */
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
  /** Present while DRAINING and once TERMINATED, except in old records. `replace`: the fleet is to replace its machine. */
  exit?: { reason: string | null; replace: boolean };
  /** Launched by this monitor's fleet, which may therefore terminate it. */
  launched: boolean;
  /** Present if the worker is known from sightings alone: it takes no jobs here, and may be silent for long. */
  reported?: boolean;
  /** Jobs that the worker holds, oldest first, with the GPU samples taken meanwhile. */
  holds: readonly { job_id: string; assigned_ms: number; gpu_sum: number; gpu_count: number }[];
  jobs_completed: number;
  jobs_failed: number;
  runtime_ms: number;
  completed_runtime_ms: number;
  /** When its last job left it; absent before, and in old records. */
  freed_ms?: number;
  /** When to check the worker for silence. */
  check_ms: number | null;
  /** Absent before its first heartbeat. */
  beats?: Beats;
  /** Absent while there are none. See able.ts. */
  faults?: WorkerFaults | undefined;
  /** Launched by nobody here: its instance was found. Present until it registers. */
  found?: true;
  /** The only tenant whose jobs it gets; absent: it gets those of all. */
  tenant?: string;
  /** Absent while nothing is wrong. */
  verdict?: WorkerVerdictRecord;
  /** The last decisions of policies about it, oldest first; absent if there are none. */
  actions?: readonly ActionNote[];
};

export type WorkerVerdictRecord = {
  status: WorkerVerdictStatus;
  since_ms: number;
  reason: string;
  evidence: Evidence;
  judged_ms: number;
};

/** The rhythm of a worker's own heartbeats, in log time; other signs of life are irregular and do not count. */
export type Beats = {
  last_ms: number;
  /** The usual time between two, rather too long: it follows longer ones at once, shorter ones slowly. Null after the first. */
  interval_ms: number | null;
  /** When it was last heard again after it could not be heard for long; what was not reported before does not count. */
  back_ms: number;
};

/** Failed attempts since the last completed one that were, or may have been, the worker's fault. */
export type WorkerFaults = {
  /** Its own. */
  own: number;
  /** Jobs that failed by an unknown fault, each once, the latest last. */
  jobs: readonly string[];
  /** Of the last failure: when it was, when the worker may have a job on trial if it is suspended, why it failed, and of which job. */
  failed_ms: number;
  trial_ms: number;
  code: string;
  /** Absent in old records. */
  job_id?: string;
};

export type AlertRecord = {
  id: string;
  version: number;
  rule: string;
  subject: string | null;
  severity: Severity;
  message: string;
  /** `alertname` and `severity`, those of the subject, and those of the rule. */
  labels: Labels;
  /** See `fingerprintOf`. */
  fingerprint: string;
  description: string | null;
  runbook_url: string | null;
  /** When its condition was first found to hold. */
  created_ms: number;
  /** null while it is pending. */
  fired_ms: number | null;
  acknowledged: { by: string; at_ms: number } | null;
  resolved_ms: number | null;
  resolved_by: string | null;
  /** The condition still holds. An alert resolved by hand is not raised again until its condition has cleared. */
  holds: boolean;
};

/** Alerts that the matchers select notify nobody. */
export type SilenceRecord = {
  id: string;
  matchers: readonly Matcher[];
  comment: string;
  created_by: string;
  created_ms: number;
  starts_ms: number;
  /** null if it lasts until alerts are resolved. */
  ends_ms: number | null;
  /** Unresolved alerts: the silence ends with the last of them. null if it ends by time. */
  until_resolved: readonly string[] | null;
};

/** Sums over one minute, hour or day of log time. */
export type PeriodRecord = {
  version: number;
  submitted: number;
  completed: number;
  failed: number;
  cancelled: number;
  /** Total time of the attempts that completed. */
  processing_ms: number;
  queue_ms: number;
  /** From submission to completion. */
  turnaround_ms: number;
  audio_ms: number;
  cost_usd: number;
  /** Of a minute: its failed jobs by error code, at most `CODES_MAX` of them. Absent if there are none. */
  failed_codes?: Readonly<Record<string, number>>;
  /**
   * What was measured in the whole period once it is over. Until then, of an hour: up to the segment `version`; of a day: in
   * its hours that are over. Minutes have none, and neither have periods before this was measured.
   */
  gauges?: Gauges;
};

/** What was measured over a period of log time; see gauges.ts. */
export type Gauges = {
  /** The part of the period that the rest covers. */
  measured_ms: number;
  /** Jobs waiting at the end of the period; null until then. */
  depth: number | null;
  depth_max: number;
  /** Total time that jobs waited. */
  depth_ms: number;
  /** The longest that the job at the head of a class had waited; 0 if none waited. */
  oldest_max_ms: number;
  /** Total time of workers that are not TERMINATED, of those that hold a job, and of those that are IDLE. */
  paid_ms: number;
  busy_ms: number;
  idle_ms: number;
};

/** One object of the archive that holds finished jobs which have left memory. */
export type PackRecord = Pack & {
  count: number;
  /** The last segment that let jobs of it leave memory; 0 if they had left before there were packs. */
  seq: number;
  /** When that was. */
  archived_ms: number;
  /** Jobs in it that have returned to memory since. Their records here no longer count. */
  stale: readonly string[];
  /** Its jobs have rows in the column files. */
  in_columns: boolean;
};

/**
 * A file of each analytic table: the rows of jobs that ended on one day, and of their attempts. The keys follow from the
 * name and the day. Apart from the packs, whose records they repeat, column files can be lost and made again.
 */
export type ColumnFile = {
  /** A ULID. */
  name: string;
  /** Days since 1970. */
  day: number;
  rows: number;
  /** Of the files of `job_states` and `job_attempts`. */
  sha256: { job_states: string; job_attempts: string };
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

/** A job that has left memory. `pack`: the key of the one that has it; null: it is an object of its own. */
export type ArchivedJob = { job: JobRecord; pack: string | null };

/** One object of the archive's index: which pack has a job, for ids from `first` up to the next shard's. */
export type ShardRecord = { first: string; key: string; sha256: string; count: number };

/** The outcome of a durable command, so that a repeated command has the same outcome. */
export type CommandRecord = {
  ordinal: number;
  fingerprint: string;
  at_ms: number;
  refs: readonly CommandRef[];
};

/** One event of a command: its type, its entity, and for a claim the lease. */
export type CommandRef = readonly [type: string, entity: string, token?: string, expires_ms?: number];

/**
 * Whether the job runs outside this queue: a source reported it, or (in old journals) a worker without a lease. This
 * monitor never hands it out. Old records in the archive have no `observed`.
 */
export const runsElsewhere = ({ observed, run }: JobRecord): boolean =>
  observed != null || (run !== null && run.token === null);

export const tenantOf = ({ tenant }: Pick<JobRecord, 'tenant'>): string => tenant ?? DEFAULT_TENANT;

export const finished = (state: JobStateName): boolean =>
  state === 'COMPLETED' || state === 'FAILED' || state === 'CANCELLED';

export const running = (state: JobStateName): boolean => state === 'PROCESSING' || state === 'CANCELLING';

/** Its worker is to end the engine: see `kill_ms`. */
export const isKilled = ({ state, kill_ms }: JobRecord): boolean => state === 'PROCESSING' && kill_ms !== null;

/** Codes of an attempt that ended because nothing was heard of its worker. */
export const SILENT: ReadonlySet<string> = new Set(['lease_expired', 'worker_lost', 'requeued_dead']);

/**
 * Codes of an attempt that ended through no fault of the job: it returns to its place, and the attempt does not count.
 */
export const HANDED_BACK: ReadonlySet<string> = new Set(['worker_restarted', 'worker_drained', 'worker_terminated']);
