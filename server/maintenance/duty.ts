/**
 * A background duty: run, wait, run again, until stopped. Runs never overlap, a failed run is logged and retried, and
 * `stop` waits for the current run.
 */
import { type Clock, sleep } from '../clock.ts';

export type DutyOptions = {
  name: string;
  clock: Clock;
  /** One run. Returns how long to wait before the next. */
  run: () => Promise<{ again_ms: number }>;
  /** How long to wait after a failure. */
  failure_ms: number;
  log: (level: 'warn', message: string) => void;
};

export class Duty {
  readonly #options: DutyOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: DutyOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { name, clock, run, failure_ms, log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      let wait_ms = failure_ms;
      try {
        ({ again_ms: wait_ms } = await run());
      } catch (error) {
        if (!this.#stopping.signal.aborted)
          log('warn', `${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
      await sleep(clock, wait_ms, this.#stopping.signal);
    }
  }
}
