/**
 * A job: one recording to transcribe, from its submission to its end. The documents' Job State Schema (A26-A35, D4-D7).
 */
import { type Static, Type } from 'typebox';
import { Estimate } from './estimate.ts';
import { FAULTS, Fault } from './fault.ts';
import { Id } from './ids.ts';
import { JobOptions } from './job-options.ts';
import { OUTPUT_FORMATS, PRIORITIES } from './job-words.ts';
import { ActionTaken } from './policies.ts';
import { Requirements } from './requirements.ts';
import {
  AsOfSeq,
  Count,
  closed,
  Nullable,
  Ordinal,
  Percent,
  Seconds,
  Time,
  TotalSeconds,
  TotalUsd,
  Words,
} from './schema.ts';
import { TenantId } from './tenant.ts';
import { TRACEPARENT } from './trace-context.ts';
import { WARNINGS_MAX } from './transcript.ts';
import { Verdict } from './verdict.ts';

export { OUTPUT_FORMATS, PRIORITIES } from './job-words.ts';

export const JOB_STATES = [
  'SUBMITTED',
  'QUEUED',
  'PROCESSING',
  'CANCELLING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
] as const;
export const JobStateName = Words(
  JOB_STATES,
  'SUBMITTED → QUEUED → PROCESSING → COMPLETED, FAILED or CANCELLED. A retryable failure or a lost worker returns a job to QUEUED; ' +
    'CANCELLING lasts until the worker confirms or the kill deadline passes.',
);
export type JobStateName = Static<typeof JobStateName>;

/** States that end a job. Only FAILED and CANCELLED can be left again, by a retry or a redrive. */
export const FINISHED_STATES = ['COMPLETED', 'FAILED', 'CANCELLED'] as const satisfies readonly JobStateName[];

/** How a job ended, in notices about it. */
export const JOB_ENDS = ['completed', 'failed', 'cancelled'] as const;
export type JobEnd = (typeof JOB_ENDS)[number];

export const Priority = Words(
  PRIORITIES,
  'high before normal before low, first in, first out within a class; a lower class is never starved.',
);
export type Priority = Static<typeof Priority>;

export const OutputFormat = Words(OUTPUT_FORMATS, 'The format of the transcript that `output.s3_path` names.');
export type OutputFormat = Static<typeof OutputFormat>;

export const Tags = Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
  maxItems: 32,
  uniqueItems: true,
  description: 'Words to find the job by. At most 32, of at most 128 characters.',
});

export const Metadata = Type.Record(Type.String(), Type.String({ maxLength: 1024 }), {
  propertyNames: { minLength: 1, maxLength: 128 },
  maxProperties: 32,
  description: 'Your own names and values, returned unchanged. At most 32.',
});

export const AudioUrl = Type.String({
  minLength: 1,
  maxLength: 2048,
  pattern: '^(s3|[hH][tT][tT][pP][sS]?|upload)://[^\\s/]+/.+$',
  examples: ['s3://bucket/audio.mp3'],
  description:
    'Where the recording is: `s3://bucket/key`, `https://…`, or the `upload://…` that POST /uploads returned. Workers fetch it; the server never does. ' +
    '`http://…` is fetched only by workers with `--allow-http`.',
});

export const JobInput = Type.Object({
  s3_path: Type.String({
    description: 'The submitted `audio_url`, whatever its scheme, without a query string and without `user:password@`.',
  }),
  duration_seconds: Nullable(TotalSeconds('Length of the recording; null until known.')),
  file_size_bytes: Nullable(Count('Size of the recording, bytes; null until known.')),
  audio_url_expires_at: Nullable(
    Time('Until when the URL is valid, as its query says (S3, Google, Azure, CloudFront); null if it does not.'),
  ),
  require_complete: Type.Boolean({
    description: 'Whether a recording that is cut short fails the job (`audio_truncated`), instead of a warning.',
  }),
});

export const NoteCode = Type.String({ pattern: '^[a-z0-9_]{1,64}$', description: 'Lower case, digits and `_`.' });
export const NoteMessage = Type.String({ maxLength: 1000, description: 'For people.' });

export const OutputWarnings = Type.Array(Type.Object({ code: NoteCode, message: NoteMessage }, closed), {
  maxItems: WARNINGS_MAX,
  description:
    'What is wrong with the recording (`audio_truncated`, …), then why the transcript is suspect (`repetition`, …); one of each code.',
});
export const Suspect = Type.Boolean({
  description: 'The transcript can hardly be what was said; `quality.reasons` of the transcript say why and where.',
});

export const JobOutput = Type.Object({
  s3_path: Nullable(Type.String({ description: 'Where the transcript is; null before completion.' })),
  segments_count: Count('Segments of the transcript.'),
  confidence_score: Nullable(
    Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'Mean confidence of the segments, 0 to 1, as reported by the engine; null if it reports none.',
    }),
  ),
  warnings: OutputWarnings,
  suspect: Suspect,
});
export type JobOutput = Static<typeof JobOutput>;

export const JobWorker = Type.Object({
  worker_id: Id,
  instance_id: Nullable(Type.String({ description: 'The machine the worker runs on.' })),
  assigned_at: Time('When this attempt began.'),
  gpu_usage: Nullable(Percent('Mean GPU use over the attempt, from the heartbeats; null without a GPU.')),
});

export const JobProgress = Type.Object({
  percentage: Percent('Part of the recording that has been transcribed.'),
  stage: Nullable(
    Type.String({
      description:
        '`DOWNLOADING`, `TRANSCRIBING`, `UPLOADING`, or the stage the worker reports, upper case: `LOADING_MODEL`, `WAITING_FOR_ENGINE` (it works on other jobs); null before a worker reports and once the job is COMPLETED.',
    }),
  ),
  current_chunk: Nullable(Count('Chunks done.')),
  total_chunks: Nullable(Count('Chunks in all.')),
  eta_seconds: Nullable(
    TotalSeconds('Time left, from the rate of the last chunks, not from the mean since the start.'),
  ),
});
export type JobProgress = Static<typeof JobProgress>;

export const JobPerformance = Type.Object({
  queue_time_seconds: Nullable(
    TotalSeconds('Time spent waiting, over all attempts; null until the first attempt begins.'),
  ),
  processing_time_seconds: Nullable(
    TotalSeconds('Time of the current or last attempt, from assignment to its end or its last report.'),
  ),
  throughput_factor: Nullable(
    Type.Number({
      minimum: 0,
      description: 'Audio seconds transcribed so far ÷ processing seconds. 3.2: an hour of audio takes 19 minutes.',
    }),
  ),
  download_time_seconds: Nullable(TotalSeconds('From assignment to the first report of a stage after DOWNLOADING.')),
});

export const StateHistoryEntry = Type.Object({
  state: JobStateName,
  timestamp: Time('When it entered the state.'),
  details: Type.String({ description: 'For people: `Assigned to worker-123`.' }),
});
export type StateHistoryEntry = Static<typeof StateHistoryEntry>;

export const JobError = Type.Object({
  code: Type.String({
    description: 'Stable, for programs: `gpu_out_of_memory`, `audio_unreadable`, `lease_expired`, …',
  }),
  message: Type.String({ description: 'For people.' }),
  retryable: Type.Boolean({ description: 'Whether another attempt could succeed.' }),
  fault: Nullable(Fault),
});
export type JobError = Static<typeof JobError>;

export const RetryInfo = Type.Object({
  attempt: Type.Integer({
    minimum: 1,
    description: 'The current attempt, or the next one while the job waits. Counts from 1.',
  }),
  max_attempts: Type.Integer({
    minimum: 1,
    description: 'Attempts before the job is FAILED and in the dead-letter queue.',
  }),
  last_error: Nullable(JobError),
  next_attempt_at: Nullable(
    Time('When a waiting retry may be claimed: exponential backoff with jitter; null if it may be claimed now.'),
  ),
});

export const CostTracking = Type.Object({
  estimated_cost_usd: Nullable(
    TotalUsd(
      'Duration ÷ the mean throughput factor of recent jobs × the mean hourly price of live workers ÷ 3600; null until all three are known.',
    ),
  ),
  actual_cost_usd: Nullable(
    TotalUsd(
      "Instance seconds × the worker's hourly price ÷ 3600, over all attempts that have ended; null until one has on a worker with a price.",
    ),
  ),
  instance_time_seconds: TotalSeconds(
    'Worker time spent on the job over all attempts, the current one up to its last report.',
  ),
});

export const Job = Type.Object(
  {
    job_id: Id,
    state: JobStateName,
    final: Type.Boolean({
      description:
        'Whether the job has ended in this state; it may still be retried. For clients that do not know the state.',
    }),
    created_at: Time('When it was submitted.'),
    updated_at: Time('When anything shown here last changed.'),
    started_at: Nullable(Time('When the current or last attempt began.')),
    completed_at: Nullable(Time('When it reached COMPLETED, FAILED or CANCELLED.')),
    estimated_completion: Nullable(Time('Last report + `progress.eta_seconds`; null if unknown.')),
    priority: Priority,
    output_format: OutputFormat,
    tags: Tags,
    tenant: Type.Optional({ ...TenantId, description: 'The tenant that it belongs to; absent: the default.' }),
    options: Type.Optional(JobOptions),
    requires: Type.Optional(Requirements),
    metadata: Metadata,
    input: JobInput,
    output: JobOutput,
    worker: Nullable(JobWorker),
    progress: JobProgress,
    performance: JobPerformance,
    state_history: Type.Array(StateHistoryEntry),
    retry_info: RetryInfo,
    cost_tracking: CostTracking,
    verdict: Nullable(Verdict),
    actions: Type.Array(ActionTaken, { description: 'The last decisions of policies about it, oldest first.' }),
    expected_percentage: Nullable(
      Percent(
        'Where its progress should be at `updated_at`, from the usual start and pace of its model, device and instance type; null unless it is PROCESSING and its duration is known.',
      ),
    ),
    queue_position: Nullable(
      Ordinal(
        'Its place among the jobs that may be claimed, from 1; an estimate beyond 10,000. Null unless it may be claimed, and in objects of the store.',
      ),
    ),
    expected_start: Nullable(Estimate),
    expected_completion: Nullable(Estimate),
    as_of_seq: AsOfSeq,
  },
  { $id: 'Job', description: 'One recording to transcribe.' },
);
export type Job = Static<typeof Job>;

export const JobProgressDocument = Type.Intersect(
  [
    Type.Object({
      job_id: Id,
      state: JobStateName,
      updated_at: Time('When it was last reported.'),
      as_of_seq: AsOfSeq,
    }),
    JobProgress,
  ],
  {
    $id: 'JobProgress',
    description: 'Progress of a job.',
  },
);

export const JobTimeline = Type.Object(
  { job_id: Id, state: JobStateName, state_history: Type.Array(StateHistoryEntry), as_of_seq: AsOfSeq },
  { $id: 'JobTimeline', description: 'Every state that the job has been in.' },
);

/** The body of POST /jobs. */
export const JobSubmission = Type.Object(
  {
    audio_url: AudioUrl,
    output_format: Type.Optional(OutputFormat),
    priority: Type.Optional(Priority),
    max_attempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 20, description: 'Default 3.' })),
    duration_seconds: Type.Optional(Seconds('Length of the recording, if you know it.')),
    file_size_bytes: Type.Optional(Count('Size of the recording, bytes, if you know it.')),
    require_complete: Type.Optional(
      Type.Boolean({
        description:
          'A recording whose end is missing fails with `audio_truncated`. Default false: it is transcribed as far as it goes, with a warning.',
      }),
    ),
    tags: Type.Optional(Tags),
    tenant: Type.Optional({
      ...TenantId,
      description:
        'The tenant that it belongs to, for keys that belong to none (roles `operate` and `admin`). Default: that of the key.',
    }),
    metadata: Type.Optional(Metadata),
    options: Type.Optional(JobOptions),
    requires: Type.Optional(Requirements),
    webhook_url: Type.Optional(
      Nullable(
        Type.String({
          maxLength: 2048,
          pattern: '^https?://[^\\s]+$',
          examples: ['https://example.com/transcribed'],
          description:
            'Gets a signed POST (JobNotification) when the job ends. A private address is refused unless the monitor allows it.',
        }),
      ),
    ),
    webhook_events: Type.Optional(
      Nullable(
        Type.Array(Words(JOB_ENDS, 'How the job ended.'), {
          minItems: 1,
          maxItems: JOB_ENDS.length,
          uniqueItems: true,
          description: 'The ends of the job that `webhook_url` gets. Default: all.',
        }),
      ),
    ),
    traceparent: Type.Optional(
      Type.String({
        pattern: TRACEPARENT,
        description: 'The trace that the job belongs to, by W3C Trace Context. Default: the header of this name.',
      }),
    ),
  },
  { ...closed, $id: 'JobSubmission', description: 'A recording to transcribe.' },
);
export type JobSubmission = Static<typeof JobSubmission>;

export const JobBatch = Type.Object(
  {
    jobs: Type.Array(Type.Unsafe<JobSubmission>({ type: 'object' }), {
      minItems: 1,
      maxItems: 1000,
      description: 'JobSubmission objects, each with its own result.',
    }),
  },
  { ...closed, $id: 'JobBatch' },
);

const LeaseToken = Type.String({
  minLength: 1,
  maxLength: 200,
  description: "The lease's token: proof that the job is still yours. A stale one is refused with 409 `lease_expired`.",
});

/** The body of PUT /jobs/{id}/progress. */
export const ProgressReport = Type.Object(
  {
    lease_token: LeaseToken,
    percentage: Percent('Part of the recording done.'),
    stage: Type.Optional(Nullable(Type.String({ minLength: 1, maxLength: 40, description: 'Case-insensitive.' }))),
    current_chunk: Type.Optional(Nullable(Count('Chunks done.'))),
    total_chunks: Type.Optional(Nullable(Count('Chunks in all.'))),
    eta_seconds: Type.Optional(
      Nullable(Seconds('Time left; if omitted, the server calculates it from the last reports.')),
    ),
    duration_seconds: Type.Optional(Nullable(Seconds('Length of the recording, once the worker knows it.'))),
    file_size_bytes: Type.Optional(Nullable(Count('Size of the recording, bytes, once the worker knows it.'))),
  },
  { ...closed, $id: 'ProgressReport' },
);
export type ProgressReport = Static<typeof ProgressReport>;

/** The body of POST /jobs/{id}/complete. */
export const CompletionReport = Type.Object(
  {
    lease_token: LeaseToken,
    output: Type.Object(
      {
        s3_path: Type.String({ minLength: 1, maxLength: 2048, description: 'Where the transcript is.' }),
        segments_count: Count('Segments of the transcript.'),
        confidence_score: Type.Optional(Nullable(Type.Number({ minimum: 0, maximum: 1 }))),
        warnings: Type.Optional(OutputWarnings),
        suspect: Type.Optional(Suspect),
      },
      closed,
    ),
  },
  { ...closed, $id: 'CompletionReport' },
);
export type CompletionReport = Static<typeof CompletionReport>;

/** The body of POST /jobs/{id}/fail. */
export const FailureReport = Type.Object(
  {
    lease_token: LeaseToken,
    error: Type.Object(
      {
        code: Type.String({ pattern: '^[a-z0-9_]{1,64}$', description: 'Lower case, digits and `_`.' }),
        message: Type.String({ maxLength: 4000 }),
        retryable: Type.Boolean(),
        fault: Type.Optional(
          Words(FAULTS, 'Whose fault it is. Default: what the code means, if it is one of the codes of `tmon worker`.'),
        ),
      },
      closed,
    ),
    retry_with: Type.Optional(
      Type.Object(
        {
          batch_size: Ordinal('Batch size for the next attempt, after `gpu_out_of_memory`.'),
        },
        closed,
      ),
    ),
  },
  { ...closed, $id: 'FailureReport' },
);
export type FailureReport = Static<typeof FailureReport>;

export const Lease = Type.Object(
  {
    token: LeaseToken,
    expires_at: Time('The job is yours until then; a heartbeat that names the token renews the lease.'),
  },
  { $id: 'Lease' },
);
export type Lease = Static<typeof Lease>;

export const Claimed = Type.Object(
  {
    jobs: Type.Array(
      Type.Object({
        job: Type.Unsafe<Job>({ $ref: 'Job#' }),
        lease: Lease,
        audio_url: Type.String({
          description:
            'The URL to fetch, as submitted: with its query string (often a signature), which no document shows.',
        }),
        attempt: Type.Object({
          number: Type.Integer({ minimum: 1 }),
          batch_size: Nullable(Type.Integer({ minimum: 1 })),
        }),
        traceparent: Type.Optional(
          Type.String({
            description: 'The trace that the work belongs to, by W3C Trace Context. Absent if there is none.',
          }),
        ),
      }),
    ),
  },
  { $id: 'Claimed', description: 'Jobs handed to the worker, each with its lease; empty if none waits.' },
);
export type Claimed = Static<typeof Claimed>;
