/**
 * Sends one call to the monitor and retries it while that makes sense. The only file of the SDK that knows HTTP and
 * opens WebSockets.
 *
 * Every POST and DELETE carries an `Idempotency-Key` that its retries keep, so that a call whose response was lost
 * takes effect once. Retried: no response, 429, 502, 503, 504. Delay: full jitter over a doubling cap, on top of
 * `Retry-After`; if that is longer than RETRY_AFTER_MS_MAX, the call rejects instead.
 */

import { backoffMs } from './backoff.ts';
import { CallConnection, NoSocketError } from './call-connection.ts';
import { ApiError, NoAnswerError, RefusedError, refusalOf, TimedOutError, UnreachableError } from './errors.ts';
import { type SentBytes, sendCounted } from './send-counted.ts';
import type { Socket } from './socket.ts';

export type TransportOptions = {
  /** `https://monitor.example.com`, without `/api/v1`. */
  baseUrl: string;
  /** Sent as `Authorization: Bearer …`. */
  apiKey?: string | undefined;
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Replaces the global `WebSocket`; null for none, in which case following a job polls. */
  webSocket?: (new (url: string, options?: never) => Socket) | null | undefined;
  /**
   * `websocket`: frequent calls of a worker share one connection, with the same results as over HTTP; large and
   * streaming calls, and all calls if no WebSocket can be opened, still use HTTP. Default `http`.
   */
  transport?: 'http' | 'websocket' | undefined;
  /** Receives a warning of the monitor, each text once. Default: `console.warn`. */
  onWarning?: ((text: string) => void) | undefined;
  /** Longest silence before an attempt times out. Default 30000. */
  timeoutMs?: number | undefined;
  /** Retries before a call rejects. Default 4. */
  retries?: number | undefined;
  /** Waiting and random numbers in [0, 1), for tests. */
  wait?: ((delayMs: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
  random?: (() => number) | undefined;
};

/** What every method takes as its last argument. */
export type CallOptions = {
  /** Ends the call, which rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Your own key, to make a call repeatable across restarts of your program. */
  idempotencyKey?: string | undefined;
  /** For this call; overrides the client's. 0 waits forever. */
  timeoutMs?: number | undefined;
  retries?: number | undefined;
};

/** A body that can be sent more than once. */
export type RawBody = Blob | Uint8Array | string;

export type Call = CallOptions & {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path below `/api/v1`. Ids in it go through `segment`. */
  path: string;
  query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON; `raw` is sent unchanged. */
  body?: unknown;
  raw?: { body: RawBody; type: string; onSent?: SentBytes | undefined } | undefined;
  headers?: Readonly<Record<string, string>>;
  /** Operation name and path parameters, for calls that may use the WebSocket. */
  operation?: { name: string; params?: Readonly<Record<string, string>> };
};

const RETRY = { baseMs: 250, capMs: 8_000 };
const RETRY_AFTER_MS_MAX = 30_000;
const RETRIED_STATUSES = new Set([429, 502, 503, 504]);

export class Transport {
  readonly #options: TransportOptions;
  readonly #root: string;
  readonly #calls: CallConnection | null;
  readonly #warned = new Set<string>();

  constructor(options: TransportOptions) {
    if (!/^https?:\/\/[^/]+/.test(options.baseUrl)) {
      throw new ApiError(`baseUrl is ${JSON.stringify(options.baseUrl)}`, {
        code: 'bad_base_url',
        hint: 'It begins with http:// or https://, for example http://127.0.0.1:8080.',
      });
    }
    this.#options = options;
    this.#root = `${options.baseUrl.replace(/\/+$/, '')}/api/v1`;
    this.#calls =
      options.transport === 'websocket'
        ? new CallConnection({ openSocket: () => this.openSocket(), url: this.socketUrl })
        : null;
  }

  /** The address of the live feed. */
  get socketUrl(): string {
    return `${this.#options.baseUrl.replace(/^http/, 'ws').replace(/\/+$/, '')}/ws`;
  }

  /** A new WebSocket to it; undefined if the platform has none. Browsers can't send the key with it. */
  openSocket(): Socket | undefined {
    const { webSocket = globalThis.WebSocket as unknown as TransportOptions['webSocket'], apiKey } = this.#options;
    if (!webSocket) return undefined;
    if (!apiKey || 'document' in globalThis) return new webSocket(this.socketUrl);
    return new webSocket(this.socketUrl, { headers: { authorization: `Bearer ${apiKey}` } } as never);
  }

  /** Closes the connection for calls; the next call opens another. */
  close(): void {
    this.#calls?.close();
  }

  /** In [0, 1). */
  random(): number {
    return (this.#options.random ?? Math.random)();
  }

  /** The response's JSON; undefined if it has no body. */
  async json<T>(call: Call): Promise<T> {
    const overHttp = async (response: Response) => {
      const text = await response.text();
      return (text === '' ? undefined : JSON.parse(text)) as T;
    };
    return this.#retrying(call, overHttp);
  }

  async text(call: Call): Promise<string> {
    return (await this.#retrying(call, async (response) => response.text())) as string;
  }

  /** The response with its headers, for callers that need them: `304`, an ETag. */
  async answer(call: Call): Promise<{ status: number; headers: Headers; text: string }> {
    return this.#retrying(call, async (response) => ({
      status: response.status,
      headers: response.headers,
      text: await response.text(),
    }));
  }

  /** The response with an unread body; the signal applies until the body is read, the timeout until its first byte. */
  async open(call: Call): Promise<Response> {
    return this.#retrying(call, async (response) => response, { leaveOpen: true });
  }

  async #retrying<T>(call: Call, read: (response: Response) => Promise<T>, { leaveOpen = false } = {}): Promise<T> {
    const keyed = call.method === 'POST' || call.method === 'DELETE';
    const key = call.idempotencyKey ?? (keyed ? newKey() : undefined);
    const retries = call.retries ?? this.#options.retries ?? 4;
    for (let attempt = 0; ; attempt += 1) {
      try {
        if (this.#calls && call.operation) {
          const answer = await this.#overSocket(this.#calls, call, key);
          if (answer) return answer.body as T;
        }
        return await this.#once(call, key, read, leaveOpen);
      } catch (error) {
        const delayMs = attempt < retries ? this.#delayBeforeRetry(error, attempt) : undefined;
        if (delayMs === undefined) throw error;
        await (this.#options.wait ?? waitFor)(delayMs, call.signal);
      }
    }
  }

  /** Null: the call must go over HTTP. */
  async #overSocket(calls: CallConnection, call: Call, key: string | undefined): Promise<{ body: unknown } | null> {
    const { name, params } = call.operation!;
    const { body, signal } = call;
    const request = { operation: name, ...(params ? { params } : {}), ...(body === undefined ? {} : { body }) };
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs ?? 30_000;
    try {
      return { body: await calls.call({ request, key, signal, timeoutMs }) };
    } catch (error) {
      if (error instanceof NoSocketError) return null;
      throw error;
    }
  }

  #delayBeforeRetry(error: unknown, attempt: number): number | undefined {
    const jitterMs = backoffMs(RETRY, attempt, () => this.random());
    if (error instanceof NoAnswerError) return jitterMs;
    if (!(error instanceof RefusedError) || !RETRIED_STATUSES.has(error.status ?? 0)) return undefined;
    if (error.retryAfterSeconds === undefined) return jitterMs;
    const askedMs = error.retryAfterSeconds * 1000;
    return askedMs > RETRY_AFTER_MS_MAX ? undefined : askedMs + jitterMs;
  }

  async #once<T>(
    call: Call,
    key: string | undefined,
    read: (response: Response) => Promise<T>,
    leaveOpen: boolean,
  ): Promise<T> {
    const { signal } = call;
    signal?.throwIfAborted();
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs ?? 30_000;
    const stop = new AbortController();
    const url = `${this.#root}${call.path}${queryOf(call.query)}`;
    const onAbort = () => stop.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer =
      timeoutMs > 0 ? setTimeout(() => stop.abort(new TimedOutError(url, timeoutMs)), timeoutMs) : undefined;
    let open = false;
    try {
      const fetch = this.#options.fetch ?? globalThis.fetch;
      const request = { method: call.method, headers: this.#headers(call, key), signal: stop.signal };
      const { body, onSent } = call.raw ?? {};
      const response = await (onSent
        ? sendCounted(
            fetch,
            url,
            { ...request, body: body instanceof Blob ? body : new Blob([body as string]) },
            onSent,
          )
        : fetch(url, { ...request, ...bodyOf(call) }));
      this.#warn(response.headers.get('tmon-warning'));
      if (response.status >= 400) {
        throw refusalOf(response.status, await response.text(), response.headers.get('retry-after'));
      }
      open = leaveOpen;
      return await read(response);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (stop.signal.aborted) throw stop.signal.reason;
      throw new UnreachableError(this.#options.baseUrl, error);
    } finally {
      clearTimeout(timer);
      if (!open) signal?.removeEventListener('abort', onAbort);
    }
  }

  #warn(text: string | null): void {
    if (text === null || this.#warned.has(text)) return;
    this.#warned.add(text);
    (this.#options.onWarning ?? console.warn)(text);
  }

  #headers(call: Call, key: string | undefined): Record<string, string> {
    const type = call.raw?.type ?? (call.body === undefined ? undefined : 'application/json');
    return {
      accept: 'application/json, */*;q=0.5',
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(this.#options.apiKey ? { authorization: `Bearer ${this.#options.apiKey}` } : {}),
      ...call.headers,
    };
  }
}

/** Escapes an id for a path, so that no id can name another endpoint. Throws if escaping can't help. */
export function segment(id: string): string {
  if (id === '' || id === '.' || id === '..') {
    throw new ApiError(`${JSON.stringify(id)} is not an id`, { code: 'bad_id', hint: 'Ids look like job-01J2ZQ…' });
  }
  return encodeURIComponent(id);
}

/** Waits `delayMs`; rejects with the signal's reason if it aborts first. */
export function waitFor(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function bodyOf(call: Call): Pick<RequestInit, 'body'> {
  // The types of browsers refuse bytes in shared memory, which none of ours are.
  if (call.raw !== undefined) return { body: call.raw.body as Exclude<RequestInit['body'], undefined> };
  return call.body === undefined ? {} : { body: JSON.stringify(call.body) };
}

function queryOf(query: Call['query']): string {
  const entries = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (entries.length === 0) return '';
  return `?${new URLSearchParams(entries.map(([name, value]) => [name, String(value)]))}`;
}

/** 128 random bits. Not `randomUUID`, which browsers offer only to pages with TLS. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
