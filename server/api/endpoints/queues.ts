/** The queues: what waits, what lies dead; purge and redrive, each with a dry run that names the exact jobs. */
import { Type } from 'typebox';
import { BulkAnswer, BulkRequest, Queue } from '../../../protocol/queue.ts';
import { deadLetterQueueDocument, mainQueueDocument } from '../../documents/queues.ts';
import type { CommandBody } from '../../state-machine/decide/commands.ts';
import { selectJobs } from '../../state-machine/decide/queues.ts';
import type { ApiContext } from '../context.ts';
import { type ApiRequest, type Endpoint, endpoint } from '../endpoint.ts';
import { submitInParts } from './bulk-command.ts';
import { catchUp } from './catch-up.ts';
import { commandOf } from './command.ts';
import { versionedState } from './versioned.ts';

const OptionalBulkRequest = Type.Union([BulkRequest, Type.Null()]);

export const queueEndpoints: Endpoint[] = [
  endpoint({
    method: 'GET',
    path: '/queues/main',
    operation: 'queues.main',
    summary: 'The main queue',
    answers: { 200: Queue },
    etag: true,
    run: versionedState(mainQueueDocument),
  }),
  endpoint({
    method: 'GET',
    path: '/queues/dlq',
    operation: 'queues.dlq',
    summary: 'The dead-letter queue; its jobs are GET /jobs?state=FAILED',
    answers: { 200: Queue },
    etag: true,
    run: versionedState(deadLetterQueueDocument),
  }),
  bulk('/queues/main/purge', 'queues.purge', 'Cancel the jobs that wait', (filter) => ({
    type: 'purge_queue',
    queue: 'main',
    filter,
  })),
  bulk('/queues/dlq/purge', 'queues.purgeDlq', 'Give dead letters up; they stay FAILED', (filter) => ({
    type: 'purge_queue',
    queue: 'dlq',
    filter,
  })),
  bulk('/queues/dlq/redrive', 'queues.redrive', 'Put dead letters back into the main queue', (filter) => ({
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
    summary,
    body: OptionalBulkRequest,
    answers: { 200: BulkAnswer },
    async run(context: ApiContext, { body: asked, caller }: ApiRequest<unknown, unknown, BulkRequest | null>) {
      const { engine } = context;
      const { filter = {}, dry_run = false } = asked ?? {};
      const selection = body(filter);
      if (dry_run) {
        await catchUp(context);
        return { job_ids: selectJobs(engine.state, selection).map((job) => job.job_id), dry_run };
      }
      const command = { ...commandOf(caller, selection), body: selection };
      return { job_ids: await submitInParts(engine, command), dry_run };
    },
  });
}
