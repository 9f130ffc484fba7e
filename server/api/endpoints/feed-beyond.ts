/** The feed's access to what is not in memory: the archive and the journal's tail. */
import { MonitorError } from '../../../protocol/errors.ts';
import type { Beyond } from '../../feed/subscription.ts';
import type { ApiContext } from '../context.ts';
import { catchUp } from './catch-up.ts';
import { findJob, type Viewer } from './find-job.ts';
import { findWorker } from './find-worker.ts';

export function beyondMemory(context: ApiContext, viewer: Viewer): Beyond {
  return {
    job: (id) => findJob(context, viewer, id).catch(noneIfNotFound),
    worker: (id) => findWorker(context, id).catch(noneIfNotFound),
    catchUp: async () => {
      await catchUp(context);
    },
  };
}

function noneIfNotFound(error: unknown): undefined {
  if (error instanceof MonitorError && error.kind === 'not_found') return undefined;
  throw error;
}
