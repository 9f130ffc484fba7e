/**
 * The HTTP API: every endpoint, and what is the same for all of them: parsing, validation, errors, headers, documents.
 *
 * It listens before the journal has been recovered, so that a probe hears "starting" and not nothing; `serve` hands it
 * the engine. An answer carries `Tmon-Seq`, the segment it reflects; `Tmon-Stale` says why, while nothing can be written.
 */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { MonitorError } from '../../protocol/errors.ts';
import type { Settings } from '../config.ts';
import type { ApiContext } from './context.ts';
import type { ApiRequest, Endpoint } from './endpoint.ts';
import { asMonitorError, statusOf, toProblem } from './errors.ts';
import { jobReportEndpoints } from './job-reports.ts';
import { jobEndpoints } from './jobs.ts';
import { logEventEndpoints } from './log-events.ts';
import { openApiDocument } from './openapi.ts';
import { addProbes } from './probes.ts';
import { queueEndpoints } from './queues.ts';
import { systemEndpoints } from './system.ts';
import { uploadEndpoints } from './uploads.ts';
import { compileValidator } from './validation.ts';
import { workerEndpoints } from './workers.ts';

export const endpoints: readonly Endpoint[] = [
  ...jobEndpoints,
  ...jobReportEndpoints,
  ...workerEndpoints,
  ...queueEndpoints,
  ...systemEndpoints,
  ...logEventEndpoints,
  ...uploadEndpoints,
];

export type Api = {
  app: FastifyInstance;
  /** From now on requests are served. */
  serve(context: ApiContext): void;
  /** From now on workers are given no more jobs. */
  retire(): void;
};

const PREFIX = '/api/v1';
const DEPTH_MAX = 32;
const MIN_SEQ_WAIT_MS = 5_000;

export async function buildApi(
  settings: Settings,
  version: string,
  log: (level: 'info' | 'warn' | 'error', message: string) => void,
): Promise<Api> {
  const app = Fastify({
    logger: false,
    bodyLimit: settings.body_bytes_max,
    routerOptions: { ignoreTrailingSlash: true },
    forceCloseConnections: true,
    keepAliveTimeout: 75_000,
    requestTimeout: 0,
    http: { headersTimeout: 20_000, maxHeaderSize: 16 * 1024 },
  });
  let context: ApiContext | null = null;
  app.setValidatorCompiler(compileValidator as never);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.decorateRequest('idempotencyKey', null);
  addParsers(app);
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, log));
  app.setNotFoundHandler((request, reply) =>
    answerError(
      new MonitorError('not_found', 'route_not_found', `there is no ${request.method} ${request.url.split('?')[0]}`, {
        hint: 'The API document lists what there is: /api/v1/openapi.json',
      }),
      request,
      reply,
      log,
    ),
  );
  app.addHook('onSend', async (_, reply) => {
    if (!context) return;
    const { seq, problem } = context.engine.journal.status;
    reply.header('tmon-seq', seq);
    if (problem !== null) reply.header('tmon-stale', 'the store takes no writes; this is as of Tmon-Seq');
  });
  addProbes(app, () => context);

  const document = openApiDocument(endpoints, version);
  await app.register(swagger, { mode: 'static', specification: { document: document as never } });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  app.get(`${PREFIX}/openapi.json`, async () => document);

  await app.register(
    async (routes) => {
      for (const one of endpoints.filter(({ operation }) => operation !== 'uploads.create'))
        addRoute(routes, one, () => context);
    },
    { prefix: PREFIX },
  );
  await app.register(
    async (routes) => {
      routes.removeAllContentTypeParsers();
      routes.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
      for (const one of endpoints.filter(({ operation }) => operation === 'uploads.create'))
        addRoute(routes, one, () => context);
    },
    { prefix: PREFIX },
  );
  return {
    app,
    serve: (given) => {
      context = given;
    },
    retire: () => context?.claims.close(),
  };
}

function addRoute(app: FastifyInstance, one: Endpoint, current: () => ApiContext | null): void {
  app.route({
    method: one.method,
    url: one.path,
    ...(one.bodyLimit === undefined ? {} : { bodyLimit: one.bodyLimit }),
    schema: {
      ...(one.params ? { params: one.params } : {}),
      ...(one.query ? { querystring: one.query } : {}),
      ...(one.body ? { body: one.body } : {}),
    },
    // A POST without a body is a POST of null: those that need one refuse it by their schema.
    preValidation: async (request) => {
      if (one.body && request.body === undefined) request.body = null;
      await waitForSeq(request, current());
    },
    handler: async (request, reply) => {
      const context = current();
      if (!context) {
        throw new MonitorError('unavailable', 'starting', 'the monitor is reading its journal', {
          retry_after_seconds: 1,
        });
      }
      const { params, query, body } = request;
      return one.run(context, { params, query, body, request, reply } as ApiRequest<never, never, never>);
    },
  });
}

/** `min_seq`: the reader has seen that segment, and must not be shown less. */
async function waitForSeq(request: FastifyRequest, context: ApiContext | null): Promise<void> {
  const query = request.query as Record<string, unknown>;
  const text = query.min_seq;
  if (text === undefined) return;
  delete query.min_seq;
  const seq = Number(text);
  if (!Number.isSafeInteger(seq) || seq < 0)
    throw new MonitorError('invalid', 'invalid_query', `min_seq is ${text}; it takes a Tmon-Seq`);
  if (!context || (await context.engine.reached(seq, MIN_SEQ_WAIT_MS))) return;
  throw new MonitorError(
    'unavailable',
    'seq_not_reached',
    `this instance is at ${context.engine.state.seq}, not yet at ${seq}`,
    {
      retry_after_seconds: 1,
    },
  );
}

function addParsers(app: FastifyInstance): void {
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    if (text === '') return done(null, undefined);
    try {
      const value: unknown = JSON.parse(text as string);
      assertDepth(value, 0);
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
  const asText = (_request: unknown, text: string | Buffer, done: (error: null, body: unknown) => void) =>
    done(null, text);
  app.addContentTypeParser(['application/x-ndjson', 'application/jsonl', 'text/plain'], { parseAs: 'string' }, asText);
}

function assertDepth(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth === DEPTH_MAX) throw new MonitorError('invalid', 'too_deep', `the body is nested deeper than ${DEPTH_MAX}`);
  for (const inner of Object.values(value)) assertDepth(inner, depth + 1);
}

function answerError(
  cause: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: (level: 'error', message: string) => void,
): FastifyReply {
  const error = asMonitorError(cause);
  if (error.kind === 'internal' || error.kind === 'corrupt') {
    log(
      'error',
      `${request.method} ${request.url} (${request.id}): ${(error.cause as Error | undefined)?.stack ?? error.stack}`,
    );
  }
  if (error.retry_after_seconds !== undefined) reply.header('retry-after', error.retry_after_seconds);
  const unknown = error.code === 'outcome_unknown' && request.idempotencyKey !== null;
  const problem = {
    ...toProblem(error, request.id),
    ...(unknown ? { idempotency_key: request.idempotencyKey } : {}),
  };
  return reply.code(statusOf(error)).type('application/problem+json').send(JSON.stringify(problem));
}
