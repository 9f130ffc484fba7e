/**
 * `/ws`: the live feed over WebSocket. Frames of 64 KiB at most (1009), pings that find dead peers, a bound on messages a
 * second (4029), and a stop that says so (1001), so that readers come back with the position they have.
 */
import websocket from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';
import type { RawData, WebSocket } from 'ws';
import { FEED_CLOSE } from '../../protocol/feed.ts';
import type { Clock } from '../clock.ts';
import { MESSAGE_SCHEMAS, Reader } from '../feed/reader.ts';
import type { ApiContext } from './context.ts';
import { beyondMemory } from './feed-beyond.ts';
import { validator } from './validation.ts';

const FRAME_BYTES_MAX = 64 * 1024;
const PING_MS = 30_000;
const MESSAGES_PER_SECOND = 2_000;
/** Messages that wait for the one before them; then no more is read from the socket. */
const UNANSWERED_MAX = 64;
/** Pongs on their way; pings beyond that are not answered. */
const PONGS_MAX = 60;
/** Time for a peer to answer a close; a stop waits less. */
const CLOSE_MS = 10_000;
const STOP_MS = 1_000;

const checks = {
  subscribe: validator(MESSAGE_SCHEMAS.subscribe),
  unsubscribe: validator(MESSAGE_SCHEMAS.unsubscribe),
  ping: validator(MESSAGE_SCHEMAS.ping),
};

export async function addFeedWebSocket(app: FastifyInstance, current: () => ApiContext | null): Promise<void> {
  await app.register(websocket, {
    // ws cuts off a peer that pings faster than it reads; here that costs the peer its answers, and more than that 4029.
    options: { maxPayload: FRAME_BYTES_MAX, autoPong: false },
    // A broken frame: ws says so with its close code, which must get out before the connection ends.
    errorHandler: () => {},
  });
  // Refused before ws took it over, as one of another origin is: nobody else would end that connection.
  app.addHook('onResponse', (request, _, done) => {
    if (request.headers.upgrade !== undefined) request.raw.socket.destroy();
    done();
  });
  app.get('/ws', { websocket: true }, (socket) => {
    const context = current();
    if (!context) return socket.close(FEED_CLOSE.starting, 'starting');
    serve(socket, context);
  });
}

function serve(socket: WebSocket, context: ApiContext): void {
  // It may have gone while its handshake was looked at; then nothing tells of its end any more.
  if (socket.readyState === socket.CLOSED) return;
  const { clock } = context;
  const closer = new Closer(socket, clock);
  const reader = new Reader({
    hub: context.feed,
    sink: {
      send: (text, _, sent) => socket.send(text, sent),
      tooSlow: (resume) => closer.close(FEED_CLOSE.too_slow, JSON.stringify(resume)),
    },
    beyond: beyondMemory(context),
    check: (schema, value) => {
      const checked = checks[schema](value);
      return 'errors' in checked ? checked.errors : [];
    },
    onFault: () => closer.close(FEED_CLOSE.fault, 'a fault of ours'),
  });
  const cancelPings = pingDead(socket, clock);
  const allowance = new Allowance(clock);
  const spend = (): boolean => {
    if (closer.closing) return false;
    if (allowance.take()) return true;
    closer.close(FEED_CLOSE.too_much, 'too many messages a second');
    return false;
  };
  // One after the other: what a reader asks is answered in the order it asks.
  let last: Promise<void> = Promise.resolve();
  let unanswered = 0;
  const answer = async (data: RawData) => {
    await reader.receive(data.toString());
    unanswered -= 1;
    if (socket.isPaused && unanswered < UNANSWERED_MAX) socket.resume();
  };
  socket.on('message', (data, binary) => {
    if (!spend()) return;
    if (binary) return closer.close(FEED_CLOSE.not_text, 'messages are text');
    unanswered += 1;
    if (unanswered >= UNANSWERED_MAX) socket.pause();
    last = last.then(() => answer(data));
  });
  let pongs = 0;
  socket.on('ping', (data) => {
    if (!spend() || pongs === PONGS_MAX) return;
    pongs += 1;
    socket.pong(data, false, () => {
      pongs -= 1;
    });
  });
  const leave = context.feed.onClose(() => closer.close(FEED_CLOSE.going_away, 'the monitor stops', STOP_MS));
  socket.on('close', () => {
    leave();
    cancelPings();
    closer.closed();
    reader.end();
  });
}

/** Pings; a peer that has answered nothing and sent nothing by the next is dead. */
function pingDead(socket: WebSocket, clock: Clock): () => void {
  let alive = true;
  for (const sign of ['message', 'ping', 'pong'] as const)
    socket.on(sign, () => {
      alive = true;
    });
  const beat = () => {
    // While it is paused, nothing of it is heard.
    if (!alive && !socket.isPaused) return socket.terminate();
    alive = false;
    socket.ping();
    cancel = clock.after(PING_MS, beat);
  };
  let cancel = clock.after(PING_MS, beat);
  return () => cancel();
}

/** Closes with a code, and ends the connection of a peer that does not answer that. */
class Closer {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  #cancel: (() => void) | null = null;

  constructor(socket: WebSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
  }

  get closing(): boolean {
    return this.#cancel !== null;
  }

  close(code: number, reason: string, patience_ms = CLOSE_MS): void {
    this.#cancel?.();
    this.#cancel = this.#clock.after(patience_ms, () => this.#socket.terminate());
    if (this.#socket.isPaused) this.#socket.resume();
    this.#socket.close(code, reason);
  }

  closed(): void {
    this.#cancel?.();
  }
}

/** So many messages a second, and as many at once. */
class Allowance {
  readonly #clock: Clock;
  #left = MESSAGES_PER_SECOND;
  #counted_ms: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#counted_ms = clock.monotonic();
  }

  take(): boolean {
    const now_ms = this.#clock.monotonic();
    const earned = ((now_ms - this.#counted_ms) / 1000) * MESSAGES_PER_SECOND;
    this.#counted_ms = now_ms;
    this.#left = Math.min(MESSAGES_PER_SECOND, this.#left + earned) - 1;
    return this.#left >= 0;
  }
}
