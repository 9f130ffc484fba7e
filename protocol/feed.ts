/**
 * The live feed: what changes, in the journal's order, over WebSocket (`/ws`) and SSE (`GET /api/v1/events`).
 *
 * A client subscribes to resources; each answers with the current state at once, then with updates. What happened carries its
 * position; what is only said to the client (acknowledgements, errors) carries none, so that a position a client has seen is
 * always one it may come back with. `since` gives exactly what it missed, or a `reset` with the current state where that is
 * no longer known.
 */
import { type Static, Type } from 'typebox';
import { JobStateName, Priority } from './job.ts';
import { Count, closed, Nullable, Percent, Words } from './schema.ts';

export const FEED_RESOURCES = ['job', 'jobs', 'worker', 'workers', 'queue', 'alerts', 'system'] as const;
export const FeedResource = Words(FEED_RESOURCES, 'What to follow. `job` and `worker` need their id.');
export type FeedResource = Static<typeof FeedResource>;

/** A place in the journal: after event `index` of segment `seq`. `{seq, index: -1}` is before the first of them. */
export const FeedPosition = Type.Object(
  {
    seq: Count('Segment.'),
    index: Type.Integer({ minimum: -1, description: 'Event within the segment, from 0.' }),
  },
  { ...closed, $id: 'FeedPosition' },
);
export type FeedPosition = Static<typeof FeedPosition>;

const RequestId = Type.String({
  minLength: 1,
  maxLength: 128,
  description: 'Yours; echoed in the acknowledgement or error.',
});

export const FeedFilter = Type.Object(
  {
    state: Type.Optional(JobStateName),
    worker_id: Type.Optional(Type.String({ maxLength: 64 })),
    priority: Type.Optional(Priority),
    tag: Type.Optional(Type.String({ maxLength: 128 })),
  },
  { ...closed, $id: 'FeedFilter', description: 'For `jobs`: only those of which all that is given here is true.' },
);
export type FeedFilter = Static<typeof FeedFilter>;

const target = {
  resource: FeedResource,
  job_id: Type.Optional(Type.String({ maxLength: 64 })),
  worker_id: Type.Optional(Type.String({ maxLength: 64 })),
  filter: Type.Optional(FeedFilter),
};

export const SubscribeRequest = Type.Object(
  { action: Type.Literal('subscribe'), ...target, since: Type.Optional(FeedPosition), id: Type.Optional(RequestId) },
  { ...closed, $id: 'SubscribeRequest' },
);
export type SubscribeRequest = Static<typeof SubscribeRequest>;

export const UnsubscribeRequest = Type.Object(
  { action: Type.Literal('unsubscribe'), ...target, id: Type.Optional(RequestId) },
  { ...closed, $id: 'UnsubscribeRequest' },
);
export type UnsubscribeRequest = Static<typeof UnsubscribeRequest>;

/** What every message about something that happened has. */
const happened = {
  resource: Type.String({ description: 'Of what kind it is: `job`, `worker`, `alert`, `queue`, `system`.' }),
  event: Type.Optional(Type.String({ description: 'The journal event: `JobProgressed`. Absent in a current state.' })),
  at: Type.Optional(Type.String({ description: 'Log time, RFC 3339.' })),
  seq: Count('Position: segment.'),
  index: Type.Integer({ minimum: -1, description: 'Position: event within the segment.' }),
};

/**
 * A job changed. `percentage`, `stage` and `state` stand at the top level, as the documents' clients read them.
 * `type: state` is the first message of a subscription, `reset` the same where what was missed is no longer known.
 */
export const JobUpdate = Type.Object(
  {
    type: Words(['state', 'update', 'reset'] as const, 'The state now, a change of it, or the state after a gap.'),
    ...happened,
    job_id: Type.String(),
    state: JobStateName,
    percentage: Nullable(Percent('Part of the recording done; null where the event does not tell.')),
    stage: Nullable(Type.String()),
    eta_seconds: Type.Optional(Nullable(Type.Number())),
    worker_id: Type.Optional(Nullable(Type.String())),
    attempt: Type.Optional(Type.Integer()),
    details: Type.Optional(Type.String({ description: 'In words, as in the history.' })),
    error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String(), retryable: Type.Boolean() })),
    output: Type.Optional(Type.Unknown()),
  },
  { $id: 'JobUpdate' },
);
export type JobUpdate = Static<typeof JobUpdate>;

/** WebSocket close codes of ours, beside those of RFC 6455 (1009: a frame was too large). */
export const FEED_CLOSE = {
  /** It read too slowly; the reason has the position to resume from, as JSON. */
  too_slow: 4008,
  /** The monitor stops; come back, with `since`. */
  going_away: 1001,
  /** Too many messages a second, or subscriptions. */
  too_much: 4029,
} as const;
