/**
 * Body parsers, by what an endpoint consumes: JSON, lines of text, or a stream of bytes. Each has its own scope, so
 * that a body of another type is refused with 415 before it is parsed. Text is UTF-8: another charset is refused with
 * 415, and invalid UTF-8 with 400, because otherwise replacement characters would be stored. It may be compressed with gzip,
 * and is then as small as any other when it has been unpacked.
 */
import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MonitorError } from '../../../protocol/errors.ts';
import type { Endpoint } from '../endpoint.ts';

const DEPTH_MAX = 32;

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
  addTextParser(app, ['application/json'], (text) => {
    if (text === '') return undefined;
    const value = parseJson(text);
    assertDepth(value);
    return value;
  });
}

function addTextParsers(app: FastifyInstance): void {
  addTextParser(app, ['application/x-ndjson', 'application/jsonl', 'text/plain'], (text) => text);
}

function addTextParser(app: FastifyInstance, types: string[], parse: (text: string) => unknown): void {
  app.addContentTypeParser(types, { parseAs: 'buffer' }, (request, bytes, done) => {
    const encoding = encodingOf(request);
    if (encoding !== 'identity' && encoding !== 'gzip') {
      return done(notTaken(`the content encoding ${encoding.slice(0, 40)}`), undefined);
    }
    const parsed = (plain: Buffer) => {
      let body: unknown;
      try {
        body = parse(decode(request, plain));
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

/** Throws MonitorError, or as a body that is larger than the endpoint accepts does. */
async function unpacked({ routeOptions }: FastifyRequest, bytes: Buffer): Promise<Buffer> {
  try {
    return await unpack(bytes, { maxOutputLength: routeOptions.bodyLimit });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw Object.assign(new Error(), { code: 'FST_ERR_CTP_BODY_TOO_LARGE' });
    throw new MonitorError('invalid', 'invalid_gzip', `the body is not valid gzip: ${(error as Error).message}`);
  }
}

const encodingOf = ({ headers }: FastifyRequest): string => (headers['content-encoding'] ?? 'identity').toLowerCase();

const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]+)/i;
const UTF8 = /^(utf-?8|us-ascii)$/i;

function decode({ headers }: FastifyRequest, bytes: Buffer): string {
  const type = headers['content-type'];
  const charset = type?.includes(';') ? CHARSET.exec(type)?.[1] : undefined;
  if (charset !== undefined && !UTF8.test(charset)) throw notTaken(`the charset ${charset.slice(0, 40)}`);
  if (!isUtf8(bytes)) {
    throw new MonitorError('invalid', 'invalid_utf8', 'the body is not valid UTF-8', { hint: 'Send UTF-8.' });
  }
  return bytes.toString();
}

function notTaken(what: string): MonitorError {
  return new MonitorError('invalid', 'unsupported_media_type', `${what} is not supported`, {
    hint: 'Send UTF-8, as it is or compressed with gzip.',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MonitorError('invalid', 'invalid_json', `the body is not JSON: ${(error as Error).message}`);
  }
}

/** For uploads: passes the body on, whatever its type. */
function addStreamParser(app: FastifyInstance): void {
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
}

/** Throws if a body is nested so deeply that recursive code could overflow the stack. */
export function assertDepth(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth === DEPTH_MAX) throw new MonitorError('invalid', 'too_deep', `the body is nested deeper than ${DEPTH_MAX}`);
  // Parsed JSON has only own properties.
  for (const name in value) assertDepth((value as Record<string, unknown>)[name], depth + 1);
}
