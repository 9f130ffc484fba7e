/**
 * `/ws`: the live feed over WebSocket. Frames of 64 KiB at most (1009), pings that find dead peers, a bound on messages a
 * second (4029), and a stop that says so (1001), so that readers come back with the position they have.
 */
import websocket from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';
import type { WebSocket } from 'ws';
import { FEED_CLOSE } from '../../protocol/feed.ts';
import { MESSAGE_SCHEMAS, Reader } from '../feed/reader.ts';
import type { ApiContext } from './context.ts';
import { jobExists } from './find-job.ts';
import { workerExists } from './find-worker.ts';
import { validator } from './validation.ts';

const FRAME_BYTES_MAX = 64 * 1024;
const PING_MS = 30_000;
const MESSAGES_PER_SECOND = 2_000;

const checks = { subscribe: validator(MESSAGE_SCHEMAS.subscribe), unsubscribe: validator(MESSAGE_SCHEMAS.unsubscribe) };

export async function addFeedWebSocket(app: FastifyInstance, current: () => ApiContext | null): Promise<void> {
  await app.register(websocket, { options: { maxPayload: FRAME_BYTES_MAX } });
  app.get('/ws', { websocket: true }, (socket) => {
    const context = current();
    if (!context) return socket.close(1013, 'starting');
    read(socket, context);
  });
}

function read(socket: WebSocket, context: ApiContext): void {
  const { clock } = context;
  const reader = new Reader({
    hub: context.feed,
    clock,
    sink: {
      send: (text, _, sent) => socket.send(text, sent),
      tooSlow: (resume) => socket.close(FEED_CLOSE.too_slow, JSON.stringify(resume)),
    },
    check: (schema, value) => {
      const checked = checks[schema](value);
      return 'errors' in checked ? checked.errors : [];
    },
    exists: (resource, id) => (resource === 'job' ? jobExists(context, id) : workerExists(context, id)),
  });
  let alive = true;
  let allowance = MESSAGES_PER_SECOND;
  let counted_ms = clock.monotonic();
  const beat = setInterval(() => {
    if (!alive) return socket.terminate();
    alive = false;
    socket.ping();
  }, PING_MS);
  socket.on('pong', () => {
    alive = true;
  });
  // One after the other: what a reader asks is answered in the order it asks.
  let last: Promise<void> = Promise.resolve();
  socket.on('message', (data, binary) => {
    alive = true;
    const now_ms = clock.monotonic();
    allowance = Math.min(MESSAGES_PER_SECOND, allowance + ((now_ms - counted_ms) / 1000) * MESSAGES_PER_SECOND) - 1;
    counted_ms = now_ms;
    if (allowance < 0) return socket.close(FEED_CLOSE.too_much, 'too many messages a second');
    if (binary) return socket.close(1003, 'messages are text');
    const text = data.toString();
    last = last.then(() => reader.receive(text)).catch(() => socket.close(1011, 'a fault of ours'));
  });
  const leave = context.feed.onClose(() => socket.close(FEED_CLOSE.going_away, 'the monitor stops'));
  const end = () => {
    leave();
    clearInterval(beat);
    reader.end();
  };
  socket.on('close', end);
  socket.on('error', end);
}
