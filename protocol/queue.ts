/** The queues: `main`, where jobs wait, and `dlq`, the dead-letter queue of jobs that failed permanently. */
import { type Static, Type } from 'typebox';
import { Id } from './ids.ts';
import { JobStateName, Priority } from './job.ts';
import { AsOfSeq, Count, closed, Nullable, Time, TotalSeconds } from './schema.ts';
import { TenantId } from './tenant.ts';
import { VerdictStatus } from './verdict.ts';

const MaybeCount = (description: string) => Nullable(Count(`${description} null if it can't be read.`));

export const SqsFigures = Type.Object(
  {
    url: Type.String({ description: 'The setting `queue`.' }),
    messages_visible: MaybeCount('`ApproximateNumberOfMessages`, those of others included.'),
    messages_inflight: MaybeCount('`ApproximateNumberOfMessagesNotVisible`.'),
    messages_delayed: MaybeCount('`ApproximateNumberOfMessagesDelayed`.'),
    messages_not_understood: Count('Messages of others that this instance could not understand since it started.'),
    problem: Nullable(Type.String({ description: 'Why the figures can’t be read; null if they were.' })),
    read_at: Time('When the figures were read; at most every 10 s.'),
  },
  { description: 'What SQS itself says about the main queue; only with such a queue, and only from this endpoint.' },
);

export type SqsFigures = Static<typeof SqsFigures>;

export const Queue = Type.Object(
  {
    queue: Type.String({ description: '`main` or `dlq`.' }),
    messages_visible: Count('Jobs that may be claimed now (dlq: all of its jobs).'),
    messages_inflight: Count('Jobs that workers hold.'),
    messages_delayed: Count('Jobs waiting out a retry delay.'),
    age_oldest_message: Nullable(
      TotalSeconds('Time the oldest claimable job has waited, measured from its enqueue time; null if none waits.'),
    ),
    by_priority: Type.Object({ high: Count('Claimable.'), normal: Count('Claimable.'), low: Count('Claimable.') }),
    updated_at: Time('Log time of this document.'),
    as_of_seq: AsOfSeq,
    sqs: Type.Optional(SqsFigures),
  },
  { $id: 'Queue' },
);
export type Queue = Static<typeof Queue>;

/** Which jobs a redrive or purge takes: those that match every field given. Without fields, every job of the queue. */
export const JobFilter = Type.Object(
  {
    job_ids: Type.Optional(Type.Array(Id, { maxItems: 10_000 })),
    priority: Type.Optional(Priority),
    tag: Type.Optional(Type.String({ maxLength: 128 })),
    tenant: Type.Optional(TenantId),
    error_code: Type.Optional(Type.String({ maxLength: 64, description: '`retry_info.last_error.code`.' })),
    worker_id: Type.Optional(Id),
    created_after: Type.Optional(Time('Submitted at or after.')),
    created_before: Type.Optional(Time('Submitted before.')),
    q: Type.Optional(
      Type.String({
        maxLength: 200,
        description: 'Matches id, input path, tags, metadata or last error; case-insensitive.',
      }),
    ),
  },
  { ...closed, $id: 'JobFilter' },
);
export type JobFilter = Static<typeof JobFilter>;

/** The body of POST /queues/dlq/redrive and of the purges. */
export const BulkRequest = Type.Object(
  {
    filter: Type.Optional(JobFilter),
    dry_run: Type.Optional(
      Type.Boolean({ description: 'Return the exact ids without changing anything. Default false.' }),
    ),
  },
  { ...closed, $id: 'BulkRequest' },
);
export type BulkRequest = Static<typeof BulkRequest>;

export const BulkAnswer = Type.Object(
  {
    job_ids: Type.Array(Id, { description: 'The jobs that were, or would be, taken; at most 10,000 per call.' }),
    dry_run: Type.Boolean(),
  },
  { $id: 'BulkAnswer' },
);
export type BulkAnswer = Static<typeof BulkAnswer>;

/** Query of GET /jobs. */
export const JobQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Items per page. Default 100.' })),
    cursor: Type.Optional(Type.String({ maxLength: 500, description: '`next_cursor` of the previous page. Opaque.' })),
    state: Type.Optional(JobStateName),
    worker_id: Type.Optional(Id),
    priority: Type.Optional(Priority),
    tag: Type.Optional(Type.String({ maxLength: 128 })),
    tenant: Type.Optional(TenantId),
    suspect: Type.Optional(
      Type.Boolean({ description: 'Whether the transcript is suspect; a job without a transcript is not.' }),
    ),
    created_after: Type.Optional(Time('Submitted at or after.')),
    created_before: Type.Optional(Time('Submitted before.')),
    q: Type.Optional(
      Type.String({
        maxLength: 200,
        description: 'Matches id, input path, tags, metadata or last error; case-insensitive.',
      }),
    ),
    verdict: Type.Optional(VerdictStatus),
    model: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'The model of the worker of its current or last attempt, as it had registered.',
      }),
    ),
    error_code: Type.Optional(Type.String({ maxLength: 64, description: '`retry_info.last_error.code`.' })),
  },
  closed,
);
export type JobQuery = Static<typeof JobQuery>;
