/**
 * `GET /api/v1/events`: the live feed as Server-Sent Events, for those who only read: curl, EventSource, a proxy that knows no
 * WebSocket. Every message carries its position as `id:`, so an EventSource resumes by itself; keep-alives are comments.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { MonitorError } from '../../protocol/errors.ts';
import { FeedFilter, FeedResource } from '../../protocol/feed.ts';
import { closed } from '../../protocol/schema.ts';
import { Outbox } from '../feed/outbox.ts';
import { formatPosition, parsePosition } from '../feed/position.ts';
import { targetOf } from '../feed/reader.ts';
import { Subscription } from '../feed/subscription.ts';
import { endpoint } from './endpoint.ts';
import { jobExists } from './find-job.ts';
import { workerExists } from './find-worker.ts';

const KEEP_ALIVE_MS = 15_000;

const EventsQuery = Type.Object(
  {
    resource: Type.Optional(FeedResource),
    job_id: Type.Optional(Type.String({ maxLength: 64 })),
    worker_id: Type.Optional(Type.String({ maxLength: 64 })),
    ...Object.fromEntries(Object.entries(FeedFilter.properties).filter(([name]) => name !== 'worker_id')),
    since: Type.Optional(Type.String({ description: 'A position, as an `id:` gave it: `42.3`. Last-Event-ID wins.' })),
  },
  closed,
);
type EventsQuery = Static<typeof EventsQuery> & Static<typeof FeedFilter>;

export const feedEndpoints = [
  endpoint({
    method: 'GET',
    path: '/events',
    operation: 'events.follow',
    summary: 'Follow what changes, live (Server-Sent Events); default: all jobs',
    query: EventsQuery,
    answers: { 200: Type.String() },
    async run(context, { query, request, reply }) {
      const { resource = 'jobs', job_id, worker_id, since: _, ...filter } = query as EventsQuery;
      const target = targetOf({
        resource,
        ...(job_id === undefined ? {} : { job_id }),
        ...(worker_id === undefined ? {} : { worker_id }),
        filter: resource === 'jobs' && worker_id !== undefined ? { ...filter, worker_id } : filter,
      });
      if (typeof target === 'string') throw new MonitorError('invalid', 'invalid_query', `query: ${target}`);
      if (target.resource === 'job' && !(await jobExists(context, target.id!))) throw notFound('job', target.id!);
      if (target.resource === 'worker' && !(await workerExists(context, target.id!)))
        throw notFound('worker', target.id!);
      const since = positionAsked(request);
      const outbox = open(reply);
      const subscription = new Subscription(target, {
        hub: context.feed,
        clock: context.clock,
        outbox,
        given: { last: null },
      });
      const keepAlive = setInterval(() => outbox.say(': still here\n\n'), KEEP_ALIVE_MS);
      const leave = context.feed.onClose(() => reply.raw.end());
      reply.raw.on('close', () => {
        leave();
        clearInterval(keepAlive);
        subscription.end();
        outbox.close();
      });
      await subscription.start(since);
      return reply;
    },
  }),
];

function open(reply: FastifyReply): Outbox {
  reply.hijack();
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    connection: 'close',
  });
  reply.raw.flushHeaders();
  return new Outbox({
    send: (text, position, sent) => {
      const frame = position ? `id: ${formatPosition(position)}\ndata: ${text}\n\n` : text;
      reply.raw.write(frame, () => sent());
    },
    tooSlow: () => reply.raw.destroy(),
  });
}

function positionAsked(request: FastifyRequest) {
  const text = request.headers['last-event-id'] ?? (request.query as { since?: string }).since;
  if (text === undefined || text === '') return undefined;
  const position = parsePosition(String(text));
  if (position) return position;
  throw new MonitorError(
    'invalid',
    'invalid_query',
    `since is ${JSON.stringify(text)}; it takes a position such as 42.3`,
  );
}

function notFound(resource: 'job' | 'worker', id: string): MonitorError {
  return new MonitorError('not_found', `${resource}_not_found`, `there is no ${resource} ${id}`);
}
