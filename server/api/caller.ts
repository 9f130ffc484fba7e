/**
 * The caller of an endpoint, independent of the transport: a request over HTTP or a message on the WebSocket. Endpoints
 * depend on this interface alone, so that each can be called both ways.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MonitorError } from '../../protocol/errors.ts';
import type { Subject } from '../access/subject.ts';

export interface Caller {
  /** Who calls; may call this operation. */
  readonly subject: Subject;
  /** From which the request came, behind trusted proxies. */
  readonly address: string;
  /** Identifies this call in logs and errors. */
  readonly request_id: string;
  /** The Idempotency-Key as sent. */
  readonly sent_key: string | undefined;
  /** The key with which the call can be sent again: its own or a generated one. Returned if the outcome is unknown. */
  idempotency_key: string | null;
  /** What identifies the request: equal if the same call is sent again by either transport. */
  readonly content: readonly [method: string, url: string, body: unknown];
  /** The header `If-None-Match`. */
  readonly if_none_match: string | undefined;
  /** The header `traceparent`. */
  readonly traceparent: string | undefined;
  /** Aborts when the caller no longer waits for the response. */
  readonly signal: AbortSignal;
}

const KEY_CHARACTERS_MAX = 255;

/** Throws MonitorError `invalid_idempotency_key` if the key is too long. */
export function assertKey(key: string | undefined): void {
  if (key === undefined || key.length <= KEY_CHARACTERS_MAX) return;
  throw new MonitorError(
    'invalid',
    'invalid_idempotency_key',
    `the Idempotency-Key has ${key.length} characters; ${KEY_CHARACTERS_MAX} are allowed`,
  );
}

/**
 * Returns the URL of a request in canonical form, without `min_seq`, which only delays the response. `path` is in
 * Fastify's notation: `/api/v1/jobs/:job_id`.
 */
export function canonicalUrl(path: string, params: object, query: object): string {
  const values = params as Record<string, unknown>;
  const filled = path.replace(/:([a-z_]+)/g, (_, name: string) => encodeURIComponent(String(values[name])));
  if (Object.keys(query).length === 0) return filled;
  const pairs = Object.entries(query)
    .filter(([name]) => name !== 'min_seq')
    .map(([name, value]): [string, string] => [name, String(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length > 0 ? `${filled}?${new URLSearchParams(pairs)}` : filled;
}

/** The response to a call, without its body. */
export interface Reply {
  code(status: number): Reply;
  header(name: string, value: string | number): Reply;
}

export class HttpCaller implements Caller {
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;
  #gone: AbortController | null = null;

  constructor(request: FastifyRequest, reply: FastifyReply) {
    this.#request = request;
    this.#reply = reply;
  }

  get subject(): Subject {
    return this.#request.subject;
  }

  get address(): string {
    return this.#request.ip;
  }

  get request_id(): string {
    return this.#request.id;
  }

  get sent_key(): string | undefined {
    const key = this.#request.headers['idempotency-key'];
    return typeof key === 'string' ? key : undefined;
  }

  get idempotency_key(): string | null {
    return this.#request.idempotencyKey;
  }

  set idempotency_key(key: string) {
    this.#request.idempotencyKey = key;
  }

  get content(): [string, string, unknown] {
    const { method, routeOptions, params, query, body } = this.#request;
    return [method, canonicalUrl(routeOptions.url ?? '', params as object, query as object), body];
  }

  get if_none_match(): string | undefined {
    return this.#request.headers['if-none-match'];
  }

  get traceparent(): string | undefined {
    const text = this.#request.headers.traceparent;
    return typeof text === 'string' ? text : undefined;
  }

  /** Created on first use. */
  get signal(): AbortSignal {
    if (this.#gone === null) {
      const gone = new AbortController();
      this.#gone = gone;
      if (this.#reply.raw.destroyed) gone.abort('gone');
      else this.#reply.raw.once('close', () => gone.abort('gone'));
    }
    return this.#gone.signal;
  }
}

/** The same call, by the one whose right the caller holds: the maker of a link. */
export const callerAs = (caller: Caller, subject: Subject): Caller => ({
  subject,
  address: caller.address,
  request_id: caller.request_id,
  sent_key: caller.sent_key,
  get idempotency_key() {
    return caller.idempotency_key;
  },
  set idempotency_key(key) {
    caller.idempotency_key = key;
  },
  content: caller.content,
  if_none_match: caller.if_none_match,
  traceparent: caller.traceparent,
  get signal() {
    return caller.signal;
  },
});

declare module 'fastify' {
  interface FastifyRequest {
    /** Kept on the request for the error handler. */
    idempotencyKey: string | null;
  }
}
