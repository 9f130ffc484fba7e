/**
 * Carries reports to a transport in the background, one batch at a time, so that each job's stay in order.
 *
 *     idle       nothing waits, or nothing is due: a timer for what is due next
 *     sending    a batch is on its way
 *     waiting    the last batch failed: the very same is sent again after a delay; meanwhile the buffer fills
 *
 * Delays: full jitter over a doubling cap. `flush` ends a delay and lets what is not yet due go along.
 */
import type { ReportBuffer } from './buffer.ts';
import type { ReporterClock } from './clock.ts';
import type { Refusal, Report, Transport } from './report.ts';

const BACKOFF_BASE_MS = 500;
const BACKOFF_CAP_MS = 30_000;

export type DeliveryOptions = {
  transport: Transport;
  buffer: ReportBuffer;
  clock: ReporterClock;
  random: () => number;
  onRefused: (refusal: Refusal) => void;
  onFailure: (error: unknown) => void;
};

export class Delivery {
  readonly #options: DeliveryOptions;
  /** On its way, or to be sent again. */
  #batch: readonly Report[] = [];
  #running = false;
  #failures = 0;
  #flushing = 0;
  #closed = false;
  #timer: { at_ms: number; cancel: () => void } | null = null;
  /** Ends the delay before the next attempt. */
  #hurry: (() => void) | null = null;
  readonly #emptied = new Set<() => void>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** Reports that are in no buffer. */
  get held(): number {
    return this.#batch.length;
  }

  get waiting(): number {
    return this.#batch.length + this.#options.buffer.size;
  }

  /** Nothing has come through since the last failure. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /** Something is due then. */
  wake(due_ms: number): void {
    const { clock, transport } = this.#options;
    if (this.#running || this.#closed) return;
    const now_ms = clock.monotonic();
    const at_ms = Math.max(due_ms, now_ms) + transport.linger_ms;
    if (this.#timer !== null && this.#timer.at_ms <= at_ms) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (at_ms <= now_ms) return void this.#run();
    this.#timer = { at_ms, cancel: clock.after(at_ms - now_ms, () => void this.#run()) };
  }

  /** Whether all that waits now was told within that time. Never rejects. */
  async flush(within_ms: number): Promise<boolean> {
    if (this.waiting === 0) return true;
    this.#flushing += 1;
    const emptied = new Promise<boolean>((resolve) => {
      const done = (told: boolean) => {
        cancel();
        this.#emptied.delete(onEmptied);
        resolve(told);
      };
      const onEmptied = () => done(true);
      const cancel = this.#options.clock.after(within_ms, () => done(false), true);
      this.#emptied.add(onEmptied);
    });
    this.#hurry?.();
    void this.#run();
    try {
      return await emptied;
    } finally {
      this.#flushing -= 1;
    }
  }

  /** Sends nothing more; answers what was not told. */
  close(): readonly Report[] {
    this.#closed = true;
    this.#timer?.cancel();
    this.#hurry?.();
    const left = [...this.#batch];
    this.#batch = [];
    for (let more = this.#take(true); more.length > 0; more = this.#take(true)) left.push(...more);
    return left;
  }

  #take(all: boolean): Report[] {
    return this.#options.buffer.take(this.#options.clock.monotonic(), all);
  }

  async #run(): Promise<void> {
    if (this.#running || this.#closed) return;
    this.#running = true;
    this.#timer?.cancel();
    this.#timer = null;
    while (!this.#closed) {
      if (this.#batch.length === 0) this.#batch = this.#take(this.#flushing > 0);
      if (this.#batch.length === 0) break;
      await this.#attempt();
    }
    this.#running = false;
    if (this.waiting === 0) for (const resolve of this.#emptied) resolve();
    const next_ms = this.#options.buffer.nextDue();
    if (next_ms !== null) this.wake(next_ms);
  }

  async #attempt(): Promise<void> {
    const { transport, onRefused, onFailure } = this.#options;
    const batch = this.#batch;
    try {
      const refusals = await transport.send(batch);
      // After the end it was counted as not told.
      if (this.#closed) return;
      this.#batch = [];
      this.#failures = 0;
      for (const refusal of refusals) onRefused(refusal);
    } catch (error) {
      if (this.#closed) return;
      this.#failures += 1;
      onFailure(error);
      await this.#delay();
    }
  }

  #delay(): Promise<void> {
    const { clock, random } = this.#options;
    const cap_ms = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (this.#failures - 1));
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#hurry = null;
        resolve();
      };
      const cancel = clock.after(random() * cap_ms, done);
      this.#hurry = done;
    });
  }
}
