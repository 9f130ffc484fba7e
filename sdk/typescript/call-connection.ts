/**
 * One WebSocket for all of a client's calls, for workers that call many times a second.
 *
 *     closed → opening → open → lost → closed      opened by the first call, closed after a while without calls
 *
 * If the connection is lost, its calls reject with UnreachableError, as over HTTP; a retry keeps its key, so the call
 * takes effect once, on whatever connection, or over HTTP. Calls made in one turn are sent as one list, and replies may
 * arrive as one. If no WebSocket can be opened, calls go over HTTP, and opening is tried again later.
 */
import type { CallRequest } from '../../protocol/feed.ts';
import type { CallError, CallReply } from '../../protocol/feed-messages.ts';
import { refusalOfCall, TimedOutError, UnreachableError } from './errors.ts';
import { messagesIn, type Socket } from './socket.ts';

export type SocketCall = {
  request: Pick<CallRequest, 'operation' | 'params' | 'body'>;
  key: string | undefined;
  signal: AbortSignal | undefined;
  timeoutMs: number;
};

export type CallConnectionOptions = {
  /** Undefined if the platform has no WebSocket. */
  openSocket: () => Socket | undefined;
  url: string;
};

/** No WebSocket can be opened: the call must go over HTTP. Nothing has been sent. */
export class NoSocketError extends Error {}

type Waiting = { resolve: (body: unknown) => void; reject: (reason: unknown) => void; sent_ms: number };

/** A frame has at most 64 KiB, and a character at most 3 bytes. */
const CHARACTERS_MAX = 20_000;
/** How long to wait for a WebSocket to open. */
const OPEN_MS = 5_000;
/** After a WebSocket could not be opened, how long everything goes over HTTP. */
const AGAIN_MS = 10_000;
const IDLE_MS = 5_000;

export class CallConnection {
  readonly #options: CallConnectionOptions;
  readonly #waiting = new Map<string, Waiting>();
  /** Calls of this turn, not sent yet. */
  #leaving: string[] = [];
  #socket: Promise<Socket> | null = null;
  #open: Socket | null = null;
  #not_before_ms = 0;
  #heard_ms = 0;
  #last = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(options: CallConnectionOptions) {
    this.#options = options;
  }

  /** Resolves to the reply's body. Rejects with NoSocketError, or as a call over HTTP does. */
  async call({ request, key, signal, timeoutMs }: SocketCall): Promise<unknown> {
    signal?.throwIfAborted();
    this.#last += 1;
    const id = `${this.#last}`;
    const text = JSON.stringify({
      action: 'call',
      id,
      ...request,
      ...(key === undefined ? {} : { idempotency_key: key }),
    });
    if (text.length > CHARACTERS_MAX) throw new NoSocketError();
    const socket = this.#open ?? (await this.#opened());
    signal?.throwIfAborted();
    clearTimeout(this.#idle);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onAbort = () => this.#giveUp(socket, id, signal?.reason);
    try {
      return await new Promise((resolve, reject) => {
        const sent_ms = performance.now();
        this.#waiting.set(id, { resolve, reject, sent_ms });
        signal?.addEventListener('abort', onAbort, { once: true });
        if (timeoutMs > 0) timer = setTimeout(() => this.#onTimeout(socket, id, timeoutMs), timeoutMs);
        this.#say(text);
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#closeWhenIdle();
    }
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#open?.close();
  }

  #opened(): Promise<Socket> {
    if (performance.now() < this.#not_before_ms) return Promise.reject(new NoSocketError());
    this.#socket ??= this.#connect();
    return this.#socket;
  }

  #connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      let socket: Socket | undefined;
      const none = () => {
        this.#socket = null;
        this.#not_before_ms = performance.now() + AGAIN_MS;
        reject(new NoSocketError());
      };
      try {
        socket = this.#options.openSocket();
      } catch {
        // The platform does not accept this address.
      }
      if (!socket) return none();
      const one = socket;
      let opened = false;
      const patience = setTimeout(() => one.close(), OPEN_MS);
      one.onopen = () => {
        clearTimeout(patience);
        opened = true;
        this.#open = one;
        resolve(one);
      };
      one.onmessage = ({ data }) => {
        const replies = messagesIn<CallReply>(data);
        if (replies !== null) return this.#hear(replies);
        one.close();
        this.#lose(one, new Error('it sent what is no message of the monitor'));
      };
      one.onclose = ({ code }) => {
        clearTimeout(patience);
        if (opened) this.#lose(one, new Error(`the WebSocket closed with ${code}`));
        else none();
      };
      // onclose follows.
      one.onerror = () => {};
    });
  }

  #say(text: string): void {
    if (this.#leaving.length === 0) queueMicrotask(() => this.#leave());
    this.#leaving.push(text);
  }

  #leave(): void {
    const texts = this.#leaving;
    this.#leaving = [];
    for (const list of listsOf(texts)) this.#open?.send(list.length === 1 ? list[0]! : `[${list.join(',')}]`);
  }

  #hear(replies: readonly CallReply[]): void {
    this.#heard_ms = performance.now();
    for (const reply of replies) {
      const waiting = this.#waiting.get(reply.id ?? '');
      if (reply.type === 'answer') waiting?.resolve(reply.body);
      else if (reply.type === 'error') waiting?.reject(refusalOfCall(reply as CallError));
    }
  }

  #lose(socket: Socket, why: Error): void {
    if (this.#open !== socket) return;
    this.#open = null;
    this.#socket = null;
    clearTimeout(this.#idle);
    const error = new UnreachableError(this.#options.url, why);
    for (const { reject } of [...this.#waiting.values()]) reject(error);
  }

  /** A peer that has sent nothing since is dead and would never confirm a close, so don't wait for one. */
  #onTimeout(socket: Socket, id: string, timeoutMs: number): void {
    const silent = this.#heard_ms < (this.#waiting.get(id)?.sent_ms ?? 0);
    this.#giveUp(socket, id, new TimedOutError(this.#options.url, timeoutMs));
    if (!silent) return;
    socket.close();
    this.#lose(socket, new Error('the monitor does not respond'));
  }

  /** Tells the monitor, so that an abandoned claim is given no job. */
  #giveUp(socket: Socket, id: string, reason: unknown): void {
    this.#waiting.get(id)?.reject(reason);
    if (this.#open === socket) this.#say(JSON.stringify({ action: 'cancel', id }));
  }

  #closeWhenIdle(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      const socket = this.#open;
      if (!socket || this.#waiting.size > 0) return;
      this.#lose(socket, new Error('it was idle'));
      socket.close();
    }, IDLE_MS);
    // Lets a program without other work exit; browsers have no unref.
    (this.#idle as { unref?: () => void }).unref?.();
  }
}

/** As many calls per list as a frame holds. */
function* listsOf(texts: readonly string[]): Generator<string[]> {
  let list: string[] = [];
  let characters = 0;
  for (const text of texts) {
    if (characters + text.length > CHARACTERS_MAX) {
      yield list;
      list = [];
      characters = 0;
    }
    list.push(text);
    characters += text.length + 1;
  }
  yield list;
}
