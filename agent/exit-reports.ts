/**
 * What a worker tells the monitor when it leaves, so that the monitor needn't wait for a timeout: that it claims no more,
 * and that it is gone.
 */
import { ConflictError, NotFoundError, type TranscriptionAPI } from '../sdk/typescript/index.ts';
import type { Notice } from './notices/notice.ts';
import { type Patience, sendUntilAnswered } from './send-until-answered.ts';

const TIMEOUT_MS = 3_000;

/** Never rejects. With a notice it is sent until the monitor responds, because the fleet is to replace the machine. */
export async function reportDraining(
  api: TranscriptionAPI,
  workerId: string,
  notice: Notice | undefined,
  patience: Patience,
): Promise<void> {
  const timeoutMs = TIMEOUT_MS;
  const sent =
    notice === undefined
      ? api.workers.drain(workerId, { retries: 1, timeoutMs })
      : sendUntilAnswered((call) => {
          const drain = { reason: notice.reason, replace: true };
          return api.workers.drain(workerId, { ...drain, ...call, retries: 0, timeoutMs });
        }, patience);
  await sent.catch(() => {});
}

/** Its jobs return to the queue. Rejects if the monitor doesn't respond. */
export async function reportExit(api: TranscriptionAPI, workerId: string): Promise<void> {
  try {
    await api.workers.terminate(workerId, { retries: 1, timeoutMs: TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof ConflictError || error instanceof NotFoundError)) throw error;
  }
}
