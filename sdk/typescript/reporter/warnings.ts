/** A reporter's warnings: at most one a minute, covering everything since the last. */
import type { ReporterClock } from './clock.ts';
import { writeQuietly } from './write-quietly.ts';

const INTERVAL_MS = 60_000;

const toStandardError = (line: string): void => void writeQuietly(process.stderr, `${line}\n`);

export type Warning = {
  /** The text, composed when it is written. */
  text: () => string;
  /** Whether the warning no longer applies. */
  resolved?: () => boolean;
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

  /**
   * The last of several within a minute is written at its end; a lost report takes precedence over a passing failure.
   */
  say(warning: Warning): void {
    if (this.#pending === null || !warning.resolved || this.#pending.resolved) this.#pending = warning;
    if (this.#cancel !== null) return;
    this.flush();
    this.#wait();
  }

  /** Writes a waiting warning now. */
  flush(): void {
    const warning = this.#pending;
    this.#pending = null;
    if (warning === null || warning.resolved?.()) return;
    try {
      this.#write(`transcription-monitor: ${warning.text().replace(/\s+/g, ' ')}`);
    } catch {
      // A failing warning must not harm the worker.
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
