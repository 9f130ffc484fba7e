/** Waits for the end of a job. */
import { MonitorError } from '../../../protocol/errors.ts';
import { FINISHED_STATES } from '../../../protocol/job.ts';
import type { ApiContext } from '../context.ts';

const FINISHED: ReadonlySet<string> = new Set(FINISHED_STATES);

/**
 * Resolves when the job is COMPLETED, FAILED or CANCELLED, or has left memory. Rejects with the signal's reason, or with
 * MonitorError `stopping` when this instance stops.
 */
export async function untilEnded({ engine, feed }: ApiContext, job_id: string, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = () => {
    const job = engine.state.job(job_id);
    if (job === undefined || FINISHED.has(job.state)) resolve();
  };
  const gone = () => reject(signal.reason);
  signal.addEventListener('abort', gone);
  const unsubscribe = engine.subscribe(look);
  const leave = feed.onClose(() => {
    const message = `this instance is stopping; the job ${job_id} goes on`;
    reject(new MonitorError('unavailable', 'stopping', message, { retry_after_seconds: 1 }));
  });
  if (signal.aborted) gone();
  look();
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', gone);
    unsubscribe();
    leave();
  }
}
