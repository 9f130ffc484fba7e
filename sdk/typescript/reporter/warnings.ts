/** What a reporter says of itself: at most once a minute, and then of all that has come up since. */
import type { ReporterClock } from './clock.ts';
import { writeQuietly } from './write-quietly.ts';

const INTERVAL_MS = 60_000;

const toStandardError = (line: string): void => void writeQuietly(process.stderr, `${line}\n`);

export class Warnings {
  readonly #clock: ReporterClock;
  readonly #write: (line: string) => void;
  /** Says how things stand when it is called. */
  #pending: (() => string) | null = null;
  #cancel: (() => void) | null = null;

  constructor(clock: ReporterClock, write: (line: string) => void = toStandardError) {
    this.#clock = clock;
    this.#write = write;
  }

  /** Of several within the minute the last is said at its end. */
  say(text: () => string): void {
    this.#pending = text;
    if (this.#cancel !== null) return;
    this.flush();
    this.#wait();
  }

  /** Says now what waits to be said. */
  flush(): void {
    const text = this.#pending;
    this.#pending = null;
    if (text === null) return;
    try {
      this.#write(`transcription-monitor: ${text().replace(/\s+/g, ' ')}`);
    } catch {
      // A warning that can't be given must not harm the worker.
    }
  }

  close(): void {
    this.flush();
    this.#cancel?.();
  }

  #wait(): void {
    this.#cancel = this.#clock.after(INTERVAL_MS, () => {
      this.#cancel = null;
      if (this.#pending === null) return;
      this.flush();
      this.#wait();
    });
  }
}
