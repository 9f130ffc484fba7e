/** A queue of messages with SQS's semantics: at least once, in any order, hidden after a receive until a time. */
import type { QueueFigures } from './job-queue.ts';

export type Received = {
  message_id: string;
  /** Names this receive: later receives of the message have others. */
  receipt: string;
  body: string;
};

export type Outgoing = {
  body: string;
  attributes: Readonly<Record<string, string>>;
  /** Of a FIFO queue: messages of one group are delivered one after the other. */
  group: string;
  /** Of a FIFO queue: of several with the same value within five minutes, one is delivered. */
  deduplication: string;
  /** Not on a FIFO queue. */
  delay_seconds: number;
};

export type Hiding = { receipt: string; seconds: number };

export interface MessageQueue {
  readonly url: string;
  /** Up to 10. Returns the ids, null for each message that was refused. */
  send(messages: readonly Outgoing[]): Promise<(string | null)[]>;
  /** Up to `max` of at most 10; waits up to `wait_seconds` for the first. */
  receive(options: ReceiveOptions): Promise<Received[]>;
  /** Hides messages for this many seconds from now; 0 makes them visible. Up to 10. Returns which were hidden. */
  hide(entries: readonly Hiding[]): Promise<boolean[]>;
  /** Up to 10. */
  delete(receipts: readonly string[]): Promise<void>;
  figures(): Promise<QueueFigures>;
  close(): void;
}

export type ReceiveOptions = { max: number; wait_seconds: number; hidden_seconds: number; signal: AbortSignal };

/** Limit of a request to SQS. */
export const BATCH = 10;

export function batchesOf<T>(all: readonly T[]): T[][] {
  const count = Math.ceil(all.length / BATCH);
  return Array.from({ length: count }, (_, index) => all.slice(index * BATCH, (index + 1) * BATCH));
}
