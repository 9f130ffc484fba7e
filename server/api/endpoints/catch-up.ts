/**
 * Reads to the journal's tail before a response that depends on something not existing: another instance may just have
 * written it. A store that does not respond must not block reads, so the wait is short, and skipped while the store is
 * known to fail.
 */
import { sleep } from '../../clock.ts';
import type { ApiContext } from '../context.ts';

const CATCH_UP_MS = 2_000;

/** Returns whether the tail was reached. */
export async function catchUp({ engine, clock }: Pick<ApiContext, 'engine' | 'clock'>): Promise<boolean> {
  if (!engine.journal.status.writable) return false;
  const done = new AbortController();
  const read = engine.journal.catchUp().then(() => done.abort());
  await Promise.race([read, sleep(clock, CATCH_UP_MS, done.signal)]);
  return done.signal.aborted;
}
