/**
 * One subscription: what it follows, what it says first, and how it catches up with what was missed.
 *
 *     no since       → state (what there is now) → live
 *     since given    → catching up: from the journal's segments, then from the hub's memory → live
 *                    → too far back, or from the future: reset (what there is now) → live
 *     the fold was replaced while live → reset → live
 *
 * The step to live is taken in the same turn as the last look for what was missed, so nothing falls between.
 */
import type { FeedPosition } from '../../protocol/feed.ts';
import type { JobRecord, WorkerRecord } from '../state-machine/state/records.ts';
import { type Beside, stateNow, type Target } from './current-state.ts';
import { fits } from './filter-index.ts';
import type { FeedHub, Follower, Topic } from './hub.ts';
import type { Outbox } from './outbox.ts';
import { Parcel, type Telling } from './parcel.ts';
import { isAfter } from './position.ts';
import type { FeedUpdate } from './updates.ts';

/** What this instance's memory does not have. */
export interface Beyond {
  /** In memory or archived; undefined where there is no such job or worker. */
  job(id: string): Promise<JobRecord | undefined>;
  worker(id: string): Promise<WorkerRecord | undefined>;
  /** Reads on to the journal's tail: other instances may have written. */
  catchUp(): Promise<void>;
}

export type SubscriptionOptions = {
  hub: FeedHub;
  outbox: Outbox;
  beyond: Beyond;
  /** What this reader was given last, through any of its subscriptions: the same event is not given twice. */
  given: { last: FeedPosition | null };
  /** It can't go on: the reader is to be let go, and may come back. */
  onFault: (error: unknown) => void;
};

/** Segments that are read back; who missed more gets a reset. */
const SEGMENTS_BACK_MAX = 100_000;
const PREFETCH = 16;
const KEPT_AT_ONCE = 1000;

export class Subscription implements Follower {
  readonly target: Target;
  readonly #options: SubscriptionOptions;
  readonly #topic: Topic;
  readonly #kind: FeedUpdate['kind'] | null;
  /** What is there now replaces what was there before. */
  readonly #now: string;
  /** Jobs met while catching up that are no longer in memory. */
  readonly #archived = new Map<string, JobRecord | undefined>();
  #live = false;
  #ended = false;

  constructor(target: Target, options: SubscriptionOptions) {
    this.target = target;
    this.#options = options;
    const { resource, id, filter } = target;
    this.#topic = topicOf(target);
    this.#kind = KINDS[resource];
    this.#now = `now ${JSON.stringify([resource, id, filter])}`;
  }

  /** It has been given everything up to the hub's position. */
  get live(): boolean {
    return this.#live;
  }

  /** Says what there is to say first, then follows; `live` is called when it does. Faults go to `onFault`. */
  async start(since: FeedPosition | undefined, live: () => void = () => {}): Promise<void> {
    try {
      if (!since) await this.#begin('state', live);
      else if (!(await this.#catchUp(since, live))) await this.#begin('reset', live);
    } catch (error) {
      this.fault(error);
    }
  }

  end(): void {
    this.#live = false;
    this.#ended = true;
    this.#options.hub.unfollow(this.#topic, this);
  }

  update(update: FeedUpdate, telling: Telling<Follower>): void {
    const { given, outbox } = this.#options;
    const { position } = update;
    if (given.last !== null && given.last.seq === position.seq && given.last.index === position.index) return;
    given.last = position;
    if (outbox.gather(update, telling)) telling.given.push(this);
  }

  told(): void {
    this.#options.outbox.leave();
  }

  sums(): void {
    this.#say('update', {});
  }

  gap(): void {
    this.#live = false;
    this.#options.hub.unfollow(this.#topic, this);
    this.#begin('reset', () => {}).catch((error) => this.fault(error));
  }

  fault(error: unknown): void {
    if (!this.#ended) this.#options.onFault(error);
  }

  /** A first message may be large: it goes out when messages flow, and is what there is then. */
  async #begin(type: 'state' | 'reset', live: () => void): Promise<void> {
    const { hub, outbox, beyond } = this.#options;
    const { resource, id } = this.target;
    if (this.#filtered) return this.#beginFiltered(type, live);
    const beside: Beside = {};
    if (resource === 'job' && !hub.state.job(id!)) beside.job = await beyond.job(id!);
    if (resource === 'worker' && !hub.state.worker(id!)) beside.worker = await beyond.worker(id!);
    outbox.whenFlowing(() => {
      if (this.#ended) return;
      try {
        this.#say(type, beside);
        this.#follow(live);
      } catch (error) {
        this.fault(error);
      }
    });
  }

  /** What there is takes a while to find: what happens meanwhile is caught up with. */
  async #beginFiltered(type: 'state' | 'reset', live: () => void): Promise<void> {
    const { hub, outbox } = this.#options;
    const { jobs, position } = await hub.find(this.target.filter);
    await new Promise<void>((resolve) => outbox.whenFlowing(resolve));
    if (this.#ended) return;
    const text = JSON.stringify(stateNow(hub.state, this.target, { type, position, beside: { jobs } }));
    outbox.happened(new Parcel({ text, position }), this.#now);
    if (!(await this.#catchUp(position, live))) await this.#beginFiltered('reset', live);
  }

  get #filtered(): boolean {
    return typeof this.#topic !== 'string';
  }

  #follow(live: () => void): void {
    this.#archived.clear();
    this.#options.hub.follow(this.#topic, this);
    this.#live = true;
    live();
  }

  #say(type: 'state' | 'reset' | 'update', beside: Beside): void {
    const { hub, outbox } = this.#options;
    outbox.happened(hub.now(type, this.target, beside), this.#now);
  }

  /** Gives exactly what came after `since`, then follows. False: that can't be known any more. */
  async #catchUp(since: FeedPosition, live: () => void): Promise<boolean> {
    const { hub, outbox, beyond } = this.#options;
    const { resource } = this.target;
    if (resource === 'queue' || resource === 'system') return false;
    if (isAfter(since, hub.position)) await beyond.catchUp();
    if (isAfter(since, hub.position)) return false;
    let at = since.seq === 0 ? { seq: 1, index: -1 } : since;
    const until = at.seq + SEGMENTS_BACK_MAX;
    while (!this.#ended) {
      const changed = (this.#lastChange ?? at.seq) >= at.seq;
      const kept = changed ? hub.keptSince(at, KEPT_AT_ONCE) : [];
      if (kept?.length === 0) {
        this.#follow(live);
        return true;
      }
      const updates = kept ?? (at.seq < until ? await this.#readBack(at.seq) : null);
      if (updates === null) return false;
      await this.#rememberJobs(updates);
      if (this.#ended) return true;
      for (const update of updates) {
        if (outbox.behind) break;
        if (!isAfter(update.position, at)) continue;
        if (this.#wants(update)) outbox.update(update);
        at = update.position;
      }
      if (outbox.behind) await new Promise<void>((resolve) => outbox.whenFlowing(resolve));
      else if (!kept) at = { seq: at.seq + 1, index: -1 };
    }
    return true;
  }

  /** What a segment told, those after it being on their way already. */
  #readBack(seq: number): Promise<readonly FeedUpdate[] | null> {
    const { readBack, state } = this.#options.hub;
    const last = Math.min(seq + PREFETCH, this.#lastChange ?? state.seq);
    for (let ahead = seq + 1; ahead <= last; ahead += 1) void readBack.updatesOf(ahead);
    return readBack.updatesOf(seq);
  }

  /** The last segment that changed the job or worker, which knows that itself: nothing after it need be read. */
  get #lastChange(): number | undefined {
    const { resource, id } = this.target;
    const { state } = this.#options.hub;
    if (resource === 'job') return state.job(id!)?.version;
    return resource === 'worker' ? state.worker(id!)?.version : undefined;
  }

  /** A filter looks at the job, which may have left memory since. */
  async #rememberJobs(updates: readonly FeedUpdate[]): Promise<void> {
    if (!this.#filtered) return;
    for (const { kind, id } of updates) {
      if (kind !== 'job' || this.#options.hub.state.job(id) || this.#archived.has(id)) continue;
      this.#archived.set(id, await this.#options.beyond.job(id));
    }
  }

  #wants({ kind, id, state }: FeedUpdate): boolean {
    if (kind !== this.#kind) return false;
    const { id: one, filter } = this.target;
    if (one !== null && id !== one) return false;
    if (kind !== 'job') return true;
    if (!this.#filtered) return true;
    return fits(filter, { state, job: this.#options.hub.state.job(id) ?? this.#archived.get(id) });
  }
}

/** What a resource is told of; null: sums alone. */
const KINDS: Record<Target['resource'], FeedUpdate['kind'] | null> = {
  job: 'job',
  jobs: 'job',
  worker: 'worker',
  workers: 'worker',
  alerts: 'alert',
  queue: null,
  system: null,
};

function topicOf({ resource, id, filter }: Target): Topic {
  if (resource === 'jobs' && Object.values(filter).some((value) => value !== undefined)) return filter;
  if (resource === 'job' || resource === 'worker') return `${resource}|${id}`;
  return resource === 'queue' || resource === 'system' ? 'sums' : resource;
}
