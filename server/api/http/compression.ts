/**
 * Compresses large responses with gzip if the client accepts it, on threads of zlib. Ranges, streams and what is compressed
 * already are sent as they are. A compressed response is another representation: its ETag becomes weak, so that `If-Range` asks for
 * no part of it.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply } from 'fastify';

const compress = promisify(gzip);

/** Below, compression takes longer than it saves on most networks. */
const BYTES_MIN = 64 * 1024;
/** A third of the time of the default, for a tenth more bytes. Large chunks, since each is a turn of the event loop. */
const OPTIONS = { level: 1, chunkSize: 1024 * 1024 };
const TEXT = /^(text\/|application\/(problem\+)?(json|x-subrip|x-ndjson))/;

export function addCompression(app: FastifyInstance): void {
  // With a callback: small responses, which are most, wait for no promise.
  app.addHook<unknown>('onSend', (request, reply, payload, done) => {
    if (!isLarge(payload) || !mayVary(reply)) return done(null, payload);
    const vary = reply.getHeader('vary');
    reply.header('vary', vary === undefined ? 'accept-encoding' : `${String(vary)}, accept-encoding`);
    if (request.method === 'HEAD' || !acceptsGzip(request.headers['accept-encoding'])) return done(null, payload);
    compress(payload, OPTIONS).then((compressed) => {
      reply.header('content-encoding', 'gzip').removeHeader('accept-ranges').removeHeader('content-length');
      const etag = reply.getHeader('etag');
      if (typeof etag === 'string' && !etag.startsWith('W/')) reply.header('etag', `W/${etag}`);
      done(null, compressed);
    }, done);
  });
}

const isLarge = (payload: unknown): payload is string | Buffer =>
  (typeof payload === 'string' || Buffer.isBuffer(payload)) && payload.length >= BYTES_MIN;

const mayVary = (reply: FastifyReply): boolean =>
  reply.statusCode === 200 &&
  !reply.hasHeader('content-encoding') &&
  TEXT.test(String(reply.getHeader('content-type') ?? ''));

export function acceptsGzip(header: string | string[] | undefined): boolean {
  const names = String(header ?? '').split(',');
  const quality = (name: string): number | undefined => {
    const found = names
      .map((text) =>
        text
          .trim()
          .toLowerCase()
          .split(/\s*;\s*/),
      )
      .find(([first]) => first === name);
    if (!found) return undefined;
    const q = found.find((parameter) => parameter.startsWith('q='));
    return q === undefined ? 1 : Number(q.slice(2));
  };
  return (quality('gzip') ?? quality('*') ?? 0) > 0;
}
