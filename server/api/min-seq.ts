/** `min_seq`: the caller has seen that segment, so the response must not be older. */
import { MonitorError } from '../../protocol/errors.ts';
import type { ApiContext } from './context.ts';

const WAIT_MS = 5_000;

/** Removes `min_seq` from the query and waits until this instance has reached it. Throws 503 `seq_not_reached`. */
export async function waitForSeq(query: Record<string, unknown>, context: ApiContext | null): Promise<void> {
  const value = query.min_seq;
  if (value === undefined) return;
  delete query.min_seq;
  const seq = Number(value);
  if (!Number.isSafeInteger(seq) || seq < 0)
    throw new MonitorError('invalid', 'invalid_query', `min_seq is ${value}, but must be a Tmon-Seq`);
  if (!context || (await context.engine.reached(seq, WAIT_MS))) return;
  throw new MonitorError(
    'unavailable',
    'seq_not_reached',
    `this instance is at ${context.engine.state.seq}, not yet at ${seq}`,
    { retry_after_seconds: 1 },
  );
}
