/**
 * Who asks, whatever way the call came: a request over HTTP, or a message on the WebSocket. What an endpoint may know of it,
 * so that each can be called both ways and knows of neither.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MonitorError } from '../../protocol/errors.ts';

export interface Caller {
  /** Names this call in logs and errors. */
  readonly request_id: string;
  /** Its Idempotency-Key as it gave it. */
  readonly given_key: string | undefined;
  /** The key by which the call may be sent again: its own, or one that we made; told when the outcome is unknown. */
  idempotency_key: string | null;
  /** What it asks: the same call sent again, either way, asks the same. */
  readonly asked: readonly [method: string, url: string, body: unknown];
  /** The versions that it has already: `If-None-Match`. */
  readonly has: string | undefined;
  /** Aborts when nobody waits for the answer any more. */
  readonly gone: AbortSignal;
}

const KEY_CHARACTERS_MAX = 255;

/** Throws for an Idempotency-Key that no operation takes. */
export function assertKey(key: string | undefined): void {
  if (key === undefined || key.length <= KEY_CHARACTERS_MAX) return;
  throw new MonitorError(
    'invalid',
    'invalid_idempotency_key',
    `the Idempotency-Key has ${key.length} characters; ${KEY_CHARACTERS_MAX} are allowed`,
  );
}

/**
 * The URL of a request in one spelling, however it was sent. `min_seq` is left out: it says when to answer, not what is asked.
 * `path` as Fastify writes it: `/api/v1/jobs/:job_id`.
 */
export function canonicalUrl(path: string, params: object, query: object): string {
  const values = params as Record<string, unknown>;
  const filled = path.replace(/:([a-z_]+)/g, (_, name: string) => encodeURIComponent(String(values[name])));
  const asked = Object.entries(query)
    .filter(([name]) => name !== 'min_seq')
    .map(([name, value]): [string, string] => [name, String(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return asked.length > 0 ? `${filled}?${new URLSearchParams(asked)}` : filled;
}

/** What an answer has beside its body. */
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

  get request_id(): string {
    return this.#request.id;
  }

  get given_key(): string | undefined {
    const key = this.#request.headers['idempotency-key'];
    return typeof key === 'string' ? key : undefined;
  }

  get idempotency_key(): string | null {
    return this.#request.idempotencyKey;
  }

  set idempotency_key(key: string) {
    this.#request.idempotencyKey = key;
  }

  get asked(): [string, string, unknown] {
    const { method, routeOptions, params, query, body } = this.#request;
    return [method, canonicalUrl(routeOptions.url ?? '', params as object, query as object), body];
  }

  get has(): string | undefined {
    return this.#request.headers['if-none-match'];
  }

  /** Made for those that look at it. */
  get gone(): AbortSignal {
    if (this.#gone === null) {
      const gone = new AbortController();
      this.#gone = gone;
      if (this.#reply.raw.destroyed) gone.abort('gone');
      else this.#reply.raw.once('close', () => gone.abort('gone'));
    }
    return this.#gone.signal;
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Kept where the answer to an error finds it. */
    idempotencyKey: string | null;
  }
}
