/**
 * Body parsers, by what an endpoint consumes: JSON, lines of text, or a stream of bytes. Each has its own scope, so
 * that a body of another type is refused with 415 before it is parsed. Text is UTF-8: another charset is refused with
 * 415, and invalid UTF-8 with 400, because otherwise replacement characters would be stored. It may be compressed with gzip,
 * and is then as small as any other when it has been unpacked.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MonitorError } from '../../../protocol/errors.ts';
import type { Endpoint } from '../endpoint.ts';
import { LARGE_BYTES, parseBody, textOf, UnparsedBody } from '../large/unparsed-body.ts';

/** The scopes: the endpoints in each, and its parsers. */
export const bodyScopes: readonly {
  takes: (endpoint: Endpoint) => boolean;
  addParsers: (app: FastifyInstance) => void;
}[] = [
  { takes: ({ consumes }) => consumes === undefined, addParsers: addJsonParser },
  { takes: ({ consumes }) => consumes !== undefined && !consumes.includes('*/*'), addParsers: addTextParsers },
  { takes: ({ consumes }) => consumes?.includes('*/*') ?? false, addParsers: addStreamParser },
];

function addJsonParser(app: FastifyInstance): void {
  addTextParser(app, ['application/json'], (bytes, { routeOptions }) => {
    const { large } = routeOptions.config as { large?: boolean };
    return large && bytes.length > LARGE_BYTES ? new UnparsedBody(bytes) : parseBody(bytes);
  });
}

function addTextParsers(app: FastifyInstance): void {
  addTextParser(app, ['application/x-ndjson', 'application/jsonl', 'text/plain'], textOf);
}

function addTextParser(
  app: FastifyInstance,
  types: string[],
  parse: (bytes: Buffer, request: FastifyRequest) => unknown,
): void {
  app.addContentTypeParser(types, { parseAs: 'buffer' }, (request, bytes, done) => {
    const encoding = encodingOf(request);
    if (encoding !== 'identity' && encoding !== 'gzip') {
      return done(notTaken(`the content encoding ${encoding.slice(0, 40)}`), undefined);
    }
    const parsed = (plain: Buffer) => {
      let body: unknown;
      try {
        assertCharset(request);
        body = parse(plain, request);
      } catch (error) {
        return done(error as Error, undefined);
      }
      done(null, body);
    };
    if (encoding === 'gzip') unpacked(request, bytes as Buffer).then(parsed, done);
    else parsed(bytes as Buffer);
  });
}

const unpack = promisify(gunzip);
/** Of large bodies: each chunk is a turn of the event loop. */
const CHUNK_BYTES = 128 * 1024;

/** Throws MonitorError, or as a body that is larger than the endpoint accepts does. */
async function unpacked({ routeOptions }: FastifyRequest, bytes: Buffer): Promise<Buffer> {
  try {
    return await unpack(bytes, {
      maxOutputLength: routeOptions.bodyLimit,
      ...(bytes.length > CHUNK_BYTES ? { chunkSize: CHUNK_BYTES } : {}),
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw Object.assign(new Error(), { code: 'FST_ERR_CTP_BODY_TOO_LARGE' });
    throw new MonitorError('invalid', 'invalid_gzip', `the body is not valid gzip: ${(error as Error).message}`);
  }
}

const encodingOf = ({ headers }: FastifyRequest): string => (headers['content-encoding'] ?? 'identity').toLowerCase();

const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]+)/i;
const UTF8 = /^(utf-?8|us-ascii)$/i;

function assertCharset({ headers }: FastifyRequest): void {
  const type = headers['content-type'];
  const charset = type?.includes(';') ? CHARSET.exec(type)?.[1] : undefined;
  if (charset !== undefined && !UTF8.test(charset)) throw notTaken(`the charset ${charset.slice(0, 40)}`);
}

function notTaken(what: string): MonitorError {
  return new MonitorError('invalid', 'unsupported_media_type', `${what} is not supported`, {
    hint: 'Send UTF-8, as it is or compressed with gzip.',
  });
}

/** For uploads: passes the body on, whatever its type. */
function addStreamParser(app: FastifyInstance): void {
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
}
