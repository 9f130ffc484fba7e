/** `ETag` of one resource, its version; `If-None-Match` answers 304 while nothing has changed. */
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Sets the ETag. The answer to give instead, where the caller has this version already; undefined otherwise. */
export function notModified(request: FastifyRequest, reply: FastifyReply, version: number): FastifyReply | undefined {
  const tag = `"${version}"`;
  reply.header('etag', tag);
  const known = request.headers['if-none-match'];
  if (known === undefined) return undefined;
  const tags = known.split(',').map((text) => text.trim().replace(/^W\//, ''));
  return tags.includes(tag) || tags.includes('*') ? reply.code(304).send() : undefined;
}
