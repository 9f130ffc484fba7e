/**
 * One WebSocket to the monitor's feed, kept open for as long as somebody follows something through it.
 *
 *     closed → connecting → open → (lost) → waiting, with jitter → connecting …
 *
 * When it is open again, each who follows subscribes anew with the position it has. No two of a connection may be given the same
 * message (see `meet` in feed.ts), so that each message is one's alone and comes in its order. A silent connection is asked whether
 * anybody is there: platforms hide WebSocket's own pings, and a connection can die without a word.
 */
import type { FeedPosition, FeedRequest, SubscribeRequest } from '../../protocol/feed.ts';
import type { FeedError, FeedEvent, FeedMessage } from '../../protocol/feed-messages.ts';
import { FeedUnavailableError } from './errors.ts';
import type { Transport } from './transport.ts';

/** One who follows something through this connection. */
export interface Follower {
  readonly target: Target;
  /** Where it is; undefined before its first message. */
  readonly position: FeedPosition | undefined;
  /** It has more than it can take: it subscribes by itself when it has caught up. */
  readonly paused: boolean;
  /** Whether this is for it. */
  wants(event: FeedEvent): boolean;
  take(event: FeedEvent): void;
  /** The monitor refuses to have it followed. */
  refuse(error: FeedError): void;
  /** The feed could not be reached, so many times in a row. Null: it is reached. */
  away(failures: number, error: FeedUnavailableError | null): void;
}

export type Target = Omit<SubscribeRequest, 'action' | 'since' | 'id'>;

export const SUBSCRIPTIONS_MAX = 1000;
const RETRY_BASE_MS = 250;
const RETRY_CAP_MS = 5_000;
/** No answer to opening, or to a ping, for this long: it is lost. */
const ANSWER_MS = 10_000;
const SILENCE_MS = 30_000;
/** The store could not be read: asked again. */
const AGAIN_MS = 1_000;

/** WebSocket as every platform has it; not every platform's types do. */
export type Socket = {
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: (() => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
};

const OPEN = 1;

export class FeedConnection {
  readonly #transport: Transport;
  readonly #onIdle: () => void;
  /** With the id of its latest `subscribe`: it is given nothing before that is acknowledged. */
  readonly #followers = new Map<Follower, { id: string; acknowledged: boolean }>();
  #socket: Socket | null = null;
  #ids = 0;
  /** Attempts to open it that failed since it was last open. */
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Runs out when nothing has come for too long. */
  #patience: ReturnType<typeof setTimeout> | undefined;

  /** `onIdle`: nobody follows anything through it any more; it has closed. */
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

  /** From its position on; what still comes of an earlier subscription is passed over. */
  subscribe(follower: Follower): void {
    if (this.#socket?.readyState !== OPEN || !this.#followers.has(follower) || follower.paused) return;
    this.#ids += 1;
    const id = `${this.#ids}`;
    this.#followers.set(follower, { id, acknowledged: false });
    const { position, target } = follower;
    this.#send({ action: 'subscribe', ...target, id, ...(position === undefined ? {} : { since: position }) });
  }

  /** It is given no more until it subscribes again. */
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
      // An address that this platform does not take: as if it could not be reached.
    }
    // Whoever follows first finds out after its first step, not before.
    if (!socket) return queueMicrotask(() => this.#away());
    this.#socket = socket;
    let opened = false;
    const lost = () => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      clearTimeout(this.#patience);
      if (opened) this.#reopen();
      else this.#away();
    };
    /** A peer that is dead answers no close: it is not waited for. */
    const giveUp = () => {
      socket.close();
      lost();
    };
    this.#wait(ANSWER_MS, giveUp);
    socket.onopen = () => {
      opened = true;
      this.#listen(giveUp);
      this.#back();
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#listen(giveUp);
      this.#hear(JSON.parse(String(data)) as FeedMessage);
    };
    socket.onclose = lost;
    // Its close follows.
    socket.onerror = () => {};
  }

  /** After silence it asks whether anybody is there, and after more of it gives up. */
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
    for (const follower of [...this.#followers.keys()]) {
      follower.away(0, null);
      this.subscribe(follower);
    }
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
    const capMs = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** this.#failures);
    this.#retry = setTimeout(() => this.#open(), this.#transport.random() * capMs);
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
