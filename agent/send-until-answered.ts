/**
 * Sends a call until the monitor answers it: finished work is not thrown away because the monitor restarts.
 *
 * The call is sent with the same idempotency key each time, so that one whose answer was lost takes effect once. An answer that is
 * a refusal (a lease that expired, a body it won't take) ends it. An internal fault (500) is the same on every try, more often than
 * not, so its patience is short.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { backoffMs } from '../sdk/typescript/backoff.ts';
import { BusyError, NoAnswerError, ServerFaultError, UnavailableError } from '../sdk/typescript/index.ts';

export type Patience = {
  /** Ends the waiting; it rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Told of each time there's no answer, and with null when there is one. */
  onAway?: ((error: Error | null) => void) | undefined;
};

const RETRY = { baseMs: 250, capMs: 5_000 };
const PAUSE_MS_MIN = 50;
const FAULTS_MAX = 5;

export async function sendUntilAnswered<T>(
  send: (options: { idempotencyKey: string; signal: AbortSignal | undefined }) => Promise<T>,
  { signal, onAway }: Patience = {},
): Promise<T> {
  const idempotencyKey = crypto.randomUUID();
  let faults = 0;
  for (let tries = 0; ; tries += 1) {
    try {
      const answer = await send({ idempotencyKey, signal });
      onAway?.(null);
      return answer;
    } catch (error) {
      if (error instanceof ServerFaultError) faults += 1;
      else if (!isAway(error)) throw error;
      if (faults > FAULTS_MAX) throw error;
      onAway?.(error as Error);
      await pause(tries, signal);
    }
  }
}

/** Whether the monitor is away for now, rather than refusing. */
export function isAway(error: unknown): error is Error {
  return error instanceof NoAnswerError || error instanceof UnavailableError || error instanceof BusyError;
}

/** Full jitter, so that a fleet doesn't come back in step. */
export async function pause(tries: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await wait(PAUSE_MS_MIN + backoffMs(RETRY, tries), undefined, signal ? { signal } : {});
  } catch {
    signal?.throwIfAborted();
  }
}
