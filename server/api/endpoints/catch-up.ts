/**
 * Reading on to the journal's tail before an answer that rests on something not being there: another instance may have
 * written it a moment ago. A store that does not answer must not keep anybody from what is known, so it is waited for
 * briefly, and not at all while it is known to be in trouble.
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
