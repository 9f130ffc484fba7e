/**
 * The live feed: what changes, in the journal's order, over WebSocket (`/ws`) and SSE (`GET /api/v1/events`).
 *
 * A client subscribes to resources; each sends its current state at once, then updates. Events carry their position;
 * acknowledgements and errors carry none, so every position a client has seen is a valid place to resume from. `since`
 * returns exactly the missed events, or a `reset` with the current state if they are no longer available.
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
  description: 'Chosen by the client; echoed in the acknowledgement or error.',
});

export const FeedFilter = Type.Object(
  {
    state: Type.Optional(JobStateName),
    worker_id: Type.Optional(Type.String({ maxLength: 64 })),
    priority: Type.Optional(Priority),
    tag: Type.Optional(Type.String({ maxLength: 128 })),
  },
  { ...closed, $id: 'FeedFilter', description: 'For `jobs`: only jobs that match every field given.' },
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

/** Replied to with `pong`: lets clients whose platform hides WebSocket pings detect a dead connection. */
export const PingRequest = Type.Object(
  { action: Type.Literal('ping'), id: Type.Optional(RequestId) },
  { ...closed, $id: 'PingRequest' },
);
export type PingRequest = Static<typeof PingRequest>;

/**
 * Calls an operation of the API document; same schemas as over HTTP. Calls start in order and run concurrently; each is
 * replied to when it is done. A call without an `id` gets a reply only if it is refused.
 */
export const CallRequest = Type.Object(
  {
    action: Type.Literal('call'),
    id: Type.Optional(RequestId),
    operation: Type.String({ maxLength: 64, description: 'Its `operationId`: `jobs.complete`.' }),
    params: Type.Optional(Type.Unsafe<Record<string, unknown>>({ type: 'object', description: 'Path parameters.' })),
    query: Type.Optional(Type.Unsafe<Record<string, unknown>>({ type: 'object' })),
    body: Type.Optional(Type.Unknown()),
    idempotency_key: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description: 'Calls with the same key run once, over HTTP or WebSocket.',
      }),
    ),
  },
  { ...closed, $id: 'CallRequest' },
);
export type CallRequest = Static<typeof CallRequest>;

/** Gives up on a call: a waiting claim ends with no jobs. What has been done is not undone. */
export const CancelRequest = Type.Object(
  { action: Type.Literal('cancel'), id: RequestId },
  { ...closed, $id: 'CancelRequest' },
);
export type CancelRequest = Static<typeof CancelRequest>;

/** Every message that a client may send. */
export const FEED_REQUESTS = [SubscribeRequest, UnsubscribeRequest, PingRequest, CallRequest, CancelRequest] as const;
export type FeedRequest = SubscribeRequest | UnsubscribeRequest | PingRequest | CallRequest | CancelRequest;

/** Our WebSocket close codes, besides those of RFC 6455 (1002, 1007: a malformed frame; 1009: a frame over 64 KiB). */
export const FEED_CLOSE = {
  /** The monitor is stopping; reconnect with `since`. */
  going_away: 1001,
  /** A binary message; only text is accepted. */
  not_text: 1003,
  /** A bug in the monitor; reconnect with `since`. */
  fault: 1011,
  /** The monitor is reading its journal; reconnect in a moment. */
  starting: 1013,
  /** The API key was revoked, replaced or has expired, or the monitor has keys now and none was sent. */
  key_ended: 4001,
  /** The client read too slowly; the close reason is the position to resume from, as JSON. */
  too_slow: 4008,
  /** More messages or pings per second than the limit. */
  too_much: 4029,
} as const;
