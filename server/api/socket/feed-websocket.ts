/**
 * `/ws`: the live feed over WebSocket, and calls. Frames have at most 64 KiB (1009), pings detect dead peers, the rate
 * of messages is limited (4029), and a stop closes with 1001 once the calls under way are complete, so that readers
 * reconnect with their position.
 */
import type { Socket } from 'node:net';
import websocket from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';
import type { WebSocket } from 'ws';
import type { MonitorError } from '../../../protocol/errors.ts';
import { FEED_CLOSE, type FeedResource } from '../../../protocol/feed.ts';
import { assertMay } from '../../access/check.ts';
import { FEED_PERMISSIONS } from '../../access/feed-permissions.ts';
import type { Subject } from '../../access/subject.ts';
import type { Clock } from '../../clock.ts';
import { MESSAGE_SCHEMAS, Reader } from '../../feed/reader.ts';
import type { ApiContext } from '../context.ts';
import type { Endpoint } from '../endpoint.ts';
import { beyondMemory } from '../endpoints/feed-beyond.ts';
import type { RefusalLog } from '../http/refusals.ts';
import { validator } from '../validation.ts';
import { Calls } from './calls.ts';
import { Operations } from './operations.ts';
import { textFrame } from './websocket-frame.ts';

const FRAME_BYTES_MAX = 64 * 1024;
const PING_MS = 30_000;
/** Messages that may wait for the one before them; beyond that the socket is paused. */
const UNHANDLED_MAX = 64;
/** Pongs under way; further pings get no pong. */
const PONGS_MAX = 60;
/** How long to wait for a peer's close frame, normally and during a stop. */
const CLOSE_MS = 10_000;
const STOP_MS = 1_000;

const checks = {
  subscribe: validator(MESSAGE_SCHEMAS.subscribe),
  unsubscribe: validator(MESSAGE_SCHEMAS.unsubscribe),
  ping: validator(MESSAGE_SCHEMAS.ping),
  call: validator(MESSAGE_SCHEMAS.call),
  cancel: validator(MESSAGE_SCHEMAS.cancel),
};

type Options = {
  current: () => ApiContext | null;
  /** All endpoints; those that are not `http_only` can be called. */
  endpoints: readonly Endpoint[];
  log: (level: 'error', message: string) => void;
  refusals: RefusalLog;
};

/** Shared by all connections. */
type Shared = {
  context: ApiContext;
  operations: Operations;
  open: Set<Calls>;
  log: Options['log'];
  refusals: RefusalLog;
};
type Connection = Shared & { subject: Subject; address: string };

export type FeedWebSockets = {
  /** Refuses further calls; resolves when those under way are complete. */
  drained(): Promise<unknown>;
};

export async function addFeedWebSocket(
  app: FastifyInstance,
  { current, endpoints, log, refusals }: Options,
): Promise<FeedWebSockets> {
  const operations = new Operations(endpoints);
  const open = new Set<Calls>();
  await app.register(websocket, {
    // With autoPong, ws terminates a peer that pings faster than it reads; here such a peer gets fewer pongs, or 4029.
    options: { maxPayload: FRAME_BYTES_MAX, autoPong: false },
    // After a malformed frame ws sends a close code, which must be written before the connection ends.
    errorHandler: () => {},
  });
  // An upgrade refused before ws takes it over, such as one from a foreign origin: nothing else closes that connection.
  app.addHook('onResponse', (request, _, done) => {
    if (request.headers.upgrade !== undefined) request.raw.socket.destroy();
    done();
  });
  app.get(
    '/ws',
    { websocket: true, config: { permission: 'any', what: '/ws', early: true, ticket: true } },
    (socket, request) => {
      const context = current();
      const { subject } = request;
      // It had not been checked when the connection was opened.
      if (!context || !subject.permissions.has('any')) return socket.close(FEED_CLOSE.starting, 'starting');
      serve(socket, request.raw.socket, { context, subject, address: request.ip, operations, open, log, refusals });
    },
  );
  return { drained: () => Promise.all([...open].map((calls) => calls.finish())) };
}

function serve(
  socket: WebSocket,
  stream: Socket,
  { context, subject, address, operations, open, log, refusals }: Connection,
): void {
  // If the peer left during the handshake, no `close` event follows.
  if (socket.readyState === socket.CLOSED) return;
  const { clock, settings } = context;
  const gather = gathering(stream);
  const calls = new Calls({
    context,
    subject,
    address,
    operations,
    sendAnswers: (texts) => reader.sendAnswers(texts),
    log,
    refusals,
  });
  open.add(calls);
  const closer = new Closer(socket, clock);
  let unhandled = 0;
  let held = false;
  /** Pauses the socket of a peer with many unhandled messages or unread answers. */
  const pace = () => {
    if (closer.closing) return;
    if (held || unhandled >= UNHANDLED_MAX) socket.pause();
    else if (socket.isPaused) socket.resume();
  };
  const reader = new Reader({
    hub: context.feed,
    sink: {
      send(parcel, sent) {
        // While held, a parcel is sent only because the peer has read.
        if (held) pings.markAlive();
        // Replies come in bursts, as calls do; events are combined already.
        if (parcel.message.position === null) gather();
        if (socket.readyState === socket.OPEN) stream.write(parcel.bytes(textFrame), sent);
        else process.nextTick(sent);
      },
      hold(now) {
        held = now;
        if (!held) pings.markAlive();
        pace();
      },
      tooSlow: (resume) => closer.close(FEED_CLOSE.too_slow, JSON.stringify(resume)),
    },
    beyond: beyondMemory(context, subject),
    refusal: (resource) => refusalOf(subject, resource),
    scope: subject.scope,
    check: (schema, value) => {
      const checked = checks[schema](value);
      return 'errors' in checked ? checked.errors : [];
    },
    call: (call) => calls.take(call),
    cancel: (id) => calls.cancel(id),
    spend: (messages) => spend(messages),
    onFault: () => closer.close(FEED_CLOSE.fault, 'internal error'),
  });
  const pings = pingDead(socket, clock, () => held);
  const allowance = new Allowance(clock, settings.socket_messages_per_second);
  const spend = (messages: number): boolean => {
    if (allowance.take(messages)) return true;
    closer.close(FEED_CLOSE.too_much, 'too many messages a second');
    return false;
  };
  const handled = () => {
    unhandled -= 1;
    pace();
  };
  socket.on('message', (data, binary) => {
    if (closer.closing) return;
    if (binary) return closer.close(FEED_CLOSE.not_text, 'messages are text');
    const handling = reader.receive(data.toString());
    if (!handling) return;
    unhandled += 1;
    pace();
    void handling.then(handled);
  });
  let pongs = 0;
  socket.on('ping', (data) => {
    if (closer.closing || !spend(1) || pongs === PONGS_MAX) return;
    pongs += 1;
    socket.pong(data, false, () => {
      pongs -= 1;
    });
  });
  const leave = context.feed.onClose(() => {
    void calls.finish().then(() => closer.close(FEED_CLOSE.going_away, 'the monitor is stopping', STOP_MS));
  });
  const unwatch = context.access.watch(subject, ({ message }) => closer.close(FEED_CLOSE.key_ended, message));
  socket.on('close', () => {
    leave();
    unwatch();
    pings.cancel();
    closer.closed();
    open.delete(calls);
    calls.end();
    reader.end();
  });
}

function refusalOf(subject: Subject, resource: FeedResource): MonitorError | null {
  try {
    assertMay(subject, { permission: FEED_PERMISSIONS[resource], what: `the resource ${resource}` });
    return null;
  } catch (error) {
    return error as MonitorError;
  }
}

/** Combines everything sent in one turn of the event loop into one write. */
function gathering(stream: Socket): () => void {
  let gathered = false;
  const flush = () => {
    gathered = false;
    stream.uncork();
  };
  return () => {
    if (gathered) return;
    gathered = true;
    stream.cork();
    process.nextTick(flush);
  };
}

/** Pings the peer. It is dead if it has sent nothing by the next ping; if it is `held`, if it has also read nothing. */
function pingDead(socket: WebSocket, clock: Clock, held: () => boolean): { markAlive(): void; cancel(): void } {
  let alive = true;
  const markAlive = () => {
    alive = true;
  };
  for (const sign of ['message', 'ping', 'pong'] as const) socket.on(sign, markAlive);
  const beat = () => {
    // A socket paused because of unhandled messages delivers no pongs.
    if (!alive && (held() || !socket.isPaused)) return socket.terminate();
    alive = false;
    socket.ping();
    cancel = clock.after(PING_MS, beat);
  };
  let cancel = clock.after(PING_MS, beat);
  return { markAlive, cancel: () => cancel() };
}

/** Closes with a code, and terminates the connection if the peer does not respond. */
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

/** A token bucket of `per_second` messages. */
class Allowance {
  readonly #clock: Clock;
  readonly #per_second: number;
  #left: number;
  #counted_ms: number;

  constructor(clock: Clock, per_second: number) {
    this.#clock = clock;
    this.#per_second = per_second;
    this.#left = per_second;
    this.#counted_ms = clock.monotonic();
  }

  take(messages: number): boolean {
    const now_ms = this.#clock.monotonic();
    const earned = ((now_ms - this.#counted_ms) / 1000) * this.#per_second;
    this.#counted_ms = now_ms;
    this.#left = Math.min(this.#per_second, this.#left + earned) - messages;
    return this.#left >= 0;
  }
}
