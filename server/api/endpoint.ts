/**
 * An endpoint: method, path, schemas and one function. Decoding, validation, errors, headers and the API document are done
 * once for all of them, in app.ts.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Static, TSchema } from 'typebox';
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
  run: (context: ApiContext, request: ApiRequest<never, never, never>) => Promise<unknown>;
};

export type ApiRequest<P, Q, B> = {
  params: P;
  query: Q;
  body: B;
  request: FastifyRequest;
  reply: FastifyReply;
};

type Typed<P extends TSchema, Q extends TSchema, B extends TSchema> = Omit<
  Endpoint,
  'params' | 'query' | 'body' | 'run'
> & {
  params?: P;
  query?: Q;
  body?: B;
  run: (context: ApiContext, request: ApiRequest<Static<P>, Static<Q>, Static<B>>) => Promise<unknown>;
};

/** Ties the function's types to the schemas. */
export function endpoint<P extends TSchema = TSchema, Q extends TSchema = TSchema, B extends TSchema = TSchema>(
  definition: Typed<P, Q, B>,
): Endpoint {
  return definition as unknown as Endpoint;
}
