/** Asks the store again until it answers: reads during recovery and catch-up wait out an outage instead of failing. */
import { type BackoffOptions, backoff } from '../backoff.ts';
import { type Clock, type Random, sleep } from '../clock.ts';
import { StoreError } from '../objects/store.ts';
import { JournalError } from './errors.ts';

export type PatienceOptions = {
  clock: Clock;
  random: Random;
  signal: AbortSignal;
  /** Called when a read has gone unanswered for `after_ms`, and when it is answered in the end. */
  silence?: { after_ms: number; begins: (cause: StoreError) => void; ends: () => void };
};

/** Delays between attempts to reach a store, before jitter. */
export const STORE_RETRIES: BackoffOptions = { base_ms: 20, max_ms: 2_000 };

export class Patience {
  readonly #options: PatienceOptions;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** Throws JournalError('refused' | 'stopped'), and whatever `ask` throws that is no StoreError. */
  async ask<T>(ask: () => Promise<T>): Promise<T> {
    const { clock, random, signal, silence } = this.#options;
    const began_ms = clock.monotonic();
    let silent = false;
    for (let attempt = 0; ; attempt++) {
      if (signal.aborted) throw new JournalError('stopped', 'this instance is closing');
      try {
        const answer = await ask();
        if (silent) silence?.ends();
        return answer;
      } catch (error) {
        if (!(error instanceof StoreError) || error.kind !== 'unavailable') {
          if (silent) silence?.ends();
          if (!(error instanceof StoreError)) throw error;
          throw new JournalError('refused', error.message, { hint: error.hint, cause: error });
        }
        if (!silent && silence && clock.monotonic() - began_ms >= silence.after_ms) {
          silent = true;
          silence.begins(error);
        }
      }
      await sleep(clock, random.float() * backoff(attempt, STORE_RETRIES), signal);
    }
  }
}
