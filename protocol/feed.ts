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
import { Count, closed, Words } from './schema.ts';

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

export const RequestId = Type.String({
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

/** Answered with `pong`: for clients whose platform hides WebSocket's own pings, to find out that nobody is there any more. */
export const PingRequest = Type.Object(
  { action: Type.Literal('ping'), id: Type.Optional(RequestId) },
  { ...closed, $id: 'PingRequest' },
);
export type PingRequest = Static<typeof PingRequest>;

/**
 * An operation of the API document, as a request over HTTP would ask for it and by the same schemas. Calls are begun in their
 * order and run side by side; each is answered when it is done. Without an `id` only a refusal is answered.
 */
export const CallRequest = Type.Object(
  {
    action: Type.Literal('call'),
    id: Type.Optional(RequestId),
    operation: Type.String({ maxLength: 64, description: 'Its `operationId`: `jobs.complete`.' }),
    params: Type.Optional(Type.Unsafe<Record<string, unknown>>({ type: 'object', description: 'Of its path.' })),
    query: Type.Optional(Type.Unsafe<Record<string, unknown>>({ type: 'object' })),
    body: Type.Optional(Type.Unknown()),
    idempotency_key: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description: 'The same call with the same key is done once, either way.',
      }),
    ),
  },
  { ...closed, $id: 'CallRequest' },
);
export type CallRequest = Static<typeof CallRequest>;

/** Nobody waits for the answer to that call any more: a claim that waits ends with nothing. What is done already is done. */
export const CancelRequest = Type.Object(
  { action: Type.Literal('cancel'), id: RequestId },
  { ...closed, $id: 'CancelRequest' },
);
export type CancelRequest = Static<typeof CancelRequest>;

/** Everything that a client may say. */
export const FEED_REQUESTS = [SubscribeRequest, UnsubscribeRequest, PingRequest, CallRequest, CancelRequest] as const;
export type FeedRequest = SubscribeRequest | UnsubscribeRequest | PingRequest | CallRequest | CancelRequest;

/** WebSocket close codes of ours, beside those of RFC 6455 (1002, 1007: a broken frame; 1009: one of more than 64 KiB). */
export const FEED_CLOSE = {
  /** The monitor stops; come back, with `since`. */
  going_away: 1001,
  /** A binary message; they are text. */
  not_text: 1003,
  /** A fault of ours; come back, with `since`. */
  fault: 1011,
  /** The monitor is reading its journal; come back in a moment. */
  starting: 1013,
  /** It read too slowly; the reason is the position to resume from, as JSON. */
  too_slow: 4008,
  /** More messages or pings a second than the limit. */
  too_much: 4029,
} as const;
