/** `ETag`: the version of one resource. `If-None-Match` returns 304 while it is unchanged. */
import type { Caller, Reply } from './caller.ts';
import { NOTHING } from './endpoint.ts';

/** Sets the ETag. If the caller has this version, sets 304 and returns NOTHING; otherwise returns undefined. */
export function notModified(
  { if_none_match: sent }: Caller,
  reply: Reply,
  version: number | string,
): typeof NOTHING | undefined {
  const tag = `"${version}"`;
  reply.header('etag', tag);
  if (sent === undefined) return undefined;
  const tags = sent.split(',').map((text) => text.trim().replace(/^W\//, ''));
  if (!tags.includes(tag) && !tags.includes('*')) return undefined;
  reply.code(304);
  return NOTHING;
}
