/**
 * Retries a call until the monitor responds, so that finished work is not lost because the monitor restarts.
 *
 * Retries keep the idempotency key, so that a call whose response was lost takes effect once. A refusal (an expired
 * lease, an invalid body) ends it. An internal error (500) is mostly the same on every attempt, so it is retried only a
 * few times.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { backoffMs } from '../sdk/typescript/backoff.ts';
import { BusyError, NoAnswerError, ServerFaultError, UnavailableError } from '../sdk/typescript/index.ts';

export type Patience = {
  /** Stops the retries; the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Called each time there is no response, and with null once there is. */
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

/** Whether the monitor is away for now, as opposed to refusing. */
export function isAway(error: unknown): error is Error {
  return error instanceof NoAnswerError || error instanceof UnavailableError || error instanceof BusyError;
}

/** Full jitter, so that a fleet doesn't retry together. */
export async function pause(tries: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await wait(PAUSE_MS_MIN + backoffMs(RETRY, tries), undefined, signal ? { signal } : {});
  } catch {
    signal?.throwIfAborted();
  }
}
