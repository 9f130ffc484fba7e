/**
 * Compresses large responses with gzip if the client accepts it, on threads of zlib. Ranges, streams and what is compressed
 * already are sent as they are. A compressed response is another representation: its ETag becomes weak, so that `If-Range` asks for
 * no part of it.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';

const compress = promisify(gzip);

/** Below, compression takes longer than it saves on most networks. */
const BYTES_MIN = 64 * 1024;
/** A third of the time of the default, for a tenth more bytes. Large chunks, since each is a turn of the event loop. */
const OPTIONS = { level: 1, chunkSize: 1024 * 1024 };
const TEXT = /^(text\/|application\/(problem\+)?(json|x-subrip|x-ndjson))/;

export function addCompression(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload) => {
    if (!(typeof payload === 'string' || Buffer.isBuffer(payload)) || payload.length < BYTES_MIN) return payload;
    const type = String(reply.getHeader('content-type') ?? '');
    if (reply.statusCode !== 200 || reply.hasHeader('content-encoding') || !TEXT.test(type)) return payload;
    const vary = reply.getHeader('vary');
    reply.header('vary', vary === undefined ? 'accept-encoding' : `${String(vary)}, accept-encoding`);
    if (request.method === 'HEAD' || !acceptsGzip(request.headers['accept-encoding'])) return payload;
    const compressed = await compress(payload, OPTIONS);
    reply.header('content-encoding', 'gzip').removeHeader('accept-ranges').removeHeader('content-length');
    const etag = reply.getHeader('etag');
    if (typeof etag === 'string' && !etag.startsWith('W/')) reply.header('etag', `W/${etag}`);
    return compressed;
  });
}

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
