/** The request header `Range`: one range of bytes. Several ranges, or another unit, are ignored, as RFC 9110 allows. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MonitorError } from '../../../protocol/errors.ts';
import type { Caller } from '../caller.ts';
import { NOTHING } from '../endpoint.ts';
import { notModified } from '../etag.ts';

export type RequestedRange = { first: number; last: number } | 'unsatisfiable' | undefined;

export function parseRange(header: string | undefined, size_bytes: number): RequestedRange {
  const [, from, to] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/.exec(header ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  if (from === '') {
    const length = Math.min(Number(to), size_bytes);
    return length === 0 ? 'unsatisfiable' : { first: size_bytes - length, last: size_bytes - 1 };
  }
  if (to !== '' && Number(to) < Number(from)) return undefined;
  if (Number(from) >= size_bytes) return 'unsatisfiable';
  return { first: Number(from), last: to === '' ? size_bytes - 1 : Math.min(Number(to), size_bytes - 1) };
}

/** `etag`: without quotes. */
type Ranged = { size_bytes: number; etag: string; what: string };

/**
 * Begins a response that may be a range: sets its status and headers. Undefined if the whole is to be sent. Throws MonitorError
 * `range_not_satisfiable`.
 */
export function beginRange(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { size_bytes, etag, what }: Ranged,
): { first: number; last: number } | undefined {
  reply.header('accept-ranges', 'bytes');
  const { range: header, 'if-range': condition } = headers;
  const range = condition === undefined || condition === `"${etag}"` ? parseRange(header, size_bytes) : undefined;
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${size_bytes}`);
    throw new MonitorError('invalid', 'range_not_satisfiable', `${what} has ${size_bytes} bytes`);
  }
  if (range) reply.code(206).header('content-range', `bytes ${range.first}-${range.last}/${size_bytes}`);
  return range;
}

/** Sends bytes with their ETag: all of them, the range that was requested, or 304. Throws as `beginRange` does. */
export function sendBytes(
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  { bytes, etag, type, what, caller }: { bytes: Buffer; etag: string; type: string; what: string; caller: Caller },
): FastifyReply | typeof NOTHING {
  if (notModified(caller, reply, etag)) return NOTHING;
  const range = beginRange(request, reply, { size_bytes: bytes.length, etag, what });
  return reply.type(type).send(range ? bytes.subarray(range.first, range.last + 1) : bytes);
}
