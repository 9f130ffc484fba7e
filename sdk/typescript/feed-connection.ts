/**
 * One WebSocket to the monitor's feed, open while it has followers.
 *
 *     closed → connecting → open → (lost) → waiting, with jitter → connecting …
 *
 * After a reconnect, each follower subscribes again from its position. No two followers of a connection may receive the
 * same message (see `meet` in feed.ts), so each message belongs to exactly one and arrives in order. A silent
 * connection is pinged: platforms hide WebSocket's own pings, and a connection can die without a close. One on which the
 * monitor has said nothing, or something else than a message, counts as one that did not open.
 *
 * Some proxies let no WebSocket through. After one that did not open, the same attempt goes on with server-sent events.
 */
import type { FeedPosition, FeedRequest, SubscribeRequest } from '../../protocol/feed.ts';
import type { FeedError, FeedEvent, FeedMessage } from '../../protocol/feed-messages.ts';
import { backoffMs } from './backoff.ts';
import { FeedUnavailableError } from './errors.ts';
import { messageIn, type Socket } from './socket.ts';
import type { Transport } from './transport.ts';

/** A consumer of one subscription on this connection. */
export interface Follower {
  readonly target: Target;
  /** The position to resume from; undefined before its first message. */
  readonly position: FeedPosition | undefined;
  /** It holds as many events as it may; it subscribes again once it has caught up. */
  readonly paused: boolean;
  /** Whether the event belongs to this follower. */
  wants(event: FeedEvent): boolean;
  take(event: FeedEvent): void;
  /** The monitor refused the subscription. */
  refuse(error: FeedError): void;
  /** The feed could not be reached, for the n-th time in a row. Null: it is connected again. */
  away(failures: number, error: FeedUnavailableError | null): void;
}

export type Target = Omit<SubscribeRequest, 'action' | 'since' | 'id'>;

export const SUBSCRIPTIONS_MAX = 1000;
const RETRY = { baseMs: 250, capMs: 5_000 };
/** How long to wait for the opening, or for a reply to a ping, before the connection counts as lost. */
const ANSWER_MS = 10_000;
const SILENCE_MS = 30_000;
/** Delay before a subscription is retried that failed because the store could not be read. */
const AGAIN_MS = 1_000;

const OPEN = 1;
const NO_WEBSOCKET = 'no WebSocket gets through to the monitor: following its server-sent events instead';

export class FeedConnection {
  readonly #transport: Transport;
  readonly #onIdle: () => void;
  /** With the id of its latest `subscribe`; receives nothing until that is acknowledged. */
  readonly #followers = new Map<Follower, { id: string; acknowledged: boolean }>();
  #socket: Socket | null = null;
  #ids = 0;
  /** Attempts since the monitor was last heard. */
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Fires after too long a silence. */
  #patience: ReturnType<typeof setTimeout> | undefined;

  /** `onIdle`: called when the last follower has left and the connection is closed. */
  constructor(transport: Transport, onIdle: () => void) {
    this.#transport = transport;
    this.#onIdle = onIdle;
  }

  get followers(): Iterable<Follower> {
    return this.#followers.keys();
  }

  get full(): boolean {
    return this.#followers.size >= SUBSCRIPTIONS_MAX;
  }

  add(follower: Follower): void {
    this.#followers.set(follower, NOT_SUBSCRIBED);
    if (this.#socket === null && this.#retry === undefined) this.#open();
    if (this.#socket?.readyState !== OPEN) return;
    follower.away(0, null);
    this.subscribe(follower);
  }

  remove(follower: Follower): void {
    if (!this.#followers.delete(follower)) return;
    if (this.#followers.size > 0) this.#send({ action: 'unsubscribe', ...follower.target });
    else this.#end();
  }

  /** Subscribes from the follower's position; late messages of an earlier subscription are ignored. */
  subscribe(follower: Follower): void {
    if (this.#socket?.readyState !== OPEN || !this.#followers.has(follower) || follower.paused) return;
    this.#ids += 1;
    const id = `${this.#ids}`;
    this.#followers.set(follower, { id, acknowledged: false });
    const { position, target } = follower;
    this.#send({ action: 'subscribe', ...target, id, ...(position === undefined ? {} : { since: position }) });
  }

  /** The follower receives nothing until it subscribes again. */
  pause(follower: Follower): void {
    if (!this.#followers.has(follower)) return;
    this.#followers.set(follower, NOT_SUBSCRIBED);
    this.#send({ action: 'unsubscribe', ...follower.target });
  }

  #send(request: FeedRequest): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(request));
  }

  #open(): void {
    this.#retry = undefined;
    let socket: Socket | undefined;
    try {
      socket = this.#transport.openSocket();
    } catch {
      // The platform does not accept this address: treat it as unreachable.
    }
    if (socket) this.#use(socket, 'socket');
    else this.#openEvents('events');
  }

  #openEvents(way: 'events' | 'events instead'): void {
    const events = this.#transport.openEvents();
    if (events) this.#use(events, way);
    // Asynchronously, because the first follower may not have started to wait yet.
    else queueMicrotask(() => this.#away());
  }

  #use(socket: Socket, way: 'socket' | 'events' | 'events instead'): void {
    this.#socket = socket;
    let opened = false;
    let heard = false;
    const lost = () => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      clearTimeout(this.#patience);
      if (heard) this.#reopen();
      else if (way === 'socket' && !opened) this.#openEvents('events instead');
      else this.#away();
    };
    /** A dead peer never confirms a close, so don't wait for one. */
    const giveUp = () => {
      socket.close();
      lost();
    };
    this.#wait(ANSWER_MS, giveUp);
    socket.onopen = () => {
      opened = true;
      this.#listen(giveUp);
      for (const follower of [...this.#followers.keys()]) this.subscribe(follower);
      // Without a subscription the monitor has nothing to say.
      if ([...this.#followers.keys()].every(({ paused }) => paused)) this.#send({ action: 'ping' });
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      const message = messageIn<FeedMessage>(data);
      if (message === null) return giveUp();
      this.#listen(giveUp);
      if (!heard) {
        heard = true;
        // A refusal, as of a key that is not valid any more, would have come over a WebSocket, too.
        if (way === 'events instead' && message.type !== 'error') this.#transport.warn(NO_WEBSOCKET);
        this.#back();
      }
      this.#hear(message);
    };
    socket.onclose = lost;
    // onclose follows.
    socket.onerror = () => {};
  }

  /** Pings after a silence, and gives the connection up after another. */
  #listen(giveUp: () => void): void {
    this.#wait(SILENCE_MS, () => {
      this.#send({ action: 'ping' });
      this.#wait(ANSWER_MS, giveUp);
    });
  }

  #wait(delayMs: number, run: () => void): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(run, delayMs);
  }

  #back(): void {
    this.#failures = 0;
    for (const follower of [...this.#followers.keys()]) follower.away(0, null);
  }

  #away(): void {
    this.#failures += 1;
    const error = new FeedUnavailableError(this.#transport.socketUrl);
    for (const follower of [...this.#followers.keys()]) follower.away(this.#failures, error);
    this.#reopen();
  }

  #reopen(): void {
    if (this.#followers.size === 0) return;
    for (const follower of this.#followers.keys()) this.#followers.set(follower, NOT_SUBSCRIBED);
    const delayMs = backoffMs(RETRY, this.#failures, () => this.#transport.random());
    this.#retry = setTimeout(() => this.#open(), delayMs);
  }

  #hear(message: FeedMessage): void {
    switch (message.type) {
      case 'subscribed':
        for (const [follower, { id }] of this.#followers)
          if (id === message.id) this.#followers.set(follower, { id, acknowledged: true });
        return;
      case 'error':
        for (const [follower, { id }] of this.#followers) if (id === message.id) this.#refused(follower, message);
        return;
      case 'live':
      case 'unsubscribed':
      case 'pong':
        return;
      default:
        for (const [follower, { acknowledged }] of this.#followers)
          if (acknowledged && follower.wants(message)) return follower.take(message);
    }
  }

  #refused(follower: Follower, error: FeedError): void {
    if (error.code === 'store_unavailable') setTimeout(() => this.subscribe(follower), AGAIN_MS);
    else follower.refuse(error);
  }

  #end(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#patience);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#onIdle();
  }
}

const NOT_SUBSCRIBED = { id: '', acknowledged: false } as const;
