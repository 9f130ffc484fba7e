/**
 * What failures of the store mean for writes. The journal checks it before it accepts or writes anything.
 *
 *     well     writes are accepted
 *     silent   the store does not respond; the current segment is sent until it does            → well
 *     refused  the store rejects writes (full, read-only, denied); a probe tests it every 2 s   → well
 *     halted   an object is damaged or missing, or two instances disagree; only reads continue  (final)
 *
 * After a refused put no write is tried until the next probe could have succeeded; then a write may test the store,
 * too.
 */
import type { Clock } from '../clock.ts';
import type { ObjectStore, StoreError } from '../objects/store.ts';
import { JournalError } from './errors.ts';

export type TroubleOptions = {
  store: ObjectStore;
  clock: Clock;
  instance: string;
  signal: AbortSignal;
  log: (level: 'info' | 'warn' | 'error', message: string) => void;
};

/** Pause between tests of a store that refuses writes. */
export const REFUSED_PAUSE_MS = 2_000;

export class Trouble {
  readonly #options: TroubleOptions;
  #error: JournalError | null = null;
  #halted = false;
  /** No put is tried before this time. */
  #closed_until_ms = 0;
  #probing = false;

  constructor(options: TroubleOptions) {
    this.#options = options;
  }

  /** Why writes fail; null if the store is well. */
  get error(): JournalError | null {
    return this.#error;
  }

  get halted(): boolean {
    return this.#halted;
  }

  /** The error for a write that must not be tried now; null if it may be tried. */
  cannotWrite(): JournalError | null {
    const mayTest = this.#error?.kind === 'refused' && this.#options.clock.monotonic() >= this.#closed_until_ms;
    return this.#halted || !mayTest ? this.#error : null;
  }

  /** The store does not respond. Returns the error for pending proposals; null if halted. */
  silent(cause: StoreError): JournalError | null {
    if (this.#halted) return null;
    const { hint } = cause;
    this.#error = new JournalError('unavailable', `the store does not respond: ${cause.message}`, { hint });
    return this.#error;
  }

  /** A read succeeded after the store had not responded. */
  readSucceeded(): void {
    if (this.#error?.kind === 'unavailable') this.#error = null;
  }

  /** A put returned created or not created: the store accepts writes. */
  putSucceeded(): void {
    if (!this.#halted) this.#error = null;
  }

  /** A put was refused and cannot have been written. Returns the error to throw. */
  putRefused(key: string, cause: StoreError): JournalError {
    this.#closed_until_ms = this.#options.clock.monotonic() + REFUSED_PAUSE_MS;
    const { hint } = cause;
    return new JournalError('refused', `the store refused ${key}: ${cause.message}`, { hint, cause });
  }

  /** Handles an error of a commit or a read. */
  handle(error: unknown): void {
    const { log } = this.#options;
    if (!(error instanceof JournalError)) {
      const message = `the journal cannot continue after an unexpected error: ${String(error)}`;
      return this.halt(new JournalError('corrupt', message, { cause: error }));
    }
    if (error.kind === 'corrupt') return this.halt(error);
    if (error.kind !== 'refused') return log('warn', error.message);
    if (!this.#error) log('error', error.message);
    this.#error = error;
    this.#probeLater();
  }

  /** Stops all writes. A second error is added to the first. */
  halt(error: JournalError): void {
    const first = this.#halted ? this.#error : null;
    this.#halted = true;
    this.#error = first
      ? new JournalError('corrupt', `${first.message}; ${error.message}`, {
          hint: first.hint,
          cause: error,
          problems: [...first.problems, ...error.problems],
        })
      : error;
    this.#options.log('error', `${error.message}. Writes have stopped; reads continue, marked stale.`);
  }

  get #refused(): boolean {
    return this.#error?.kind === 'refused' && !this.#halted && !this.#options.signal.aborted;
  }

  #probeLater(): void {
    if (this.#probing) return;
    this.#probing = true;
    this.#options.clock.after(REFUSED_PAUSE_MS, async () => {
      await this.#probe();
      this.#probing = false;
      if (this.#refused) this.#probeLater();
    });
  }

  async #probe(): Promise<void> {
    if (!this.#refused) return;
    const { store, instance, log } = this.#options;
    try {
      await store.put(`meta/probe/${instance}`, Buffer.from('a probe after a refused write\n'));
      await store.delete(`meta/probe/${instance}`);
    } catch {
      return;
    }
    if (this.#error?.kind !== 'refused') return;
    this.#error = null;
    log('info', 'the store accepts writes again');
  }
}
