/** What a reporter says of itself: at most once a minute, and then of all that has come up since. */
import type { ReporterClock } from './clock.ts';
import { writeQuietly } from './write-quietly.ts';

const INTERVAL_MS = 60_000;

const toStandardError = (line: string): void => void writeQuietly(process.stderr, `${line}\n`);

export type Warning = {
  /** How things stand when it is said. */
  text: () => string;
  /** Whether there is nothing to say any more. */
  mended?: () => boolean;
};

export class Warnings {
  readonly #clock: ReporterClock;
  readonly #write: (line: string) => void;
  #pending: Warning | null = null;
  #cancel: (() => void) | null = null;

  constructor(clock: ReporterClock, write: (line: string) => void = toStandardError) {
    this.#clock = clock;
    this.#write = write;
  }

  /** Of several within the minute the last is said at its end; what can be mended gives way to what can't. */
  say(warning: Warning): void {
    if (this.#pending === null || !warning.mended || this.#pending.mended) this.#pending = warning;
    if (this.#cancel !== null) return;
    this.flush();
    this.#wait();
  }

  /** Says now what waits to be said. */
  flush(): void {
    const warning = this.#pending;
    this.#pending = null;
    if (warning === null || warning.mended?.()) return;
    try {
      this.#write(`transcription-monitor: ${warning.text().replace(/\s+/g, ' ')}`);
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
