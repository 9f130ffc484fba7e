/**
 * `GET /api/v1/events`: the live feed as Server-Sent Events, for clients without WebSocket such as curl and
 * EventSource. Every message has its position as `id:`, from which an EventSource resumes automatically. A keep-alive
 * is an `id:` without an event.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { MonitorError } from '../../../protocol/errors.ts';
import { FeedFilter, type FeedPosition, FeedResource } from '../../../protocol/feed.ts';
import { closed } from '../../../protocol/schema.ts';
import { assertMay } from '../../access/check.ts';
import { FEED_PERMISSIONS } from '../../access/feed-permissions.ts';
import type { Subject } from '../../access/subject.ts';
import type { Target } from '../../feed/current-state.ts';
import { Outbox } from '../../feed/outbox.ts';
import { type Message, Parcel } from '../../feed/parcel.ts';
import { formatPosition, parsePosition } from '../../feed/position.ts';
import { targetOf } from '../../feed/reader.ts';
import { Subscription } from '../../feed/subscription.ts';
import type { ApiContext } from '../context.ts';
import { httpEndpoint } from '../endpoint.ts';
import { STREAMED } from '../streamed.ts';
import { beyondMemory } from './feed-beyond.ts';
import { findJob } from './find-job.ts';
import { findWorker } from './find-worker.ts';

const KEEP_ALIVE_MS = 15_000;
/** How long a reader may take to read the end of the stream when the monitor stops. */
const STOP_MS = 1_000;

const EventsQuery = Type.Object(
  {
    resource: Type.Optional(FeedResource),
    job_id: Type.Optional(Type.String({ maxLength: 64 })),
    worker_id: Type.Optional(Type.String({ maxLength: 64 })),
    ...Object.fromEntries(Object.entries(FeedFilter.properties).filter(([name]) => name !== 'worker_id')),
    ticket: Type.Optional(Type.String({ description: 'From `POST /tickets`, for clients that cannot send a header.' })),
    since: Type.Optional(
      Type.String({ description: 'A position from an `id:`, such as `42.3`. Last-Event-ID takes precedence.' }),
    ),
  },
  closed,
);
type EventsQuery = Static<typeof EventsQuery> & Static<typeof FeedFilter>;

export const feedEndpoints = [
  httpEndpoint({
    method: 'GET',
    path: '/events',
    operation: 'events.follow',
    permission: 'any',
    ticket: true,
    summary: 'Follow changes live (Server-Sent Events); default: all jobs',
    query: EventsQuery,
    responses: { 200: Type.String() },
    produces: ['text/event-stream'],
    async run(context, { query, caller, http: { request, reply } }) {
      const { subject } = caller;
      const { resource = 'jobs', job_id, worker_id, since: _, ticket: __, ...filter } = query as EventsQuery;
      assertMay(subject, { permission: FEED_PERMISSIONS[resource], what: `the resource ${resource}` });
      const wanted = {
        resource,
        ...(job_id === undefined ? {} : { job_id }),
        ...(worker_id === undefined ? {} : { worker_id }),
        filter: resource === 'jobs' && worker_id !== undefined ? { ...filter, worker_id } : filter,
      };
      const target = targetOf(wanted, subject.scope);
      if (typeof target === 'string') throw new MonitorError('invalid', 'invalid_query', `query: ${target}`);
      if (target.resource === 'job') await findJob(context, subject, target.id!);
      if (target.resource === 'worker') await findWorker(context, target.id!);
      const since = requestedPosition(request);
      // If the client has left, its `close` event is already over.
      if (!reply.raw.destroyed) await stream(context, reply, { target, since, subject });
      return reply;
    },
  }),
];

async function stream(
  context: ApiContext,
  reply: FastifyReply,
  { target, since, subject }: { target: Target; since: FeedPosition | undefined; subject: Subject },
): Promise<void> {
  const { clock, feed } = context;
  const response = reply.raw;
  reply.hijack();
  response.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    ...STREAMED,
    connection: 'close',
  });
  // Some proxies send no headers on before the first byte.
  response.write(':\n\n');
  const outbox = new Outbox({
    send: (parcel, sent) => {
      response.write(parcel.bytes(asEvent), () => sent());
    },
    tooSlow: () => response.destroy(),
  });
  const subscription = new Subscription(target, {
    hub: feed,
    outbox,
    beyond: beyondMemory(context, subject),
    sent: { last: null },
    onFault: () => response.destroy(),
  });
  let cancel = () => {};
  const keepAlive = () => {
    // The `id:` advances the position, so that a reader of a quiet resource need not read back far.
    if (subscription.live) outbox.push(new Parcel({ text: '', position: feed.delivered }), 'alive');
    cancel = clock.after(KEEP_ALIVE_MS, keepAlive);
  };
  cancel = clock.after(KEEP_ALIVE_MS, keepAlive);
  const leave = feed.onClose(() => {
    response.end();
    cancel();
    cancel = clock.after(STOP_MS, () => response.destroy());
  });
  const unwatch = context.access.watch(subject, () => response.destroy());
  response.on('close', () => {
    leave();
    unwatch();
    cancel();
    subscription.end();
    outbox.close();
  });
  await subscription.start(since);
}

const asEvent = ({ text, position }: Message): Buffer => {
  const id = position ? `id: ${formatPosition(position)}\n` : '';
  return Buffer.from(`${id}${text === '' ? '' : `data: ${text}\n`}\n`);
};

function requestedPosition(request: FastifyRequest) {
  const text = request.headers['last-event-id'] ?? (request.query as { since?: string }).since;
  if (text === undefined || text === '') return undefined;
  const position = parsePosition(String(text));
  if (position) return position;
  throw new MonitorError(
    'invalid',
    'invalid_query',
    `since is ${JSON.stringify(text)}, but must be a position such as 42.3`,
  );
}
