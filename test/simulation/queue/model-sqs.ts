/**
 * A model of SQS, worse than the real one: messages come in any order, some twice, some receives find nothing, requests
 * fail before or after their effect, and now and then a message is lost.
 */
import type { Hiding, MessageQueue, Outgoing, Received, ReceiveOptions } from '../../../server/queues/message-queue.ts';
import type { Chance } from '../chance.ts';
import type { Process, World } from '../world.ts';

export type ModelMessage = {
  id: string;
  body: string;
  group: string;
  own: boolean;
  visible_ms: number;
  /** When it was last received. */
  received_ms: number;
};

/** How often each fault happens; all 0 in quiet times. */
export type QueueFaults = {
  lost_request: number;
  lost_response: number;
  delivered_twice: number;
  overlooked: number;
  vanishes: number;
};

export const QUIET: QueueFaults = { lost_request: 0, lost_response: 0, delivered_twice: 0, overlooked: 0, vanishes: 0 };

const DEDUPLICATED_MS = 300_000;
const HIDDEN_MAX_MS = 12 * 3_600_000;

export class ModelSqs {
  readonly messages = new Map<string, ModelMessage>();
  faults: QueueFaults = QUIET;
  down_until_ms = 0;
  /** Called with every message that a monitor deletes. */
  deleted: (message: ModelMessage) => void = () => {};
  readonly counts: Record<string, number> = {};
  readonly #world: World;
  readonly #chance: Chance;
  readonly #fifo: boolean;
  readonly #recent = new Map<string, { id: string; sent_ms: number }>();
  #ids = 0;

  constructor(world: World, chance: Chance, fifo: boolean) {
    this.#world = world;
    this.#chance = chance;
    this.#fifo = fifo;
  }

  /** The queue as a process sees it: pending responses are lost with the process. */
  port(process: Process): MessageQueue {
    return {
      url: 'sqs://model',
      send: (messages) => this.#ask(process, () => messages.map((message) => this.send(message, true))),
      receive: (options) => this.#receive(process, options),
      hide: (entries) => this.#ask(process, () => entries.map((entry) => this.#hide(entry))),
      delete: (receipts) => this.#ask(process, () => this.#delete(receipts)),
      figures: () => Promise.reject(new Error('not modelled')),
      close() {},
    };
  }

  send({ body, group, deduplication, delay_seconds }: Outgoing, own: boolean): string {
    const now_ms = this.#world.now_ms;
    const known = this.#fifo ? this.#recent.get(deduplication) : undefined;
    if (known && now_ms - known.sent_ms < DEDUPLICATED_MS) return known.id;
    const id = `m${++this.#ids}`;
    this.#recent.set(deduplication, { id, sent_ms: now_ms });
    const visible_ms = now_ms + (this.#fifo ? 0 : delay_seconds * 1000);
    if (own && this.#happens('vanishes')) return id;
    this.messages.set(id, { id, body, group, own, visible_ms, received_ms: Number.NEGATIVE_INFINITY });
    return id;
  }

  #receive(process: Process, { max, wait_seconds, hidden_seconds }: ReceiveOptions): Promise<Received[]> {
    const until_ms = this.#world.now_ms + wait_seconds * 1000;
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.#take(max, hidden_seconds * 1000);
        const ends = found.length > 0 || this.#world.now_ms >= until_ms;
        if (!ends)
          return void this.#world.after(this.#chance.between(500, this.faults === QUIET ? 9_000 : 3_000), null, look);
        this.#respond(process, found, resolve, reject);
      };
      this.#world.after(this.#chance.between(1, 40), null, () => {
        if (this.#fails(process, reject)) return;
        look();
      });
    });
  }

  #take(max: number, hidden_ms: number): Received[] {
    const now_ms = this.#world.now_ms;
    const busy = new Set<string>();
    const visible: ModelMessage[] = [];
    for (const message of this.messages.values()) {
      // The messages of a group are delivered in order, one at a time.
      const waits = this.#fifo && busy.has(message.group);
      busy.add(message.group);
      if (!waits && message.visible_ms <= now_ms && !this.#happens('overlooked')) visible.push(message);
    }
    const taken: Received[] = [];
    while (taken.length < max && visible.length > 0) {
      const [message] = visible.splice(this.#chance.whole(0, visible.length - 1), 1);
      const { id, body } = message!;
      if (!this.#happens('delivered_twice') || this.#fifo) message!.visible_ms = now_ms + hidden_ms;
      message!.received_ms = now_ms;
      taken.push({ message_id: id, receipt: id, body });
    }
    return taken;
  }

  #hide({ receipt, seconds }: Hiding): boolean {
    const message = this.messages.get(receipt);
    const now_ms = this.#world.now_ms;
    if (!message || message.visible_ms <= now_ms) return false;
    if (now_ms + seconds * 1000 > message.received_ms + HIDDEN_MAX_MS) return false;
    message.visible_ms = now_ms + seconds * 1000;
    return true;
  }

  #delete(receipts: readonly string[]): void {
    for (const receipt of receipts) {
      const message = this.messages.get(receipt);
      if (message) this.deleted(message);
      this.messages.delete(receipt);
    }
  }

  #ask<T>(process: Process, effect: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#world.after(this.#chance.between(1, 40), null, () => {
        if (!this.#fails(process, reject)) this.#respond(process, effect(), resolve, reject);
      });
    });
  }

  #fails(process: Process, reject: (error: Error) => void): boolean {
    const down = this.#world.now_ms < this.down_until_ms;
    if (!down && !this.#happens('lost_request')) return false;
    this.#world.after(this.#chance.between(1, 3_000), process, () => reject(new Error('no response')));
    return true;
  }

  #respond<T>(process: Process, result: T, resolve: (result: T) => void, reject: (error: Error) => void): void {
    const lost = this.#happens('lost_response');
    const delay_ms = lost ? this.#chance.between(1, 5_000) : this.#chance.between(1, 40);
    this.#world.after(delay_ms, process, () => (lost ? reject(new Error('the response was lost')) : resolve(result)));
  }

  #happens(fault: keyof QueueFaults): boolean {
    if (!this.#chance.happens(this.faults[fault])) return false;
    this.counts[fault] = (this.counts[fault] ?? 0) + 1;
    return true;
  }
}
