/**
 * One subscription: its first message, the catch-up with missed events, and live updates.
 *
 *     without since  → state (the current state) → live
 *     with since     → catching up: from the journal's segments, then from the hub's memory → live
 *                    → too old, or in the future: reset (the current state) → live
 *     the fold was replaced while live → reset → live
 *
 * The last check for missed events and the step to live happen in the same turn, so no event is lost in between.
 */
import type { FeedPosition } from '../../protocol/feed.ts';
import { inScope, isOfTenant } from '../access/scope.ts';
import type { JobRecord, WorkerRecord } from '../state-machine/state/records.ts';
import { type Extra, stateNow, type Target } from './current-state.ts';
import { fits } from './filter-index.ts';
import type { FeedHub, Follower, Topic } from './hub.ts';
import type { Outbox } from './outbox.ts';
import { Parcel, type SegmentParcels } from './parcel.ts';
import { isAfter } from './position.ts';
import { type FeedUpdate, ownUpdate } from './updates.ts';

/** Access to what is not in this instance's memory. */
export interface Beyond {
  /** In memory or archived; undefined if it does not exist. */
  job(id: string): Promise<JobRecord | undefined>;
  worker(id: string): Promise<WorkerRecord | undefined>;
  /** Reads to the journal's tail: other instances may have written. */
  catchUp(): Promise<void>;
}

export type SubscriptionOptions = {
  hub: FeedHub;
  outbox: Outbox;
  beyond: Beyond;
  /** The last event sent to this reader by any of its subscriptions, so that no event is sent twice. */
  sent: { last: FeedUpdate | null };
  /** The subscription failed: disconnect the reader, which may reconnect. */
  onFault: (error: unknown) => void;
};

/** Segments read back at most; a reader that missed more gets a reset. */
const SEGMENTS_BACK_MAX = 100_000;
const PREFETCH = 16;
const KEPT_AT_ONCE = 1000;

export class Subscription implements Follower {
  readonly target: Target;
  readonly #options: SubscriptionOptions;
  readonly #topic: Topic;
  readonly #kind: FeedUpdate['kind'] | null;
  /** Outbox key of the current state: a newer one replaces a waiting one. */
  readonly #state_key: string;
  /** Jobs of missed events that are no longer in memory. */
  readonly #archived = new Map<string, JobRecord | undefined>();
  #live = false;
  #ended = false;

  constructor(target: Target, options: SubscriptionOptions) {
    this.target = target;
    this.#options = options;
    const { resource, id, filter } = target;
    this.#topic = topicOf(target);
    this.#kind = KINDS[resource];
    this.#state_key = `now ${JSON.stringify([resource, id, filter])}`;
  }

  /** Whether everything up to the hub's position has been sent. */
  get live(): boolean {
    return this.#live;
  }

  /** Sends the first message or the missed events, then calls `live` and follows. Errors go to `onFault`. */
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

  update(addressed: FeedUpdate, parcels: SegmentParcels<Follower>): void {
    const { sent, outbox } = this.#options;
    const update = this.#as(addressed);
    if (sent.last === update || !this.#sees(update)) return;
    sent.last = update;
    if (outbox.gather(update, parcels)) parcels.open.push(this);
  }

  delivered(): void {
    this.#options.outbox.flush();
  }

  sums(): void {
    this.#sendState('update', {});
  }

  gap(): void {
    this.#live = false;
    this.#options.hub.unfollow(this.#topic, this);
    this.#begin('reset', () => {}).catch((error) => this.fault(error));
  }

  fault(error: unknown): void {
    if (!this.#ended) this.#options.onFault(error);
  }

  /** A first message may be large: it is made and sent once messages flow. */
  async #begin(type: 'state' | 'reset', live: () => void): Promise<void> {
    const { hub, outbox, beyond } = this.#options;
    const { resource, id } = this.target;
    if (this.#filtered) return this.#beginFiltered(type, live);
    const extra: Extra = {};
    if (resource === 'job' && !hub.state.job(id!)) extra.job = await beyond.job(id!);
    if (resource === 'worker' && !hub.state.worker(id!)) extra.worker = await beyond.worker(id!);
    outbox.whenFlowing(() => {
      if (this.#ended) return;
      try {
        this.#sendState(type, extra);
        this.#follow(live);
      } catch (error) {
        this.fault(error);
      }
    });
  }

  /** Finding the jobs takes several turns; the events of that time are caught up with afterwards. */
  async #beginFiltered(type: 'state' | 'reset', live: () => void): Promise<void> {
    const { hub, outbox } = this.#options;
    const { jobs, position } = await hub.find(this.target.filter, this.target.scope);
    await new Promise<void>((resolve) => outbox.whenFlowing(resolve));
    if (this.#ended) return;
    const text = JSON.stringify(stateNow(hub.state, this.target, { type, position, extra: { jobs } }));
    outbox.push(new Parcel({ text, position }), this.#state_key);
    if (!(await this.#catchUp(position, live))) await this.#beginFiltered('reset', live);
  }

  get #filtered(): boolean {
    return typeof this.#topic !== 'string' || this.#scoped;
  }

  get #scoped(): boolean {
    const { resource, scope } = this.target;
    return resource === 'jobs' && scope !== null && scope !== undefined;
  }

  /** As this reader gets it. */
  #as(update: FeedUpdate): FeedUpdate {
    return isOfTenant(this.target.scope) ? ownUpdate(update) : update;
  }

  /** Whether the reader may see the job of an update. */
  #sees({ id }: FeedUpdate): boolean {
    if (!this.#scoped) return true;
    const job = this.#options.hub.state.job(id) ?? this.#archived.get(id);
    return job !== undefined && inScope(this.target.scope!, job);
  }

  #follow(live: () => void): void {
    this.#archived.clear();
    this.#options.hub.follow(this.#topic, this);
    this.#live = true;
    live();
  }

  #sendState(type: 'state' | 'reset' | 'update', extra: Extra): void {
    const { hub, outbox } = this.#options;
    outbox.push(hub.now(type, this.target, extra), this.#state_key);
  }

  /** Sends exactly the events after `since`, then follows. Returns false if they are no longer available. */
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
        if (this.#wants(update)) outbox.update(this.#as(update));
        at = update.position;
      }
      if (outbox.behind) await new Promise<void>((resolve) => outbox.whenFlowing(resolve));
      else if (!kept) at = { seq: at.seq + 1, index: -1 };
    }
    return true;
  }

  /** Reads a segment, and starts to read those after it. */
  #readBack(seq: number): Promise<readonly FeedUpdate[] | null> {
    const { readBack, state } = this.#options.hub;
    const last = Math.min(seq + PREFETCH, this.#lastChange ?? state.seq);
    for (let ahead = seq + 1; ahead <= last; ahead += 1) void readBack.updatesOf(ahead);
    return readBack.updatesOf(seq);
  }

  /** The last segment that changed the job or worker, from its record: later ones need not be read. */
  get #lastChange(): number | undefined {
    const { resource, id } = this.target;
    const { state } = this.#options.hub;
    if (resource === 'job') return state.job(id!)?.version;
    return resource === 'worker' ? state.worker(id!)?.version : undefined;
  }

  /** Loads archived jobs, because filters are matched against the job's record. */
  async #rememberJobs(updates: readonly FeedUpdate[]): Promise<void> {
    if (!this.#filtered) return;
    for (const { kind, id } of updates) {
      if (kind !== 'job' || this.#options.hub.state.job(id) || this.#archived.has(id)) continue;
      this.#archived.set(id, await this.#options.beyond.job(id));
    }
  }

  #wants(update: FeedUpdate): boolean {
    const { kind, id, state } = update;
    if (kind !== this.#kind) return false;
    const { id: one, filter } = this.target;
    if (one !== null && id !== one) return false;
    if (kind !== 'job') return true;
    if (!this.#filtered) return true;
    if (!this.#sees(update)) return false;
    return fits(filter, { state, job: this.#options.hub.state.job(id) ?? this.#archived.get(id) });
  }
}

/** The kind of update that a resource gets; null for sums only. */
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
