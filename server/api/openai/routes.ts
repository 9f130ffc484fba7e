/**
 * The interface of OpenAI's audio API, so that its clients work against the fleet: a request uploads its file, submits a
 * job, waits for its end and returns the transcript. The job has everything that other jobs have: it waits its turn, is
 * retried, has a cost. It is tagged `openai`.
 *
 *     POST /v1/audio/transcriptions    POST /v1/audio/translations    GET /v1/models    GET /v1/models/:model
 *
 * A client that closes its connection cancels its job, unless its request has an Idempotency-Key, with which it can come
 * back for the result.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MonitorError } from '../../../protocol/errors.ts';
import type { ApiContext } from '../context.ts';
import { asMonitorError, logFault, statusOf } from '../errors.ts';
import { withoutKeys } from '../http/credentials.ts';
import type { RefusalLog } from '../http/refusals.ts';
import { modelsOf } from './models.ts';
import { openAiError, shouldRetry } from './problems.ts';
import type { Task } from './responses.ts';
import { transcribe } from './transcribe.ts';

type Options = {
  current: () => ApiContext | null;
  log: (level: 'error', message: string) => void;
  refusals: RefusalLog;
};

export async function addOpenAi(app: FastifyInstance, { current, log, refusals }: Options): Promise<void> {
  await app.register(
    async (routes) => {
      routes.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
      routes.setErrorHandler((error, request, reply) =>
        refuse(asMonitorError(error), request, reply, { log, refusals }),
      );
      for (const [path, task] of TASKS) {
        const what = `openai.${task}`;
        routes.route({
          method: 'POST',
          url: path,
          config: { permission: 'submit', what },
          onResponse: (_request, reply, done) => {
            current()?.meters.http({ operation: what, status: reply.statusCode, duration_ms: reply.elapsedTime });
            done();
          },
          handler: (request, reply) => transcribe(ready(current), request, reply, task),
        });
      }
      const models = { config: { permission: 'any', what: 'openai.models' } } as const;
      routes.get('/models', models, async () => ({ object: 'list', data: modelsOf(ready(current).engine.state) }));
      routes.get<{ Params: { '*': string } }>('/models/*', models, async ({ params }) => {
        const model = modelsOf(ready(current).engine.state).find(({ id }) => id === params['*']);
        if (model) return model;
        throw new MonitorError('not_found', 'model_not_found', `no live worker has the model ${params['*']}`);
      });
    },
    { prefix: '/v1' },
  );
}

const TASKS: readonly (readonly [path: string, task: Task])[] = [
  ['/audio/transcriptions', 'transcribe'],
  ['/audio/translations', 'translate'],
];

function ready(current: () => ApiContext | null): ApiContext {
  const context = current();
  if (context) return context;
  throw new MonitorError('unavailable', 'starting', 'the monitor is reading its journal', { retry_after_seconds: 1 });
}

function refuse(
  error: MonitorError,
  request: FastifyRequest,
  reply: FastifyReply,
  { log, refusals }: Pick<Options, 'log' | 'refusals'>,
): FastifyReply {
  refusals.note(error, request);
  logFault(error, withoutKeys(`${request.method} ${request.url} (${request.id})`), log);
  if (error.kind === 'unauthenticated') reply.header('www-authenticate', 'Bearer');
  if (error.retry_after_seconds !== undefined) reply.header('retry-after', error.retry_after_seconds);
  return reply
    .code(statusOf(error))
    .header('x-should-retry', String(shouldRetry(error)))
    .type('application/json')
    .send(withoutKeys(JSON.stringify(openAiError(error))));
}
