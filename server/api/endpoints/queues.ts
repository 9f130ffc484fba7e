/** The main queue and the dead-letter queue; purge and redrive, each with a dry run that lists the exact jobs. */
import { Type } from 'typebox';
import { BulkAnswer, BulkRequest, Queue } from '../../../protocol/queue.ts';
import { deadLetterQueueDocument, mainQueueDocument, sqsFigures } from '../../documents/queues.ts';
import type { CommandBody } from '../../state-machine/decide/commands.ts';
import type { ApiContext } from '../context.ts';
import { type ApiRequest, type Endpoint, endpoint } from '../endpoint.ts';
import { selectInTurns, submitInParts } from './bulk-command.ts';
import { catchUp } from './catch-up.ts';
import { commandOf } from './command.ts';
import { versioned, versionedState } from './versioned.ts';

const OptionalBulkRequest = Type.Union([BulkRequest, Type.Null()]);

export const queueEndpoints: Endpoint[] = [
  endpoint({
    method: 'GET',
    path: '/queues/main',
    operation: 'queues.main',
    permission: 'fleet',
    summary: 'Get the main queue',
    responses: { 200: Queue },
    etag: true,
    run: versioned({
      async find({ engine, queue }) {
        return { state: engine.state, sqs: queue && sqsFigures(await queue.figures(), queue.not_understood) };
      },
      version: ({ state, sqs }) => (sqs ? null : state.seq),
      document: ({ state, sqs }) => ({ ...mainQueueDocument(state), ...(sqs ? { sqs } : {}) }),
    }),
  }),
  endpoint({
    method: 'GET',
    path: '/queues/dlq',
    operation: 'queues.dlq',
    permission: 'fleet',
    summary: 'Get the dead-letter queue; GET /jobs?state=FAILED lists its jobs',
    responses: { 200: Queue },
    etag: true,
    run: versionedState(deadLetterQueueDocument),
  }),
  bulk('/queues/main/purge', 'queues.purge', 'Cancel the waiting jobs', (filter) => ({
    type: 'purge_queue',
    queue: 'main',
    filter,
  })),
  bulk('/queues/dlq/purge', 'queues.purgeDlq', 'Remove dead letters; their jobs stay FAILED', (filter) => ({
    type: 'purge_queue',
    queue: 'dlq',
    filter,
  })),
  bulk('/queues/dlq/redrive', 'queues.redrive', 'Move dead letters back to the main queue', (filter) => ({
    type: 'redrive',
    filter,
  })),
];

function bulk(
  path: string,
  operation: string,
  summary: string,
  body: (filter: NonNullable<BulkRequest['filter']>) => CommandBody & { type: 'purge_queue' | 'redrive' },
): Endpoint {
  return endpoint({
    method: 'POST',
    path,
    operation,
    permission: 'operate',
    summary,
    body: OptionalBulkRequest,
    responses: { 200: BulkAnswer },
    async run(context: ApiContext, { body: request, caller }: ApiRequest<unknown, unknown, BulkRequest | null>) {
      const { engine } = context;
      const { filter = {}, dry_run = false } = request ?? {};
      const selection = body(filter);
      if (dry_run) {
        await catchUp(context);
        return { job_ids: await selectInTurns(engine.state, selection), dry_run };
      }
      const command = { ...commandOf(caller, selection), body: selection };
      return { job_ids: await submitInParts(engine, command), dry_run };
    },
  });
}
