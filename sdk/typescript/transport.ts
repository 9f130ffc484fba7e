/**
 * Sends one call to the monitor and retries it while that makes sense. The only file of the SDK that knows HTTP and
 * opens WebSockets.
 *
 * Every POST and DELETE carries an `Idempotency-Key` that its retries keep, so that a call whose response was lost
 * takes effect once. Retried: no response, and the statuses of a server that is busy or
 * away. A response that is not the monitor's is an UnexpectedResponseError. Delay: full jitter over a doubling cap, on top of
 * `Retry-After`; if that is longer than RETRY_AFTER_MS_MAX, the call rejects instead.
 */

import { backoffMs } from './backoff.ts';
import { CallConnection, NoSocketError } from './call-connection.ts';
import {
  ApiError,
  NoAnswerError,
  RefusedError,
  refusalOf,
  TimedOutError,
  UnexpectedResponseError,
  UnreachableError,
} from './errors.ts';
import { EventsSocket } from './events-socket.ts';
import { isRedirect, redirectOf } from './redirects.ts';
import { type SentBytes, sendCounted } from './send-counted.ts';
import { type SentBody, sentBody } from './sent-body.ts';
import { Silence } from './silence.ts';
import type { Socket } from './socket.ts';
import { assertNoPage, objectIn, type Reading, type Received, readBody, unexpected } from './unexpected-response.ts';

export type TransportOptions = {
  /** `https://monitor.example.com`, without `/api/v1`; `https://user:password@…` for a proxy that asks for them. */
  baseUrl: string;
  /** Sent as `Authorization: Bearer …`. */
  apiKey?: string | undefined;
  /** Sent with every request, for proxies: `CF-Access-Client-Id`, … Browsers can't send them with a WebSocket. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Replaces the global `WebSocket`; null for none. Without one, and where none gets through, the feed is read as server-sent events. */
  webSocket?: (new (url: string, options?: never) => Socket) | null | undefined;
  /**
   * `websocket`: frequent calls of a worker share one connection, with the same results as over HTTP; large and
   * streaming calls, and all calls if no WebSocket can be opened, still use HTTP. Default `http`.
   */
  transport?: 'http' | 'websocket' | undefined;
  /** Receives a warning of the monitor, or about the way to it, each text once. Default: `console.warn`. */
  onWarning?: ((text: string) => void) | undefined;
  /** Longest silence before an attempt times out. Default 30000. */
  timeoutMs?: number | undefined;
  /** Longest response that is read. Default 256 MiB; downloads have no limit. */
  maxResponseBytes?: number | undefined;
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
/** 520 to 524 are Cloudflare's: it does not reach the server. */
const RETRIED_STATUSES = new Set([408, 429, 502, 503, 504, 520, 521, 522, 523, 524]);
/** A list of 1,000 jobs has about a megabyte, the transcript of a day some. */
const RESPONSE_BYTES_MAX = 256 * 1024 * 1024;
/** Bodies from here on are sent in parts, whose sending shows that the other side takes them. */
const PARTS_BYTES_MIN = 256 * 1024;

export class Transport {
  readonly #options: TransportOptions;
  /** Without credentials, which belong into no message. */
  readonly #base: string;
  readonly #sent: Readonly<Record<string, string>>;
  readonly #calls: CallConnection | null;
  readonly #warned = new Set<string>();
  /** The monitor is older than compressed bodies. */
  #plain = false;

  constructor(options: TransportOptions) {
    const url = /^https?:\/\/[^/]+/.test(options.baseUrl) ? URL.parse(options.baseUrl) : null;
    if (url === null) {
      throw new ApiError(`baseUrl is ${JSON.stringify(options.baseUrl.replace(/\/\/[^/]*@/, '//…@'))}`, {
        code: 'bad_base_url',
        hint: 'It begins with http:// or https://, for example http://127.0.0.1:8080.',
      });
    }
    this.#options = options;
    this.#base = `${url.origin}${url.pathname}`.replace(/\/+$/, '');
    this.#sent = { ...credentials(url, options.apiKey), ...options.headers };
    this.#calls =
      options.transport === 'websocket'
        ? new CallConnection({ openSocket: () => this.openSocket(), url: this.socketUrl })
        : null;
  }

  /** The address of the live feed. */
  get socketUrl(): string {
    return `${this.#base.replace(/^http/, 'ws')}/ws`;
  }

  /** A new WebSocket to it; undefined if the platform has none. Browsers can't send the key with it. */
  openSocket(): Socket | undefined {
    const { webSocket = globalThis.WebSocket as unknown as TransportOptions['webSocket'] } = this.#options;
    if (!webSocket) return undefined;
    if (Object.keys(this.#sent).length === 0 || 'document' in globalThis) return new webSocket(this.socketUrl);
    return new webSocket(this.socketUrl, { headers: this.#sent } as never);
  }

  /**
   * The feed over HTTP; undefined in browsers, which have few connections to a host. Requests go out once it is subscribed.
   */
  openEvents(): Socket | undefined {
    if ('document' in globalThis) return undefined;
    const headers = { accept: 'text/event-stream', 'accept-encoding': 'identity' };
    return new EventsSocket((query, signal) =>
      this.open({ method: 'GET', path: '/events', query, signal, headers, retries: 0 }),
    );
  }

  /** Closes the connection for calls; the next call opens another. */
  close(): void {
    this.#calls?.close();
  }

  /** Each text once. */
  warn(text: string): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    (this.#options.onWarning ?? console.warn)(text);
  }

  /** In [0, 1). */
  random(): number {
    return (this.#options.random ?? Math.random)();
  }

  /** The object in the response; undefined if it has no body. */
  async json<T>(call: Call): Promise<T> {
    return this.#retrying(call, async (exchange) => objectIn(await exchange.read()) as T);
  }

  async text(call: Call): Promise<string> {
    return (await this.answer(call)).text;
  }

  /** The response with its headers, for callers that need them: `304`, an ETag. */
  async answer(call: Call): Promise<Received> {
    return this.#retrying(call, async (exchange) => {
      const received = await exchange.read();
      assertNoPage(received);
      return received;
    });
  }

  /** The response with an unread body; the signal applies until the body is read, the timeout until its first byte. */
  async open(call: Call): Promise<Response> {
    return this.#retrying(call, async (exchange) => {
      if (/^text\/html\b/i.test(exchange.response.headers.get('content-type') ?? ''))
        assertNoPage(await exchange.read());
      return exchange.keepOpen();
    });
  }

  async #retrying<T>(call: Call, read: (exchange: Exchange) => Promise<T>): Promise<T> {
    const keyed = call.method === 'POST' || call.method === 'DELETE';
    const key = call.idempotencyKey ?? (keyed ? newKey() : undefined);
    const retries = call.retries ?? this.#options.retries ?? 4;
    for (let attempt = 0; ; attempt += 1) {
      try {
        if (this.#calls && call.operation) {
          const answer = await this.#overSocket(this.#calls, call, key);
          if (answer) return answer.body as T;
        }
        return await this.#once(call, key, read);
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
    const answered = error instanceof RefusedError || error instanceof UnexpectedResponseError;
    if (!answered) return error instanceof NoAnswerError ? jitterMs : undefined;
    if (!RETRIED_STATUSES.has(error.status ?? 0)) return undefined;
    if (error.retryAfterSeconds === undefined) return jitterMs;
    const askedMs = error.retryAfterSeconds * 1000;
    return askedMs > RETRY_AFTER_MS_MAX ? undefined : askedMs + jitterMs;
  }

  async #once<T>(call: Call, key: string | undefined, read: (exchange: Exchange) => Promise<T>): Promise<T> {
    call.signal?.throwIfAborted();
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs ?? 30_000;
    const url = `${this.#base}/api/v1${call.path}${queryOf(call.query)}`;
    const silence = new Silence(timeoutMs, () => new TimedOutError(url, timeoutMs), call.signal);
    let exchange: Exchange | undefined;
    try {
      const sent = await sentBody(call, this.#plain);
      exchange = new Exchange(await this.#send(call, { url, key, sent, silence }), {
        silence,
        bytesMax: this.#options.maxResponseBytes ?? RESPONSE_BYTES_MAX,
      });
      const { response } = exchange;
      const warning = response.headers.get('tmon-warning');
      if (warning !== null) this.warn(warning);
      if (isRedirect(response)) throw unexpected(await exchange.read());
      if (response.status >= 400) {
        const received = await exchange.read();
        const refusal = refusalOf(received.status, received.text, received.headers.get('retry-after'));
        if (received.status !== 415 || !('content-encoding' in sent.headers)) throw refusal ?? unexpected(received);
        this.#plain = true;
        return await this.#once(call, key, read);
      }
      return await read(exchange);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (silence.signal.aborted) throw silence.signal.reason;
      throw new UnreachableError(this.#base, error);
    } finally {
      if (exchange?.open) silence.over();
      else silence.end();
    }
  }

  /** Follows redirects that keep the method. */
  async #send(call: Call, { url, key, sent, silence }: Sending): Promise<{ response: Response; url: string }> {
    const fetch = this.#options.fetch ?? globalThis.fetch;
    const { onSent } = call.raw ?? {};
    const headers = { ...this.#headers(key), ...sent.headers, ...call.headers };
    const request = { method: call.method, headers, signal: silence.signal, redirect: 'manual' as const };
    // Not every replacement of fetch takes a stream.
    const parts = onSent !== undefined || (sent.size >= PARTS_BYTES_MIN && this.#options.fetch === undefined);
    for (let hops = 0, to = url; ; hops += 1) {
      silence.broken(parts ? 0 : sent.size);
      const response = parts
        ? await sendCounted(fetch, to, { ...request, body: asBlob(sent.body) }, (bytes) => {
            silence.broken(bytes);
            onSent?.(bytes);
          })
        : await fetch(to, { ...request, ...(sent.body === undefined ? {} : { body: sent.body }) });
      silence.broken();
      const next = redirectOf(response, to, hops);
      if (next === null) return { response, url: to };
      await response.body?.cancel();
      to = next;
    }
  }

  #headers(key: string | undefined): Record<string, string> {
    return {
      accept: 'application/json, */*;q=0.5',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...this.#sent,
    };
  }
}

type Sending = { url: string; key: string | undefined; sent: SentBody; silence: Silence };

/** A response whose body is read at most once. */
class Exchange {
  readonly response: Response;
  readonly #reading: Reading;
  /** Its body is read later, by the caller. */
  open = false;

  constructor(
    { response, url }: { response: Response; url: string },
    { silence, bytesMax }: { silence: Silence; bytesMax: number },
  ) {
    this.response = response;
    this.#reading = { url, bytesMax, onPart: () => silence.broken() };
  }

  read(): Promise<Received> {
    return readBody(this.response, this.#reading);
  }

  keepOpen(): Response {
    this.open = true;
    return this.response;
  }
}

/** The user of the address is for a proxy, so the key takes another header then. */
function credentials({ username, password }: URL, apiKey: string | undefined): Record<string, string> {
  if (username + password === '') return apiKey ? { authorization: `Bearer ${apiKey}` } : {};
  const bytes = new TextEncoder().encode(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  const basic = { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
  return apiKey ? { ...basic, 'x-api-key': apiKey } : basic;
}

const asBlob = (body: SentBody['body']): Blob => (body instanceof Blob ? body : new Blob([body as string]));

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

function queryOf(query: Call['query']): string {
  const entries = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (entries.length === 0) return '';
  return `?${new URLSearchParams(entries.map(([name, value]) => [name, String(value)]))}`;
}

/** 128 random bits. Not `randomUUID`, which browsers offer only to pages with TLS. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
