/**
 * Pending proposals for the next segment. A durable proposal triggers a commit at once; soft ones linger, and a newer
 * one replaces or merges with an earlier one of the same key. A commit takes all pending proposals.
 */
import type { Clock } from '../clock.ts';

export type Work = 'commit' | 'poll' | 'visit' | 'closed';

export class WaitingLine<P> {
  readonly #clock: Clock;
  readonly #linger_ms: number;
  #durable: P[] = [];
  #soft = new Map<string, P>();
  /** The soft proposals of the commit in progress. */
  #committing = new Map<string, P>();
  #softDue = false;
  #cancelLinger: (() => void) | null = null;
  #visitors: (() => void)[] = [];
  #wake: (() => void) | null = null;
  #closed = false;

  constructor(clock: Clock, linger_ms: number) {
    this.#clock = clock;
    this.#linger_ms = linger_ms;
  }

  get closed(): boolean {
    return this.#closed;
  }

  add(proposal: P): void {
    this.#durable.push(proposal);
    this.#wake?.();
  }

  /** Without `merge`, the proposal replaces a pending one of the same key. */
  addSoft(key: string, proposal: P, merge: ((waiting: P, next: P) => P) | null = null): void {
    const waiting = merge ? this.#soft.get(key) : undefined;
    this.#soft.set(key, merge && waiting !== undefined ? merge(waiting, proposal) : proposal);
    this.#cancelLinger ??= this.#clock.after(this.#linger_ms, () => {
      this.#softDue = true;
      this.#wake?.();
    });
  }

  /** The latest soft proposal of a key that is pending or in the commit in progress. */
  pendingSoft(key: string): P | undefined {
    return this.#soft.get(key) ?? this.#committing.get(key);
  }

  get hasVisitors(): boolean {
    return this.#visitors.length > 0;
  }

  /** Resolves once the journal has proved or read the tail, starting after this call. */
  visit(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#visitors.push(resolve);
      this.#wake?.();
    });
  }

  /** Resolves the visits without a proof. */
  releaseVisitors(): void {
    for (const resolve of this.#visitors) resolve();
    this.#visitors = [];
  }

  /** Runs `proveTail`, then resolves the visits from before it. If it fails, they wait for the next proof. */
  async visited<T>(proveTail: () => Promise<T>): Promise<T> {
    const visitors = this.#visitors;
    this.#visitors = [];
    try {
      const proved = await proveTail();
      for (const resolve of visitors) resolve();
      return proved;
    } catch (error) {
      this.#visitors = [...visitors, ...this.#visitors];
      throw error;
    }
  }

  /** Waits up to `poll_ms` for work and returns it; `closed` only if nothing is pending. */
  async next(poll_ms: number | null): Promise<Work> {
    let polled = false;
    for (;;) {
      if (this.#durable.length > 0 || this.#softDue || (this.#closed && this.#soft.size > 0)) return 'commit';
      if (this.#closed) {
        this.releaseVisitors();
        return 'closed';
      }
      if (this.#visitors.length > 0) return 'visit';
      if (polled) return 'poll';
      await new Promise<void>((resolve) => {
        const cancel =
          poll_ms === null
            ? null
            : this.#clock.after(poll_ms, () => {
                polled = true;
                resolve();
              });
        this.#wake = () => {
          cancel?.();
          resolve();
        };
      });
      this.#wake = null;
    }
  }

  /**
   * Takes all pending proposals, soft ones first: a job's last progress precedes its end, and would be dropped after
   * it. A commit that takes them calls `settled` at its end.
   */
  take(): P[] {
    this.#cancelLinger?.();
    this.#cancelLinger = null;
    this.#softDue = false;
    const taken = [...this.#soft.values(), ...this.#durable];
    this.#durable = [];
    this.#committing = this.#soft;
    this.#soft = new Map();
    return taken;
  }

  /** Ends the commit in progress. */
  settled(): void {
    if (this.#committing.size > 0) this.#committing = new Map();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }
}
