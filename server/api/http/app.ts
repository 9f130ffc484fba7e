/**
 * The HTTP API: every endpoint, and what all of them have in common: parsing, validation, errors, headers, documents.
 *
 * It listens before the journal has been recovered, so that probes get "starting"; `serve` passes it the engine. Every
 * response has `Tmon-Seq`, the segment it reflects, and `Tmon-Stale` with the reason while nothing can be written.
 */
import { isIP } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import cors from '@fastify/cors';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { dashboardFolder } from '../../../installation/own-files.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import { quotaHeaders } from '../../access/rate-limits.ts';
import { type Clock, systemClock } from '../../clock.ts';
import type { Settings } from '../../config.ts';
import { addPages } from '../../pages/pages.ts';
import { assertKey, HttpCaller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { bodySchema, type Endpoint, NOTHING, querySchema } from '../endpoint.ts';
import { backtestEndpoints } from '../endpoints/alert-backtest.ts';
import { alertEndpoints } from '../endpoints/alerts.ts';
import { analyticsEndpoints } from '../endpoints/analytics.ts';
import { attemptLogEndpoints } from '../endpoints/attempt-logs.ts';
import { auditEndpoints } from '../endpoints/audit.ts';
import { erasureEndpoints } from '../endpoints/erasure.ts';
import { feedEndpoints } from '../endpoints/feed-sse.ts';
import { jobReportEndpoints } from '../endpoints/job-reports.ts';
import { jobEndpoints } from '../endpoints/jobs.ts';
import { keyEndpoints } from '../endpoints/keys.ts';
import { linkEndpoints } from '../endpoints/links.ts';
import { logEventEndpoints } from '../endpoints/log-events.ts';
import { notificationEndpoints } from '../endpoints/notifications.ts';
import { policyEndpoints } from '../endpoints/policies.ts';
import { queueEndpoints } from '../endpoints/queues.ts';
import { sessionEndpoints } from '../endpoints/session.ts';
import { sessionsEndpoints } from '../endpoints/sessions.ts';
import { sourceEndpoints } from '../endpoints/sources.ts';
import { systemEndpoints } from '../endpoints/system.ts';
import { tenantEndpoints } from '../endpoints/tenants.ts';
import { uploadEndpoints } from '../endpoints/uploads.ts';
import { workerEndpoints } from '../endpoints/workers.ts';
import { asMonitorError, logFault, statusOf, toProblem } from '../errors.ts';
import { waitForSeq } from '../min-seq.ts';
import { addOpenAi } from '../openai/routes.ts';
import { addFeedWebSocket } from '../socket/feed-websocket.ts';
import { compileValidator } from '../validation.ts';
import { BodyDeadlines } from './body-deadlines.ts';
import { addCompression } from './compression.ts';
import { continueWhenRead } from './continue.ts';
import { withoutKeys } from './credentials.ts';
import { parseOrigins } from './foreign-origin.ts';
import { addGuard } from './guard.ts';
import { addMetrics, metricsPage } from './metrics.ts';
import type { MetricsPage } from './metrics-server.ts';
import { noSuchRoute } from './no-such-route.ts';
import { openApiDocument } from './openapi.ts';
import { bodyScopes } from './parsers.ts';
import { addProbes } from './probes.ts';
import { RefusalLog } from './refusals.ts';
import { ALWAYS } from './response-headers.ts';
import { addSignIn } from './sign-in.ts';
import { withSamplesInDescriptions } from './snippets.ts';
import { respondUnparsed } from './unparsed.ts';

export const endpoints: readonly Endpoint[] = [
  ...jobEndpoints,
  ...erasureEndpoints,
  ...jobReportEndpoints,
  ...attemptLogEndpoints,
  ...workerEndpoints,
  ...queueEndpoints,
  ...systemEndpoints,
  ...alertEndpoints,
  ...policyEndpoints,
  ...backtestEndpoints,
  ...notificationEndpoints,
  ...logEventEndpoints,
  ...sourceEndpoints,
  ...feedEndpoints,
  ...uploadEndpoints,
  ...analyticsEndpoints,
  ...keyEndpoints,
  ...tenantEndpoints,
  ...sessionEndpoints,
  ...linkEndpoints,
  ...sessionsEndpoints,
  ...auditEndpoints,
];

export type Api = {
  app: FastifyInstance;
  /** What `GET /metrics` returns. */
  metrics: MetricsPage;
  /** Further connections get this certificate. */
  certify(tls: { cert: string; key: string }): void;
  /** Begins to serve requests. */
  serve(context: ApiContext): void;
  /** Hands out no more jobs, and closes each connection after its next response. */
  retire(): void;
  /** Completes the requests under way, then closes every connection. */
  close(clock: Clock): Promise<void>;
};

const PREFIX = '/api/v1';
/** The API document and its pages: the same for every monitor of a version. */
const OPEN = { permission: 'open', what: 'the API document' } as const;

/** Replaces the logo of Swagger UI. */
const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 260 40"><text x="0" y="27" font-family="sans-serif" font-size="22" fill="#fff">transcription-monitor</text></svg>';
/** The plugin's default has upgrade-insecure-requests, which breaks the scripts over plain HTTP except on localhost. */
const PAGES_MAY =
  "default-src 'self'; base-uri 'none'; font-src 'self' data:; frame-ancestors 'none'; img-src 'self' data:; object-src 'none'; " +
  "script-src 'self'; script-src-attr 'none'; style-src 'self' 'unsafe-inline'";
/** For pages of allowed origins; a preflight is cached for ten minutes. */
const CORS = {
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
  exposedHeaders: [
    'Tmon-Seq',
    'Tmon-Stale',
    'Tmon-Warning',
    'ETag',
    'Location',
    'Retry-After',
    'Content-Range',
    'Log-End',
    'Log-Complete',
    'RateLimit',
    'RateLimit-Policy',
  ],
  maxAge: 600,
  strictPreflight: false,
};
/** Encrypted and authenticated at once, with forward secrecy: AES-GCM and ChaCha20-Poly1305 alone. */
const TLS = {
  minVersion: 'TLSv1.2',
  honorCipherOrder: true,
  ciphers: [
    ...['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'],
    ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
    ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ].join(':'),
} as const;
/** Browsers do not go back to plain HTTP. */
const HSTS = 'max-age=31536000';
/** After the longest commit, clients that are still sending or reading have this long before they are cut off. */
const LAST_RESPONSES_MS = 3_000;

export type ApiParts = {
  /** Null: HTTP. */
  tls?: { cert: string; key: string } | null;
  /** The built dashboard. */
  pages_folder?: string;
};

export async function buildApi(
  settings: Settings,
  version: string,
  log: (level: 'info' | 'warn' | 'error', message: string) => void,
  clock: Clock = systemClock,
  { tls = null, pages_folder = dashboardFolder }: ApiParts = {},
): Promise<Api> {
  const refusals = new RefusalLog(log, clock);
  const respondError = (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    sendProblem(error, request, reply, { log, refusals });
  const app = Fastify({
    ...((tls === null ? {} : { https: { ...TLS, ...tls } }) as object),
    ...trustedProxies(settings.trusted_proxies),
    logger: false,
    bodyLimit: settings.body_bytes_max,
    // A source's name is a URL.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 2048 },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    keepAliveTimeout: 75_000,
    requestTimeout: 0,
    http: { headersTimeout: 20_000, maxHeaderSize: 16 * 1024 },
    frameworkErrors: respondError,
    clientErrorHandler: respondUnparsed,
  });
  continueWhenRead(app.server);
  let context: ApiContext | null = null;
  let retired = false;
  app.setValidatorCompiler(compileValidator as never);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.decorateRequest('idempotencyKey', null);
  app.removeAllContentTypeParsers();
  app.setErrorHandler(respondError);
  const noRoute = noSuchRoute(endpoints, PREFIX);
  app.setNotFoundHandler((request, reply) => respondError(noRoute(request, reply), request, reply));
  const bodies = new BodyDeadlines(clock, settings.body_idle_ms);
  app.addHook('onRequest', (request, reply, done) => {
    bodies.watch(request, reply);
    reply.headers(ALWAYS);
    if (request.protocol === 'https') reply.header('strict-transport-security', HSTS);
    done();
  });
  const origins = parseOrigins(settings.allowed_origins);
  addGuard(app, { current: () => context, allowed_origins: settings.allowed_origins, noRoute });
  if (origins.length > 0) await app.register(cors, { ...CORS, origin: origins });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (retired) reply.header('connection', 'close');
    if (context) {
      const { seq, problem } = context.engine.journal.status;
      reply.header('tmon-seq', seq);
      if (problem !== null) reply.header('tmon-stale', 'the store accepts no writes; this is the state as of Tmon-Seq');
    }
    done(null, payload);
  });
  addCompression(app);
  addProbes(app, () => context);
  addSignIn(app, () => context);
  const metrics = metricsPage(() => context, version);
  addMetrics(app, metrics);
  await addPages(app, pages_folder);
  await addOpenAi(app, { current: () => context, log, refusals });
  const sockets = await addFeedWebSocket(app, { current: () => context, endpoints, log, refusals });

  const document = openApiDocument(endpoints, version);
  await app.register(swagger, { mode: 'static', specification: { document: document as never } });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    logo: { type: 'image/svg+xml', content: Buffer.from(LOGO) },
    theme: { title: 'transcription-monitor: the API' },
    staticCSP: PAGES_MAY,
    transformSpecification: withSamplesInDescriptions,
    transformSpecificationClone: false,
  });
  app.get(`${PREFIX}/openapi.json`, { config: OPEN }, async () => document);

  for (const { takes, addParsers } of bodyScopes) {
    await app.register(
      async (routes) => {
        addParsers(routes);
        for (const endpoint of endpoints.filter(takes)) addRoute(routes, endpoint, () => context);
      },
      { prefix: PREFIX },
    );
  }
  return {
    app,
    metrics,
    certify: (next) => (app.server as unknown as TlsServer).setSecureContext({ ...TLS, ...next }),
    serve: (ready) => {
      context = ready;
    },
    retire: () => {
      retired = true;
      context?.claims.close();
      context?.feed.close();
    },
    async close(clock) {
      const patience = clock.after(settings.outcome_unknown_ms + LAST_RESPONSES_MS, () =>
        app.server.closeAllConnections(),
      );
      await sockets.drained();
      await app.close();
      bodies.close();
      patience();
    },
  };
}

/** Throws MonitorError `bad_setting`. */
function trustedProxies(text: string): { trustProxy?: string[] } {
  if (text === '') return {};
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !NAMED.has(name) && !isAddress(name));
  if (wrong === undefined) return { trustProxy: names };
  throw new MonitorError(
    'invalid',
    'bad_setting',
    `trusted_proxies has ${JSON.stringify(wrong)}, which is no address`,
    {
      hint: 'Use addresses and networks, such as 127.0.0.1 or 10.0.0.0/8, or loopback, linklocal, uniquelocal.',
    },
  );
}

const NAMED = new Set(['loopback', 'linklocal', 'uniquelocal']);

function isAddress(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  const version = isIP(address);
  const width = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
  return version !== 0 && width && more === undefined;
}

function addRoute(app: FastifyInstance, endpoint: Endpoint, current: () => ApiContext | null): void {
  const body = bodySchema(endpoint);
  const { bodyLimit = 0 } = app.initialConfig;
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    config: {
      permission: endpoint.permission,
      what: endpoint.operation,
      ticket: endpoint.ticket ?? false,
      large: endpoint.large ?? false,
    },
    ...(endpoint.bodyLimit === undefined
      ? {}
      : { bodyLimit: endpoint.large ? Math.max(endpoint.bodyLimit, bodyLimit) : endpoint.bodyLimit }),
    schema: {
      ...(endpoint.params ? { params: endpoint.params } : {}),
      querystring: querySchema(endpoint),
      ...(body ? { body } : {}),
    },
    onResponse: (_request, reply, done) => {
      const { operation } = endpoint;
      current()?.meters.http({ operation, status: reply.statusCode, duration_ms: reply.elapsedTime });
      done();
    },
    // A missing body is null, which the schemas of endpoints with a required body refuse.
    preValidation: (request, _reply, done) => {
      if (body && request.body === undefined) request.body = null;
      const query = request.query as Record<string, unknown>;
      if (query.min_seq === undefined) done();
      else waitForSeq(query, current()).then(() => done(), done);
    },
    handler: async (request, reply) => {
      const caller = new HttpCaller(request, reply);
      assertKey(caller.sent_key);
      const context = current();
      if (!context) {
        throw new MonitorError('unavailable', 'starting', 'the monitor is reading its journal', {
          retry_after_seconds: 1,
        });
      }
      const { params, query, body } = request;
      const result = await endpoint.run(context, { params, query, body, caller, reply, http: { request, reply } });
      return result === NOTHING ? reply.send() : result;
    },
  });
}

function sendProblem(
  cause: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { log, refusals }: { log: (level: 'error', message: string) => void; refusals: RefusalLog },
): FastifyReply {
  const error = asMonitorError(cause);
  refusals.note(error, request);
  logFault(error, withoutKeys(`${request.method} ${request.url} (${request.id})`), log);
  if (error.kind === 'unauthenticated') reply.header('www-authenticate', 'Bearer');
  reply.headers(ALWAYS);
  if (error.retry_after_seconds !== undefined) reply.header('retry-after', error.retry_after_seconds);
  if (error.code === 'quota_exceeded') reply.headers(quotaHeaders(error.extra ?? {}));
  const unknown = error.code === 'outcome_unknown' && request.idempotencyKey !== null;
  const problem = {
    ...toProblem(error, request.id),
    ...(unknown ? { idempotency_key: request.idempotencyKey } : {}),
  };
  return reply
    .code(statusOf(error))
    .type('application/problem+json')
    .send(withoutKeys(JSON.stringify(problem)));
}
