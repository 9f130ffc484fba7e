/**
 * Sends reports to a sink in the background, one batch at a time, so that each job's reports stay in order.
 *
 *     idle       nothing is buffered, or nothing is due: a timer runs until the next report is due
 *     sending    a batch is being sent
 *     waiting    the last batch failed and is sent again, unchanged, after a delay; meanwhile the buffer fills
 *
 * A `direct` sink is sent to in the call that makes the report, and in the background only after it has failed.
 *
 * Delays: full jitter over a doubling cap. `flush` ends a delay and also sends what is not due yet.
 */
import { backoffMs } from '../backoff.ts';
import type { ReportBuffer } from './buffer.ts';
import type { ReporterClock } from './clock.ts';
import type { Refusal, Report, Sink } from './report.ts';

const RETRY = { baseMs: 500, capMs: 30_000 };

export type DeliveryOptions = {
  sink: Sink;
  buffer: ReportBuffer;
  clock: ReporterClock;
  random: () => number;
  onRefused: (refusal: Refusal) => void;
  /** The system has them, except those it refused. */
  onDelivered: (batch: readonly Report[]) => void;
  onFailure: (error: unknown) => void;
};

export class Delivery {
  readonly #options: DeliveryOptions;
  /** Being sent, or to be sent again. */
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

  /** Reports taken from the buffer and not delivered yet. */
  get held(): number {
    return this.#batch.length;
  }

  get waiting(): number {
    return this.#batch.length + this.#options.buffer.size;
  }

  /** No batch has been delivered since the last failure. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /** Schedules a run for a report that is due at `due_ms`. */
  wake(due_ms: number): void {
    const { clock, sink } = this.#options;
    if (this.#running || this.#closed) return;
    const now_ms = clock.monotonic();
    if (sink.direct && due_ms <= now_ms) return this.#sendDirectly();
    const at_ms = Math.max(due_ms, now_ms) + sink.linger_ms;
    if (this.#timer !== null && this.#timer.at_ms <= at_ms) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (at_ms <= now_ms) return void this.#run();
    this.#timer = { at_ms, cancel: clock.after(at_ms - now_ms, () => void this.#run()) };
  }

  /** Resolves to whether everything was delivered in time. Never rejects. */
  async flush(within_ms: number): Promise<boolean> {
    if (this.waiting === 0) return true;
    this.#flushing += 1;
    const emptied = new Promise<boolean>((resolve) => {
      const done = (delivered: boolean) => {
        cancel();
        this.#emptied.delete(onEmptied);
        resolve(delivered);
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

  /** For the end of the process: sends everything before it returns, if the system is on this machine. */
  sendNow(): void {
    const { sink, onFailure } = this.#options;
    while (sink.sendNow !== undefined) {
      if (this.#batch.length === 0) this.#batch = this.#take(true);
      if (this.#batch.length === 0) return;
      try {
        this.#delivered(sink.sendNow(this.#batch));
      } catch (error) {
        return onFailure(error);
      }
    }
  }

  /** Stops sending; returns the reports that were not delivered. */
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

  #sendDirectly(): void {
    const { sink, buffer } = this.#options;
    this.#timer?.cancel();
    this.#timer = null;
    try {
      for (;;) {
        this.#batch = this.#take(false);
        if (this.#batch.length === 0) break;
        this.#delivered(sink.sendNow!(this.#batch));
      }
      const next_ms = buffer.nextDue();
      if (next_ms !== null) this.wake(next_ms);
    } catch {
      void this.#run();
    }
  }

  /** Of the current batch. */
  #delivered(refusals: readonly Refusal[]): void {
    const { onRefused, onDelivered } = this.#options;
    const batch = this.#batch;
    this.#batch = [];
    this.#failures = 0;
    onDelivered(batch);
    for (const refusal of refusals) onRefused(refusal);
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
    const { sink, onFailure } = this.#options;
    try {
      const refusals = await sink.send(this.#batch);
      // After `close` the batch has been counted as not delivered.
      if (this.#closed) return;
      this.#delivered(refusals);
    } catch (error) {
      if (this.#closed) return;
      this.#failures += 1;
      onFailure(error);
      await this.#delay();
    }
  }

  #delay(): Promise<void> {
    const { clock, random } = this.#options;
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#hurry = null;
        resolve();
      };
      const cancel = clock.after(backoffMs(RETRY, this.#failures - 1, random), done);
      this.#hurry = done;
    });
  }
}
