/**
 * Bodies, by what an endpoint takes: JSON, lines of text, or bytes as they come. Each in a scope of its own, so that a body
 * of another type is refused with 415 before anything looks at it.
 */
import type { FastifyInstance } from 'fastify';
import { MonitorError } from '../../../protocol/errors.ts';
import type { Endpoint } from '../endpoint.ts';

const DEPTH_MAX = 32;

/** Which endpoints share a scope, and what its parsers are. */
export const bodyScopes: readonly { takes: (one: Endpoint) => boolean; addParsers: (app: FastifyInstance) => void }[] =
  [
    { takes: ({ consumes }) => consumes === undefined, addParsers: addJsonParser },
    { takes: ({ consumes }) => consumes !== undefined && !consumes.includes('*/*'), addParsers: addTextParsers },
    { takes: ({ consumes }) => consumes?.includes('*/*') ?? false, addParsers: addStreamParser },
  ];

function addJsonParser(app: FastifyInstance): void {
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    if (text === '') return done(null, undefined);
    try {
      const value: unknown = JSON.parse(text as string);
      assertDepth(value);
      done(null, value);
    } catch (error) {
      done(
        error instanceof MonitorError
          ? error
          : new MonitorError('invalid', 'invalid_json', `the body is not JSON: ${(error as Error).message}`),
        undefined,
      );
    }
  });
}

function addTextParsers(app: FastifyInstance): void {
  app.addContentTypeParser(
    ['application/x-ndjson', 'application/jsonl', 'text/plain'],
    { parseAs: 'string' },
    (_request, text, done) => done(null, text),
  );
}

/** For uploads: whatever its type, it is not looked at. */
function addStreamParser(app: FastifyInstance): void {
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
}

/** Throws where a body is nested so deep that what walks through it might not come back. */
export function assertDepth(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth === DEPTH_MAX) throw new MonitorError('invalid', 'too_deep', `the body is nested deeper than ${DEPTH_MAX}`);
  // Of JSON: it has no properties but its own.
  for (const name in value) assertDepth((value as Record<string, unknown>)[name], depth + 1);
}
