/** A hub on a real engine, and a reader whose reading the test controls. */
import type { FeedFilter, FeedPosition } from '../../protocol/feed.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { ObjectStore } from '../objects/store.ts';
import { TurnedClock } from '../testing-clock.ts';
import { TestMonitor } from '../views/testing-monitor.ts';
import { FeedHub } from './hub.ts';
import { Outbox } from './outbox.ts';
import type { Parcel } from './parcel.ts';
import { type Beyond, Subscription, type SubscriptionOptions } from './subscription.ts';

// biome-ignore lint/suspicious/noExplicitAny: assertions look at arbitrary fields of the messages.
export type Received = any;

export type TestFeed = { clock: TurnedClock; store: ObjectStore; monitor: TestMonitor; hub: FeedHub };

export async function openFeed(
  store?: ObjectStore,
  clock = new TurnedClock('2026-01-01T00:00:00Z'),
  options: { reports?: boolean } = {},
): Promise<TestFeed> {
  const kept = store ?? new MemoryStore(clock);
  const monitor = await TestMonitor.open({ store: kept, clock });
  return { clock, store: kept, monitor, hub: new FeedHub(monitor.engine, clock, options) };
}

export class TestReader {
  readonly messages: Received[] = [];
  readonly faults: unknown[] = [];
  resume: FeedPosition | null | undefined;
  /** While false, nothing that was sent counts as read. */
  reads = true;
  readonly outbox: Outbox;
  readonly #hub: FeedHub;
  readonly #beyond: Beyond;
  #unread: (() => void)[] = [];

  constructor(hub: FeedHub, beyond: Partial<Beyond> = {}) {
    this.#hub = hub;
    this.#beyond = { job: async () => undefined, worker: async () => undefined, catchUp: async () => {}, ...beyond };
    this.outbox = new Outbox({
      send: (parcel, sent) => {
        for (const text of textsOf(parcel)) this.messages.push(JSON.parse(text));
        if (this.reads) setImmediate(sent);
        else this.#unread.push(sent);
      },
      tooSlow: (resume) => {
        this.resume = resume;
      },
    });
  }

  /** Resolves once the subscription is live or has failed. */
  async follow(
    resource: 'job' | 'jobs' | 'worker' | 'workers' | 'alerts' | 'queue' | 'system',
    {
      id = null,
      filter = {},
      since,
      sent = { last: null },
    }: { id?: string | null; filter?: FeedFilter; since?: FeedPosition; sent?: SubscriptionOptions['sent'] } = {},
  ): Promise<Subscription> {
    const subscription = new Subscription(
      { resource, id, filter },
      {
        hub: this.#hub,
        outbox: this.outbox,
        beyond: this.#beyond,
        sent,
        onFault: (error) => this.faults.push(error),
      },
    );
    await subscription.start(since);
    return subscription;
  }

  /** Reads everything unread, and later messages immediately. */
  catchUp(): void {
    this.reads = true;
    for (const sent of this.#unread.splice(0)) sent();
  }

  /** The positions of the messages received. */
  get positions(): FeedPosition[] {
    return this.messages.map(({ seq, index }) => ({ seq, index }));
  }
}

/** Positions of the job updates in the journal, which a reader that missed nothing has received. */
export async function jobUpdatesOf({ monitor, hub }: TestFeed, since: FeedPosition): Promise<FeedPosition[]> {
  const positions: FeedPosition[] = [];
  for (let seq = Math.max(1, since.seq); seq <= monitor.engine.state.seq; seq += 1) {
    for (const { position, kind } of (await hub.readBack.updatesOf(seq)) ?? [])
      if (kind === 'job' && (position.seq > since.seq || position.index > since.index)) positions.push(position);
  }
  return positions;
}

/** The messages of a parcel. */
export function textsOf(parcel: Parcel): string[] {
  return Buffer.from(parcel.bytes(asLine)).toString().trimEnd().split('\n');
}

const asLine = ({ text }: { text: string }): Buffer => Buffer.from(`${text}\n`);
