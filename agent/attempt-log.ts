/**
 * Sends what the engine prints during an attempt to the monitor: the end of it, as it is now, a second after the first new line, and with
 * more of them after twice as long each time, up to PAUSE_MS_MAX. A report that can't be delivered is dropped; the next has its lines, too.
 */
import { ATTEMPT_LOG_BYTES_MAX } from '../protocol/log-limits.ts';
import { LeaseExpiredError, NotFoundError } from '../sdk/typescript/index.ts';
import { type Clock, systemClock } from './clock.ts';

export type AttemptLogOptions = {
  /** `text` is the end of the log, which ends at `endBytes`. */
  send: (log: { text: string; endBytes: number }) => Promise<unknown>;
  /** Removes what nobody else may see from a line. */
  redact: (line: string) => string;
  /** Default: the system's, since sending a log is no part of a job's time. */
  clock?: Clock;
};

const PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 10_000;
const FLUSH_MS = 2_000;
const LINE_CHARACTERS_MAX = 2_000;

export class AttemptLog {
  readonly #options: Required<AttemptLogOptions>;
  #lines: { text: string; bytes: number }[] = [];
  #kept_bytes = 0;
  #endBytes = 0;
  #sentBytes = 0;
  #pause_ms = PAUSE_MS;
  #cancelTimer: (() => void) | undefined;
  #sending: Promise<void> | undefined;
  #closed = false;

  constructor(options: AttemptLogOptions) {
    this.#options = { clock: systemClock, ...options };
  }

  line(line: string): void {
    if (this.#closed) return;
    const text = `${this.#options.redact(line.slice(0, LINE_CHARACTERS_MAX))}\n`;
    const bytes = Buffer.byteLength(text);
    this.#lines.push({ text, bytes });
    this.#kept_bytes += bytes;
    this.#endBytes += bytes;
    while (this.#kept_bytes > ATTEMPT_LOG_BYTES_MAX) this.#kept_bytes -= this.#lines.shift()!.bytes;
    this.#cancelTimer ??= this.#options.clock.after(this.#pause_ms, () => void this.#send());
  }

  /** Sends the rest before the attempt's end, and waits for it, but not for a slow or absent monitor. */
  async flush(): Promise<void> {
    await this.#sending;
    let cancel = () => {};
    const patience = new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(FLUSH_MS, resolve);
    });
    await Promise.race([this.#send(), patience]);
    cancel();
  }

  /** Sends nothing more. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
  }

  async #send(): Promise<void> {
    this.#cancelTimer?.();
    if (this.#closed || this.#sending || this.#sentBytes === this.#endBytes) return;
    const endBytes = this.#endBytes;
    const text = this.#lines.map((line) => line.text).join('');
    this.#sending = this.#options.send({ text, endBytes }).then(
      () => {
        this.#sentBytes = endBytes;
      },
      (error: unknown) => {
        // Lost, or a monitor of an older version: nobody would read more.
        if (error instanceof NotFoundError || error instanceof LeaseExpiredError) this.close();
      },
    );
    await this.#sending;
    this.#sending = undefined;
    this.#cancelTimer = undefined;
    this.#pause_ms = Math.min(PAUSE_MS_MAX, this.#pause_ms * 2);
    if (this.#sentBytes === this.#endBytes || this.#closed) return;
    this.#cancelTimer = this.#options.clock.after(this.#pause_ms, () => void this.#send());
  }
}
