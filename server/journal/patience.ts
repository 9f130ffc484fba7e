/** Retries reads until the store responds, so that recovery and catch-up survive an outage. */
import { type BackoffOptions, backoff } from '../backoff.ts';
import { type Clock, type Random, sleep } from '../clock.ts';
import { StoreError } from '../objects/store.ts';
import { JournalError } from './errors.ts';

export type PatienceOptions = {
  clock: Clock;
  random: Random;
  signal: AbortSignal;
  /** Called when a read has failed for `after_ms`, and when it succeeds after that. */
  silence?: { after_ms: number; begins: (cause: StoreError) => void; ends: () => void };
};

/** Delays between attempts to reach a store, before jitter. */
export const STORE_RETRIES: BackoffOptions = { base_ms: 20, max_ms: 2_000 };

export class Patience {
  readonly #options: PatienceOptions;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** Throws JournalError('refused' | 'stopped'), and every error of `read` that is not a StoreError. */
  async run<T>(read: () => Promise<T>): Promise<T> {
    const { clock, random, signal, silence } = this.#options;
    const began_ms = clock.monotonic();
    let silent = false;
    for (let attempt = 0; ; attempt++) {
      if (signal.aborted) throw new JournalError('stopped', 'this instance is closing');
      try {
        const result = await read();
        if (silent) silence?.ends();
        return result;
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
