/**
 * An endpoint: method, path, schemas and one function. app.ts implements decoding, validation, errors, headers and the
 * API document for all of them.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, type TSchema, Type } from 'typebox';
import { closed } from '../../protocol/schema.ts';
import type { Permission } from '../access/roles.ts';
import type { Caller, Reply } from './caller.ts';
import type { ApiContext } from './context.ts';

export type Endpoint = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Relative to /api/v1, in Fastify's notation: `/jobs/:job_id`. */
  path: string;
  /** Name of the operation in the API document and the SDKs: `jobs.submit`. */
  operation: string;
  /** What a caller needs to run it. */
  permission: Permission;
  summary: string;
  params?: TSchema;
  query?: TSchema;
  body?: TSchema;
  /** Required headers, with their descriptions. */
  headers?: Record<string, string>;
  /** In bytes; of a `large` body at least the setting `body_bytes_max`, which is the default. */
  bodyLimit?: number;
  /** A JSON body of more than `LARGE_BYTES` is passed as an UnparsedBody, and has not been validated. */
  large?: true;
  /** Media types of a body that is not JSON; it is passed as a stream or as text. */
  consumes?: string[];
  responses: Record<number, TSchema>;
  /** Media types of a successful response; default: JSON. */
  produces?: string[];
  /** Sends an ETag, and 304 for `If-None-Match`. */
  etag?: true;
  /** A ticket in its URL opens it. */
  ticket?: true;
  /** May return 429. */
  busy?: true;
  /** Streams or uses HTTP directly, so it cannot be called on the WebSocket. */
  http_only?: true;
  run: (context: ApiContext, request: HttpApiRequest<unknown, unknown, unknown>) => Promise<unknown>;
};

/** The query and body of endpoints that declare none. */
const NO_QUERY = Type.Object({}, closed);
export const NO_BODY = Type.Union([Type.Object({}, closed), Type.Null()]);

export const querySchema = ({ query }: Endpoint): TSchema => query ?? NO_QUERY;

/** Returns the schema of a JSON body; undefined if the endpoint has no body or a body of another type. */
export function bodySchema({ method, body, consumes }: Endpoint): TSchema | undefined {
  return body ?? (method === 'GET' || consumes ? undefined : NO_BODY);
}

/** Returned by an endpoint for a response without a body. */
export const NOTHING = Symbol('nothing');

export type ApiRequest<P, Q, B> = {
  params: P;
  query: Q;
  body: B;
  caller: Caller;
  reply: Reply;
};

/** Also has the HTTP request and response. */
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

/** Defines an endpoint whose function is typed by its schemas. */
export function endpoint<P extends TSchema = TSchema, Q extends TSchema = TSchema, B extends TSchema = TSchema>(
  definition: Typed<P, Q, B> & Run<ApiRequest<Static<P>, Static<Q>, Static<B>>>,
): Endpoint {
  return definition as unknown as Endpoint;
}

/** Like `endpoint`, for a function that uses HTTP directly. */
export function httpEndpoint<P extends TSchema = TSchema, Q extends TSchema = TSchema, B extends TSchema = TSchema>(
  definition: Typed<P, Q, B> & Run<HttpApiRequest<Static<P>, Static<Q>, Static<B>>>,
): Endpoint {
  return { ...definition, http_only: true } as unknown as Endpoint;
}
