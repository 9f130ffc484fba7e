/**
 * A limit for how long the other side may be silent: each part that is sent or received starts it anew, so that a slow link
 * is no reason to give up. What was sent may still wait in buffers of this machine, so the silence after a body is allowed
 * the time that these take at BYTES_PER_MS_MIN.
 */
const BYTES_PER_MS_MIN = 8;
const BUFFER_BYTES_MAX = 4 * 1024 * 1024;

export class Silence {
  readonly #stop = new AbortController();
  readonly #limit_ms: number;
  readonly #reason: () => Error;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `limit_ms`: 0 for none. `reason`: with what it aborts. It also aborts with `signal`. */
  constructor(limit_ms: number, reason: () => Error, signal: AbortSignal | undefined) {
    this.#limit_ms = limit_ms;
    this.#reason = reason;
    this.#signal = signal;
    this.#onAbort = () => this.#stop.abort(signal?.reason);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.broken();
  }

  /** Aborts after the silence. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Something was sent or received. `sent_bytes`: so much of what was sent may not have left this machine. */
  broken(sent_bytes = 0): void {
    if (this.#limit_ms === 0) return;
    clearTimeout(this.#timer);
    const more_ms = Math.min(sent_bytes, BUFFER_BYTES_MAX) / BYTES_PER_MS_MIN;
    this.#timer = setTimeout(() => this.#stop.abort(this.#reason()), this.#limit_ms + more_ms);
  }

  /** Ends the limit. */
  over(): void {
    clearTimeout(this.#timer);
  }

  /** Ends the limit and the following of `signal`. */
  end(): void {
    this.over();
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}
