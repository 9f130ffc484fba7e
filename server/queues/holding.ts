/**
 * The messages of jobs that workers hold. Each stays hidden as long as its job is held, becomes visible when the job is
 * handed back, and is deleted when the job has ended or has another message. All actions follow from the fold, so a
 * failed request does no harm: a message that reappears is judged again by the instance that receives it.
 */
import { type Clock, sleep } from '../clock.ts';
import { type Verdict, verdictOn } from '../state-machine/decide/messages.ts';
import type { OwnMessage } from './message.ts';
import { batchesOf, type Hiding, type MessageQueue } from './message-queue.ts';
import type { QueueEngine } from './queue-engine.ts';
import type { QueueTrouble } from './trouble.ts';

export type HoldingOptions = {
  engine: QueueEngine;
  port: MessageQueue;
  clock: Clock;
  trouble: QueueTrouble;
  hidden_ms: number;
  /** Sends a copy of the job's message, which takes its place once it is recorded. */
  handOver: (job_id: string) => Promise<void>;
};

type Held = {
  message: OwnMessage;
  received_ms: number;
  /** When it becomes visible again. */
  visible_ms: number;
  /** When a copy was last sent. */
  handed_over_ms: number;
};

/** SQS hides a message for at most 12 hours after it was received. */
const HIDDEN_MAX_MS = 12 * 3_600_000;
/** Before that a copy takes its place; leaves time for a copy that is delayed for 15 minutes, and for a second try. */
const HAND_OVER_MS = 11 * 3_600_000;
const HAND_OVER_AGAIN_MS = 1_200_000;
const CHECK_MS = 15_000;

export class Holding {
  readonly #options: HoldingOptions;
  readonly #held = new Map<string, Held>();
  readonly #byJob = new Map<string, Set<Held>>();
  readonly #stopping = new AbortController();
  readonly #unsubscribe: () => void;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: HoldingOptions) {
    this.#options = options;
    this.#unsubscribe = options.engine.subscribe((segment) => {
      const changed =
        segment === null
          ? [...this.#held.values()]
          : segment.events.flatMap(({ entity }) => [...(this.#byJob.get(entity) ?? [])]);
      if (changed.length > 0) void this.#settle([...new Set(changed)]);
    });
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe();
    await this.#loop;
  }

  /** Keeps a message that was just received, hidden for `hidden_ms`. A later receipt replaces an earlier one. */
  add(message: OwnMessage): void {
    const now_ms = this.#options.clock.monotonic();
    this.#drop(message.message_id);
    const held = {
      message,
      received_ms: now_ms,
      visible_ms: now_ms + this.#options.hidden_ms,
      handed_over_ms: -Infinity,
    };
    this.#held.set(message.message_id, held);
    const others = this.#byJob.get(message.job_id);
    if (others) others.add(held);
    else this.#byJob.set(message.job_id, new Set([held]));
  }

  async #run(): Promise<void> {
    const { clock, hidden_ms } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await sleep(clock, Math.min(CHECK_MS, hidden_ms / 4), signal);
      if (!signal.aborted) await this.#settle([...this.#held.values()]);
    }
  }

  async #settle(all: readonly Held[]): Promise<void> {
    const { engine, port, trouble } = this.#options;
    const by: Record<Verdict, Held[]> = { claimable: [], held: [], over: [], ahead: [] };
    for (const held of all) by[verdictOn(engine.state, held.message)].push(held);
    for (const { message } of [...by.claimable, ...by.over, ...by.ahead]) this.#drop(message.message_id);
    const gone = by.over.map(({ message }) => message.receipt);
    const returned = by.claimable.map(({ message }) => ({ receipt: message.receipt, seconds: 0 }));
    await Promise.all([
      ...batchesOf(gone).map((batch) => trouble.attempt('deleting', () => port.delete(batch).then(() => true))),
      ...batchesOf(returned).map((batch) => trouble.attempt('hiding', () => port.hide(batch))),
      this.#extend(by.held),
      ...by.held.map((held) => this.#handOver(held)),
    ]);
  }

  async #extend(all: readonly Held[]): Promise<void> {
    const { clock, hidden_ms } = this.#options;
    const now_ms = clock.monotonic();
    const short = all.filter(({ visible_ms }) => visible_ms - now_ms < hidden_ms / 2);
    await Promise.all(batchesOf(short).map((batch) => this.#hide(batch, now_ms)));
  }

  async #hide(batch: readonly Held[], now_ms: number): Promise<void> {
    const { port, trouble, hidden_ms } = this.#options;
    const entries = batch.map(({ message, received_ms }): Hiding => {
      const left_ms = Math.max(0, received_ms + HIDDEN_MAX_MS - now_ms - 1_000);
      return { receipt: message.receipt, seconds: Math.floor(Math.min(hidden_ms, left_ms) / 1000) };
    });
    const hidden = await trouble.attempt('hiding', () => port.hide(entries));
    for (const [index, held] of batch.entries()) {
      if (hidden?.[index]) held.visible_ms = now_ms + entries[index]!.seconds * 1000;
      // Visible already, or deleted: the next receiver holds it.
      else if (hidden && this.#held.get(held.message.message_id) === held) this.#drop(held.message.message_id);
    }
  }

  async #handOver(held: Held): Promise<void> {
    const now_ms = this.#options.clock.monotonic();
    if (now_ms - held.received_ms < HAND_OVER_MS || now_ms - held.handed_over_ms < HAND_OVER_AGAIN_MS) return;
    held.handed_over_ms = now_ms;
    await this.#options.handOver(held.message.job_id);
  }

  #drop(message_id: string): void {
    const held = this.#held.get(message_id);
    if (!held) return;
    this.#held.delete(message_id);
    const others = this.#byJob.get(held.message.job_id);
    others?.delete(held);
    if (others?.size === 0) this.#byJob.delete(held.message.job_id);
  }
}
