/**
 * The messages the monitor sends on the feed: current state, changes, and replies to the client's own messages.
 *
 * A `…Now` message is a complete document: the first message, or one after a gap. A `…Changed` message is one event.
 */
import { type Static, Type } from 'typebox';
import { type Alert, Severity } from './alert.ts';
import { Problem } from './errors.ts';
import { Estimate } from './estimate.ts';
import { FeedResource, RequestId } from './feed.ts';
import { JobError, JobOutput, JobStateName } from './job.ts';
import { ActionTaken } from './policies.ts';
import type { Queue } from './queue.ts';
import { Count, Nullable, Percent, Time, TotalSeconds, Words } from './schema.ts';
import type { SystemHealth } from './system.ts';
import { Verdict } from './verdict.ts';
import { KnownCapabilities, Location, type Worker, WorkerHealth, WorkerStateName, WorkerVerdict } from './worker.ts';

const position = {
  seq: Count('Position: segment.'),
  index: Type.Integer({ minimum: -1, description: 'Position: event within the segment.' }),
};

/** Fields of every message about one event; `event` and `at` come from the journal. */
const happened = {
  type: Type.Literal('update'),
  event: Type.String({ description: 'The journal event: `JobProgressed`.' }),
  at: Time('Log time.'),
  ...position,
};

const FirstType = Words(
  ['state', 'reset'] as const,
  '`state`: the current state, the first message. `reset`: the same, sent when the missed events are no longer available.',
);

const job = {
  job_id: Type.String(),
  state: JobStateName,
  percentage: Nullable(Percent('Part of the recording done; null if the event does not include it.')),
  stage: Nullable(Type.String({ description: 'What its worker is doing; null if the event does not include it.' })),
  current_chunk: Type.Optional(Nullable(Count('Chunks done.'))),
  total_chunks: Type.Optional(Nullable(Count('Chunks in all.'))),
  eta_seconds: Type.Optional(Nullable(TotalSeconds('Time left.'))),
  worker_id: Type.Optional(
    Nullable(Type.String({ description: 'The worker that holds or held it; null while it waits.' })),
  ),
  attempt: Type.Optional(Type.Integer({ minimum: 1 })),
  details: Type.Optional(Type.String({ description: 'For people, as in the history.' })),
  error: Type.Optional(JobError),
  output: Type.Optional(JobOutput),
  verdict: Type.Optional(Nullable(Verdict)),
  action: Type.Optional(ActionTaken),
  expected_start: Type.Optional(Estimate),
  expected_completion: Type.Optional(Estimate),
};

/** The complete job, in a first message. `percentage`, `stage` and `state` are top-level fields, as in an update. */
export const JobNow = Type.Object(
  { type: FirstType, resource: Type.Literal('job'), at: Time('When it last changed.'), ...position, ...job },
  { $id: 'JobNow' },
);
export type JobNow = Static<typeof JobNow>;

/** A job changed. Omitted fields did not change, or the event does not carry them. */
export const JobChanged = Type.Object({ ...happened, resource: Type.Literal('job'), ...job }, { $id: 'JobChanged' });
export type JobChanged = Static<typeof JobChanged>;

/**
 * A progress report that the instance has accepted and not yet written to the journal. The position is that of everything
 * before it, so it is valid to resume from. The newest report follows as an `update`; a report is lost if the instance crashes first.
 */
export const JobReported = Type.Object(
  {
    type: Type.Literal('progress'),
    resource: Type.Literal('job'),
    at: Time('When it was accepted. Log time.'),
    ...position,
    ...job,
  },
  { $id: 'JobReported' },
);
export type JobReported = Static<typeof JobReported>;

/** Unfinished jobs that match the filter, newest first. */
export const JobsNow = Type.Object(
  {
    type: FirstType,
    resource: Type.Literal('jobs'),
    ...position,
    items: Type.Array(Type.Unsafe<JobNow>({ $ref: 'JobNow#' }), { description: 'At most 1,000.' }),
    more: Type.Boolean({ description: 'There are more; GET /jobs lists them.' }),
  },
  { $id: 'JobsNow' },
);
export type JobsNow = Static<typeof JobsNow>;

/** The complete worker, as GET /workers/{id} returns it. */
export const WorkerNow = Type.Intersect(
  [
    Type.Object({ type: FirstType, resource: Type.Literal('worker'), ...position }),
    Type.Unsafe<Worker>({ $ref: 'Worker#' }),
  ],
  { $id: 'WorkerNow' },
);
export type WorkerNow = Static<typeof WorkerNow>;

/** A worker changed. Omitted fields did not change. Its current job is on the job's own feed. */
export const WorkerChanged = Type.Object(
  {
    ...happened,
    resource: Type.Literal('worker'),
    worker_id: Type.String(),
    state: Type.Optional(WorkerStateName),
    health: Type.Optional(Type.Partial(WorkerHealth)),
    reason: Type.Optional(Type.String()),
    instance_id: Type.Optional(Nullable(Type.String())),
    capabilities: Type.Optional(KnownCapabilities),
    location: Type.Optional(Location),
    verdict: Type.Optional(WorkerVerdict),
    action: Type.Optional(ActionTaken),
  },
  { $id: 'WorkerChanged' },
);
export type WorkerChanged = Static<typeof WorkerChanged>;

/** Workers that are not TERMINATED, newest first. */
export const WorkersNow = Type.Object(
  {
    type: FirstType,
    resource: Type.Literal('workers'),
    ...position,
    items: Type.Array(Type.Unsafe<Worker>({ $ref: 'Worker#' }), { description: 'At most 1,000.' }),
    more: Type.Boolean({ description: 'There are more; GET /workers lists them.' }),
  },
  { $id: 'WorkersNow' },
);
export type WorkersNow = Static<typeof WorkersNow>;

/** Alerts that are not resolved. */
export const AlertsNow = Type.Object(
  {
    type: FirstType,
    resource: Type.Literal('alerts'),
    ...position,
    items: Type.Array(Type.Unsafe<Alert>({ $ref: 'Alert#' })),
  },
  { $id: 'AlertsNow' },
);
export type AlertsNow = Static<typeof AlertsNow>;

/**
 * An alert fires (`AlertRaised`, which has rule, subject, severity, message and what the rule adds), was acknowledged
 * (`AlertAcknowledged`) or resolved (`AlertResolved`).
 */
export const AlertChanged = Type.Object(
  {
    ...happened,
    resource: Type.Literal('alert'),
    alert_id: Type.String(),
    rule: Type.Optional(Type.String()),
    subject: Type.Optional(Nullable(Type.String())),
    severity: Type.Optional(Severity),
    message: Type.Optional(Type.String()),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    description: Type.Optional(Nullable(Type.String())),
    runbook_url: Type.Optional(Nullable(Type.String())),
    acknowledged_by: Type.Optional(Type.String({ description: 'Who acknowledged it.' })),
    resolved_by: Type.Optional(Type.String({ description: '`condition`, or who resolved it.' })),
  },
  { $id: 'AlertChanged' },
);
export type AlertChanged = Static<typeof AlertChanged>;

const SumsType = Words(
  ['state', 'reset', 'update'] as const,
  'Always the complete document. `update`: it changed; at most once a second.',
);

/** The main queue, as GET /queues/main returns it. */
export const QueueNow = Type.Intersect(
  [
    Type.Object({ type: SumsType, resource: Type.Literal('queue'), ...position }),
    Type.Unsafe<Queue>({ $ref: 'Queue#' }),
  ],
  { $id: 'QueueNow' },
);
export type QueueNow = Static<typeof QueueNow>;

/** The system's health, as GET /system/health returns it. */
export const SystemNow = Type.Intersect(
  [
    Type.Object({ type: SumsType, resource: Type.Literal('system'), ...position }),
    Type.Unsafe<SystemHealth>({ $ref: 'SystemHealth#' }),
  ],
  { $id: 'SystemNow' },
);
export type SystemNow = Static<typeof SystemNow>;

const acknowledgement = {
  id: Type.Optional(RequestId),
  resource: FeedResource,
  job_id: Type.Optional(Type.String()),
  worker_id: Type.Optional(Type.String()),
};

/** Replies to a `subscribe` with an `id`, before any other message of the subscription. */
export const Subscribed = Type.Object({ type: Type.Literal('subscribed'), ...acknowledgement }, { $id: 'Subscribed' });
/** Replies to a `subscribe` with an `id` and a `since`: everything missed has been sent, the rest is live. */
export const Live = Type.Object({ type: Type.Literal('live'), ...acknowledgement }, { $id: 'Live' });
/** Replies to an `unsubscribe`; no message of the subscription follows. */
export const Unsubscribed = Type.Object(
  { type: Type.Literal('unsubscribed'), ...acknowledgement },
  { $id: 'Unsubscribed' },
);
/** Replies to a `ping`. */
export const Pong = Type.Object({ type: Type.Literal('pong'), id: Type.Optional(RequestId) }, { $id: 'Pong' });
/** Replies to a message that can't be carried out. The connection stays open. */
export const FeedError = Type.Object(
  {
    type: Type.Literal('error'),
    id: Type.Optional(Type.Union([Type.String(), Type.Number()], { description: 'Id of the message, if it has one.' })),
    code: Words(
      [
        'invalid_json',
        'unknown_action',
        'unknown_resource',
        'invalid_message',
        'job_not_found',
        'worker_not_found',
        'too_many_subscriptions',
        'store_unavailable',
        'role_not_allowed',
        'key_narrowed',
      ] as const,
      'Stable, for programs.',
    ),
    detail: Type.String({ description: 'For people, with the values.' }),
    hint: Type.Optional(Type.String({ description: 'What to do next.' })),
  },
  { $id: 'FeedError' },
);
export type FeedError = Static<typeof FeedError>;

/** Replies to a call with an `id`: what the operation returns over HTTP. */
export const CallAnswer = Type.Object(
  {
    type: Type.Literal('answer'),
    id: RequestId,
    status: Type.Integer({ minimum: 200, maximum: 299 }),
    body: Type.Unknown(),
  },
  { $id: 'CallAnswer' },
);
export type CallAnswer = Static<typeof CallAnswer>;

/**
 * Replies to a call that failed: the problem HTTP would return, plus `operation`, which distinguishes it from a
 * FeedError.
 */
export const CallError = Type.Object(
  {
    type: Type.Literal('error'),
    id: Type.Optional(RequestId),
    operation: Type.String(),
    ...Type.Omit(Problem, ['type', 'title']).properties,
    retry_after_seconds: Type.Optional(Type.Number({ minimum: 0, description: 'When to send it again. Seconds.' })),
    idempotency_key: Type.Optional(
      Type.String({ description: 'With `outcome_unknown`: send the call again with this key; it runs at most once.' }),
    ),
  },
  { $id: 'CallError', additionalProperties: true },
);
export type CallError = Static<typeof CallError>;

/** Every message that the monitor sends on the feed. */
export const FEED_MESSAGES = [
  JobNow,
  JobChanged,
  JobReported,
  JobsNow,
  WorkerNow,
  WorkerChanged,
  WorkersNow,
  AlertsNow,
  AlertChanged,
  QueueNow,
  SystemNow,
  Subscribed,
  Live,
  Unsubscribed,
  Pong,
  FeedError,
  CallAnswer,
  CallError,
] as const;

/** Messages that carry a position. */
export type FeedEvent =
  | JobNow
  | JobChanged
  | JobReported
  | JobsNow
  | WorkerNow
  | WorkerChanged
  | WorkersNow
  | AlertsNow
  | AlertChanged
  | QueueNow
  | SystemNow;

/** Messages to this client only; they carry no position. */
export type FeedControl =
  | Static<typeof Subscribed>
  | Static<typeof Live>
  | Static<typeof Unsubscribed>
  | Static<typeof Pong>
  | FeedError;

/** Replies to a call. */
export type CallReply = CallAnswer | CallError;

export type FeedMessage = FeedEvent | FeedControl;
