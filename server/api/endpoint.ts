/**
 * An endpoint: method, path, schemas and one function. Decoding, validation, errors, headers and the API document are done
 * once for all of them, in app.ts.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, type TSchema, Type } from 'typebox';
import { closed } from '../../protocol/schema.ts';
import type { Caller, Reply } from './caller.ts';
import type { ApiContext } from './context.ts';

export type Endpoint = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Under /api/v1, as Fastify writes it: `/jobs/:job_id`. */
  path: string;
  /** Name of the operation in the API document and the SDKs: `jobs.submit`. */
  operation: string;
  summary: string;
  params?: TSchema;
  query?: TSchema;
  body?: TSchema;
  /** Headers that it needs, and what they mean. */
  headers?: Record<string, string>;
  /** Bytes; the setting `body_bytes_max` otherwise. */
  bodyLimit?: number;
  /** The body is not JSON: given as a stream or text. */
  consumes?: string[];
  answers: Record<number, TSchema>;
  /** Media types of a successful response; JSON otherwise. */
  produces?: string[];
  /** It sends an ETag, and 304 for `If-None-Match`. */
  etag?: true;
  /** It may answer 429. */
  busy?: true;
  /** It streams, or looks at HTTP itself: it can't be called on the WebSocket. */
  http_only?: true;
  run: (context: ApiContext, request: HttpApiRequest<unknown, unknown, unknown>) => Promise<unknown>;
};

/** What endpoints take that say nothing else. */
const NO_QUERY = Type.Object({}, closed);
export const NO_BODY = Type.Union([Type.Object({}, closed), Type.Null()]);

export const querySchema = ({ query }: Endpoint): TSchema => query ?? NO_QUERY;

/** Of a JSON body; undefined where there is none or it is another. */
export function bodySchema({ method, body, consumes }: Endpoint): TSchema | undefined {
  return body ?? (method === 'GET' || consumes ? undefined : NO_BODY);
}

/** An answer without a body. */
export const NOTHING = Symbol('nothing');

export type ApiRequest<P, Q, B> = {
  params: P;
  query: Q;
  body: B;
  caller: Caller;
  reply: Reply;
};

/** With the HTTP request and response themselves. */
export type HttpApiRequest<P, Q, B> = ApiRequest<P, Q, B> & {
  http: { request: FastifyRequest; reply: FastifyReply };
};

type Typed<P extends TSchema, Q extends TSchema, B extends TSchema> = Omit<
  Endpoint,
  'params' | 'query' | 'body' | 'http_only' | 'run'
> & {
  params?: P;
  query?: Q;
  body?: B;
};

type Run<R> = { run: (context: ApiContext, request: R) => Promise<unknown> };

/** Ties the function's types to the schemas. */
export function endpoint<P extends TSchema = TSchema, Q extends TSchema = TSchema, B extends TSchema = TSchema>(
  definition: Typed<P, Q, B> & Run<ApiRequest<Static<P>, Static<Q>, Static<B>>>,
): Endpoint {
  return definition as unknown as Endpoint;
}

/** The same for one that needs HTTP itself. */
export function httpEndpoint<P extends TSchema = TSchema, Q extends TSchema = TSchema, B extends TSchema = TSchema>(
  definition: Typed<P, Q, B> & Run<HttpApiRequest<Static<P>, Static<Q>, Static<B>>>,
): Endpoint {
  return { ...definition, http_only: true } as unknown as Endpoint;
}
