/**
 * What the monitor says on the feed: the state now, changes of it, and answers to the client's own messages.
 *
 * What is named after its resource and `Now` is whole: a first message, or after a gap. `Changed` is one event.
 */
import { type Static, Type } from 'typebox';
import { type Alert, Severity } from './alert.ts';
import { Problem } from './errors.ts';
import { FeedResource, RequestId } from './feed.ts';
import { JobError, JobOutput, JobStateName } from './job.ts';
import type { Queue } from './queue.ts';
import { Count, Nullable, Percent, Seconds, Time, Words } from './schema.ts';
import type { SystemHealth } from './system.ts';
import { Capabilities, Location, type Worker, WorkerHealth, WorkerStateName } from './worker.ts';

const position = {
  seq: Count('Position: segment.'),
  index: Type.Integer({ minimum: -1, description: 'Position: event within the segment.' }),
};

/** What every message about one event has; `event` and `at` are the journal's. */
const happened = {
  type: Type.Literal('update'),
  event: Type.String({ description: 'The journal event: `JobProgressed`.' }),
  at: Time('Log time.'),
  ...position,
};

const FirstType = Words(
  ['state', 'reset'] as const,
  '`state`: as it is now, the first message. `reset`: the same, where what was missed is no longer known.',
);

const job = {
  job_id: Type.String(),
  state: JobStateName,
  percentage: Nullable(Percent('Part of the recording done; null where the event does not tell.')),
  stage: Nullable(Type.String({ description: 'What its worker does; null where the event does not tell.' })),
  current_chunk: Type.Optional(Nullable(Count('Chunks done.'))),
  total_chunks: Type.Optional(Nullable(Count('Chunks in all.'))),
  eta_seconds: Type.Optional(Nullable(Seconds('Time to the end.'))),
  worker_id: Type.Optional(Nullable(Type.String({ description: 'Who has or had it; null while it waits.' }))),
  attempt: Type.Optional(Type.Integer({ minimum: 1 })),
  details: Type.Optional(Type.String({ description: 'In words, as in the history.' })),
  error: Type.Optional(JobError),
  output: Type.Optional(JobOutput),
};

/** A job, in a first message: all there is to show of it. `percentage`, `stage`, `state` stand at the top, as in an update. */
export const JobNow = Type.Object(
  { type: FirstType, resource: Type.Literal('job'), at: Time('When it last changed.'), ...position, ...job },
  { $id: 'JobNow' },
);
export type JobNow = Static<typeof JobNow>;

/** A job changed. What is left out did not change, or is not known to the event. */
export const JobChanged = Type.Object({ ...happened, resource: Type.Literal('job'), ...job }, { $id: 'JobChanged' });
export type JobChanged = Static<typeof JobChanged>;

/** Jobs that have not ended and that the filter means, newest first. */
export const JobsNow = Type.Object(
  {
    type: FirstType,
    resource: Type.Literal('jobs'),
    ...position,
    items: Type.Array(Type.Unsafe<JobNow>({ $ref: 'JobNow#' }), { description: 'At most 1,000.' }),
    more: Type.Boolean({ description: 'There are more than these: GET /jobs lists them.' }),
  },
  { $id: 'JobsNow' },
);
export type JobsNow = Static<typeof JobsNow>;

/** A worker, whole: as GET /workers/{id} answers it. */
export const WorkerNow = Type.Intersect(
  [
    Type.Object({ type: FirstType, resource: Type.Literal('worker'), ...position }),
    Type.Unsafe<Worker>({ $ref: 'Worker#' }),
  ],
  { $id: 'WorkerNow' },
);
export type WorkerNow = Static<typeof WorkerNow>;

/** A worker changed. What is left out did not. Which job it has, jobs tell. */
export const WorkerChanged = Type.Object(
  {
    ...happened,
    resource: Type.Literal('worker'),
    worker_id: Type.String(),
    state: Type.Optional(WorkerStateName),
    health: Type.Optional(Type.Partial(WorkerHealth)),
    reason: Type.Optional(Type.String()),
    instance_id: Type.Optional(Nullable(Type.String())),
    capabilities: Type.Optional(Capabilities),
    location: Type.Optional(Location),
  },
  { $id: 'WorkerChanged' },
);
export type WorkerChanged = Static<typeof WorkerChanged>;

/** Workers that are not TERMINATED. */
export const WorkersNow = Type.Object(
  {
    type: FirstType,
    resource: Type.Literal('workers'),
    ...position,
    items: Type.Array(Type.Unsafe<Worker>({ $ref: 'Worker#' })),
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

/** An alert was raised (`AlertRaised`, which has rule, subject, severity and message) or resolved (`AlertResolved`). */
export const AlertChanged = Type.Object(
  {
    ...happened,
    resource: Type.Literal('alert'),
    alert_id: Type.String(),
    rule: Type.Optional(Type.String()),
    subject: Type.Optional(Nullable(Type.String())),
    severity: Type.Optional(Severity),
    message: Type.Optional(Type.String()),
    resolved_by: Type.Optional(Type.String({ description: '`condition`, or who resolved it.' })),
  },
  { $id: 'AlertChanged' },
);
export type AlertChanged = Static<typeof AlertChanged>;

const SumsType = Words(
  ['state', 'reset', 'update'] as const,
  'Each is whole. `update`: something happened since; once a second at most.',
);

/** The main queue, as GET /queues/main answers it. */
export const QueueNow = Type.Intersect(
  [
    Type.Object({ type: SumsType, resource: Type.Literal('queue'), ...position }),
    Type.Unsafe<Queue>({ $ref: 'Queue#' }),
  ],
  { $id: 'QueueNow' },
);
export type QueueNow = Static<typeof QueueNow>;

/** The system's health, as GET /system/health answers it. */
export const SystemNow = Type.Intersect(
  [
    Type.Object({ type: SumsType, resource: Type.Literal('system'), ...position }),
    Type.Unsafe<SystemHealth>({ $ref: 'SystemHealth#' }),
  ],
  { $id: 'SystemNow' },
);
export type SystemNow = Static<typeof SystemNow>;

const told = {
  id: Type.Optional(RequestId),
  resource: FeedResource,
  job_id: Type.Optional(Type.String()),
  worker_id: Type.Optional(Type.String()),
};

/** Answers a `subscribe` that has an `id`, before anything else of it. */
export const Subscribed = Type.Object({ type: Type.Literal('subscribed'), ...told }, { $id: 'Subscribed' });
/** Answers a `subscribe` that has an `id` and a `since`: what was missed has been given, from here on it is live. */
export const Live = Type.Object({ type: Type.Literal('live'), ...told }, { $id: 'Live' });
/** Answers an `unsubscribe`; nothing more comes of it. */
export const Unsubscribed = Type.Object({ type: Type.Literal('unsubscribed'), ...told }, { $id: 'Unsubscribed' });
/** Answers a `ping`. */
export const Pong = Type.Object({ type: Type.Literal('pong'), id: Type.Optional(RequestId) }, { $id: 'Pong' });
/** Answers a message that can't be followed. The connection stays. */
export const FeedError = Type.Object(
  {
    type: Type.Literal('error'),
    id: Type.Optional(Type.Union([Type.String(), Type.Number()], { description: 'Of the message, where it has one.' })),
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
      ] as const,
      'Stable, for programs.',
    ),
    detail: Type.String({ description: 'In words, with the values.' }),
    hint: Type.Optional(Type.String({ description: 'What to do next.' })),
  },
  { $id: 'FeedError' },
);
export type FeedError = Static<typeof FeedError>;

/** Answers a call that has an `id`: what the operation answers over HTTP. */
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

/** Answers a call that is refused or failed: the problem that HTTP would tell, and `operation`, by which it is known from FeedError. */
export const CallError = Type.Object(
  {
    type: Type.Literal('error'),
    id: Type.Optional(RequestId),
    operation: Type.String(),
    ...Type.Omit(Problem, ['type', 'title']).properties,
    retry_after_seconds: Type.Optional(Type.Number({ minimum: 0, description: 'When to send it again. Seconds.' })),
    idempotency_key: Type.Optional(
      Type.String({ description: 'With `outcome_unknown`: the key to send it again with; it is done once.' }),
    ),
  },
  { $id: 'CallError', additionalProperties: true },
);
export type CallError = Static<typeof CallError>;

/** Everything that the monitor says on the feed. */
export const FEED_MESSAGES = [
  JobNow,
  JobChanged,
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

/** What carries a position. */
export type FeedEvent =
  | JobNow
  | JobChanged
  | JobsNow
  | WorkerNow
  | WorkerChanged
  | WorkersNow
  | AlertsNow
  | AlertChanged
  | QueueNow
  | SystemNow;

/** What is said to the client alone. */
export type FeedControl =
  | Static<typeof Subscribed>
  | Static<typeof Live>
  | Static<typeof Unsubscribed>
  | Static<typeof Pong>
  | FeedError;

/** What answers a call. */
export type CallReply = CallAnswer | CallError;

export type FeedMessage = FeedEvent | FeedControl;
