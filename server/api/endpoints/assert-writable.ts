/** Soft commands (progress, heartbeats) may be lost in a crash; what is sure to be lost is not taken. */
import { MonitorError } from '../../../protocol/errors.ts';
import type { ApiContext } from '../context.ts';
import { RETRY_AFTER_SECONDS } from '../errors.ts';

/** Throws 503 while the store takes no writes. */
export function assertWritable({ engine }: Pick<ApiContext, 'engine'>): void {
  if (engine.journal.status.writable) return;
  throw new MonitorError('unavailable', 'store_unavailable', 'the store takes no writes now; this was not recorded', {
    hint: 'Go on with the job, and report again later.',
    retry_after_seconds: RETRY_AFTER_SECONDS,
  });
}
