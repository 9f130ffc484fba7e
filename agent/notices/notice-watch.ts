/**
 * Polls a cloud for notices about this machine, for as long as the process lives.
 *
 *     probing ──► absent       not on this cloud: nothing more is asked, nothing is logged
 *        │
 *        └─────► polling ──► told      an interruption is final
 *
 * A failure is logged once and changes nothing: the next poll asks again. A rebalance recommendation that is older than
 * this process is ignored: whoever started it knew, and a supervisor would only start it again.
 */
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import type { Notice, NoticeSource, Notices } from './notice.ts';

export type NoticeWatchOptions = {
  source: NoticeSource;
  log: (line: { message: string; [detail: string]: unknown }) => void;
  clock?: Clock;
};

/** As AWS recommends. */
const POLL_MS = 5_000;

export class NoticeWatch implements Notices {
  readonly #options: NoticeWatchOptions;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(notice: Notice) => void>();
  #current: Notice | undefined;
  /** The notice of the first response. */
  #first: Notice | null | undefined;
  #failed = false;

  constructor(options: NoticeWatchOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Resolves when there is nothing more to ask: not on this cloud, interrupted, or stopped. */
  async run(): Promise<void> {
    const { signal } = this.#stopping;
    if (!(await this.#options.source.isHere(signal))) return;
    while (!signal.aborted) {
      await this.#poll(signal);
      if (this.#current?.kind === 'interruption' || signal.aborted) return;
      await this.#pause(signal);
    }
  }

  stop(): void {
    this.#stopping.abort();
  }

  subscribe(listener: (notice: Notice) => void): () => void {
    this.#listeners.add(listener);
    if (this.#current !== undefined) listener(this.#current);
    return () => this.#listeners.delete(listener);
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { source, log } = this.#options;
    let notice: Notice | null;
    try {
      notice = await source.read(signal);
    } catch (error) {
      if (this.#failed || signal.aborted) return;
      this.#failed = true;
      log({ message: 'interruption notices cannot be read now', error: (error as Error).message });
      return;
    }
    const first = this.#first === undefined;
    if (first) this.#first = notice;
    if (notice === null) return;
    if (notice.kind === 'rebalance' && notice.reason === this.#first?.reason) {
      if (first) log({ message: `${notice.reason}: ignored, because it was there when the worker started` });
      return;
    }
    if (notice.kind === this.#current?.kind) return;
    this.#current = notice;
    for (const listener of this.#listeners) listener(notice);
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#clock.after(POLL_MS, done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
