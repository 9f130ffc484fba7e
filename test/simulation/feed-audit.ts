/**
 * I11: a reader of the feed that loses its connection and comes back, to any instance, gets every event once and in
 * order.
 */
import type { FeedPosition } from '../../protocol/feed.ts';
import type { FeedHub } from '../../server/feed/hub.ts';
import { Outbox } from '../../server/feed/outbox.ts';
import type { Parcel } from '../../server/feed/parcel.ts';
import { isAfter } from '../../server/feed/position.ts';
import { Subscription } from '../../server/feed/subscription.ts';
import { updateOf } from '../../server/feed/updates.ts';
import type { JournalEvent } from '../../server/state-machine/events.ts';
import type { LogAudit } from './log-audit.ts';
import type { Process, World } from './world.ts';

type Message = { type: string; seq: number; index: number };

export class FeedAudit {
  readonly #world: World;
  readonly #log: LogAudit;
  /** After the last message that was read; undefined before the first. */
  #last: FeedPosition | undefined;
  #subscription: Subscription | null = null;
  #process: Process | null = null;
  /** Counts connections, so that late messages of an old one are not read. */
  #connection = 0;
  read = 0;

  constructor(world: World, log: LogAudit) {
    this.#world = world;
    this.#log = log;
  }

  get connected(): boolean {
    return this.#subscription !== null && this.#process?.alive === true;
  }

  connect(process: Process, hub: FeedHub, catchUp: () => Promise<void>): void {
    this.disconnect();
    const connection = ++this.#connection;
    this.#process = process;
    const gone = () => {
      if (connection === this.#connection) this.disconnect();
    };
    const outbox = new Outbox({
      send: (parcel, sent) => {
        if (connection !== this.#connection) return;
        for (const message of messagesOf(parcel)) this.#take(message);
        this.#world.after(1, process, sent);
      },
      tooSlow: gone,
    });
    this.#subscription = new Subscription(
      { resource: 'jobs', id: null, filter: {} },
      {
        hub,
        outbox,
        beyond: { job: async () => undefined, worker: async () => undefined, catchUp },
        sent: { last: null },
        onFault: (error) => {
          this.#world.note(`feed: ${error}`);
          gone();
        },
      },
    );
    void this.#subscription.start(this.#last);
  }

  disconnect(): void {
    this.#connection += 1;
    this.#subscription?.end();
    this.#subscription = null;
  }

  /** At the end: the reader has reached the log's end. */
  auditEnd(): void {
    const missed = this.#updatesAfter(this.#last ?? { seq: 0, index: 0 });
    if (this.#last && missed.length > 0) {
      this.#world.violate('I13', `the feed's reader is ${missed.length} events behind, without faults`);
    }
  }

  #take({ type, seq, index }: Message): void {
    this.read += 1;
    const position = { seq, index };
    if (type === 'state' || type === 'reset') {
      this.#last = position;
      return;
    }
    const last = this.#last;
    if (!last) return this.#world.violate('I11', 'the first message of a subscription was an update');
    const [next] = this.#updatesAfter(last);
    if (type === 'progress') {
      // It covers everything before it, and nothing that has not been received.
      if (isAfter(last, position) || (next && isAfter(position, next))) {
        this.#world.violate('I11', `progress at ${say(position)} after ${say(last)}, before ${say(next)}`);
      }
      this.#last = position;
      return;
    }
    if (next && next.seq === seq && next.index === index) this.#last = position;
    else this.#world.violate('I11', `after ${say(last)} comes ${say(next)}; the feed's reader got ${say(position)}`);
  }

  #updatesAfter(last: FeedPosition): FeedPosition[] {
    const positions: FeedPosition[] = [];
    for (let seq = Math.max(1, last.seq); seq <= this.#log.head; seq++) {
      for (const [index, line] of this.#log.segments[seq]!.lines.entries()) {
        const position = { seq, index };
        if (seq === last.seq && index <= last.index) continue;
        if (updateOf(JSON.parse(line) as JournalEvent, position)?.kind === 'job') positions.push(position);
      }
      if (positions.length > 0) break;
    }
    return positions;
  }
}

function messagesOf(parcel: Parcel): Message[] {
  const text = Buffer.from(parcel.bytes(({ text }) => Buffer.from(`${text}\n`))).toString();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Message);
}

const say = (position: FeedPosition | undefined): string =>
  position ? `${position.seq}.${position.index}` : 'nothing';
