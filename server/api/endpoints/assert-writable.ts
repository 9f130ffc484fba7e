/** A soft command (progress, heartbeat) may be lost in a crash, but is refused while it could not be written at all. */
import { MonitorError } from '../../../protocol/errors.ts';
import type { ApiContext } from '../context.ts';
import { RETRY_AFTER_SECONDS } from '../errors.ts';

/** Throws 503 while the store accepts no writes. */
export function assertWritable({ engine }: Pick<ApiContext, 'engine'>): void {
  if (engine.journal.status.writable) return;
  throw new MonitorError('unavailable', 'store_unavailable', 'the store accepts no writes now; nothing was recorded', {
    hint: 'Continue the job, and report again later.',
    retry_after_seconds: RETRY_AFTER_SECONDS,
  });
}
