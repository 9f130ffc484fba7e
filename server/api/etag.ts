/** `ETag` of one resource, its version; `If-None-Match` answers 304 while nothing has changed. */
import type { Caller, Reply } from './caller.ts';
import { NOTHING } from './endpoint.ts';

/** Sets the ETag. The answer to give instead, where the caller has this version already; undefined otherwise. */
export function notModified({ has }: Caller, reply: Reply, version: number | string): typeof NOTHING | undefined {
  const tag = `"${version}"`;
  reply.header('etag', tag);
  if (has === undefined) return undefined;
  const tags = has.split(',').map((text) => text.trim().replace(/^W\//, ''));
  if (!tags.includes(tag) && !tags.includes('*')) return undefined;
  reply.code(304);
  return NOTHING;
}
