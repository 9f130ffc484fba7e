/**
 * The hub: receives every segment from the engine, makes each event's message once, and delivers it to its followers.
 * It keeps the most recent segments, so that a reader that reconnects soon is served from memory.
 *
 * A segment for many readers is delivered over several turns of the event loop (delivery.ts). A message with a position
 * is sent only after everything before it has been delivered, so positions only grow on a connection.
 */
import type { FeedFilter, FeedPosition } from '../../protocol/feed.ts';
import type { JobScope } from '../access/scope.ts';
import type { Clock } from '../clock.ts';
import type { AppliedSegment, Engine } from '../engine.ts';
import type { JournalEvent } from '../state-machine/events.ts';
import type { State } from '../state-machine/state/state.ts';
import { type Extra, stateNow, type Target } from './current-state.ts';
import { type Addressed, Delivery } from './delivery.ts';
import { FilterIndex } from './filter-index.ts';
import { JobScan, type Scanned } from './job-scan.ts';
import { Parcel, type SegmentParcels } from './parcel.ts';
import { endOf, isAfter } from './position.ts';
import { ReadBack } from './read-back.ts';
import { type FeedUpdate, reportOf, updateOf } from './updates.ts';

/** A recipient of updates; see subscription.ts. */
export interface Follower {
  update(update: FeedUpdate, parcels: SegmentParcels<Follower>): void;
  /** The segment has been delivered completely: sends what was gathered from it. */
  delivered(): void;
  /** The sums may have changed. */
  sums(): void;
  /** The fold was replaced, and the events in between are unknown. */
  gap(): void;
  /** One of these methods threw. The error must not reach the engine or other followers. */
  fault(error: unknown): void;
}

/** `job|job-01…`, `jobs`, …; or a filter of jobs. */
export type Topic = string | FeedFilter;

/** Limits of the segments kept for readers that reconnect: events, characters. */
const KEPT_MAX = 20_000;
const KEPT_CHARACTERS_MAX = 16 * 1024 * 1024;
/** Minimum interval between updates of `queue` and `system`. */
const SUMS_MS = 1_000;

export class FeedHub {
  readonly readBack: ReadBack;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #unsubscribe: () => void;
  /** `job|job-01…`, `jobs`, `worker|…`, `workers`, `alerts`, `sums` → its followers. */
  readonly #topics = new Map<string, Set<Follower>>();
  /** Followers of `jobs` with a filter. */
  readonly #filtered = new FilterIndex<Follower>();
  readonly #everyone = new Set<Follower>();
  readonly #line: Delivery<Follower>;
  readonly #scan: JobScan;
  readonly #closing = new Set<() => void>();
  readonly #first = new Map<string, Parcel>();
  #closed = false;
  #kept: Kept[] = [];
  #kept_events = 0;
  #kept_characters = 0;
  /** Everything after this is in `#kept`. */
  #kept_from: FeedPosition;
  #cancelSums: (() => void) | null = null;
  #sums_due = false;
  /** Everything up to here has been delivered. */
  #delivered: FeedPosition;

  /** `reports`: also deliver progress when it is accepted, because it waits long for the journal. */
  constructor(engine: Engine, clock: Clock, { reports = false }: { reports?: boolean } = {}) {
    this.#engine = engine;
    this.#clock = clock;
    this.readBack = new ReadBack(engine);
    this.#kept_from = endOf(engine.state.seq);
    this.#delivered = this.#kept_from;
    this.#line = new Delivery(clock, () => this.#onDelivered());
    this.#scan = new JobScan(clock, () => ({ position: this.position, state: engine.state }));
    const unsubscribe = engine.subscribe((segment) => (segment ? this.#onSegment(segment) : this.#onGap()));
    const unreport = reports ? engine.onReport((event) => this.#onReport(event)) : () => {};
    this.#unsubscribe = () => {
      unsubscribe();
      unreport();
    };
  }

  /** Open connections, over WebSocket or SSE. */
  get clients(): number {
    return this.#closing.size;
  }

  get state(): State {
    return this.#engine.state;
  }

  /** The position after the last event. Delivers everything before it first. */
  get position(): FeedPosition {
    this.#line.finish();
    return endOf(this.#engine.state.seq);
  }

  /** The position after the last event delivered. */
  get delivered(): FeedPosition {
    return this.#delivered;
  }

  follow(topic: Topic, follower: Follower): void {
    this.#line.finish();
    if (typeof topic !== 'string') this.#filtered.add(topic, follower);
    else {
      const followers = this.#topics.get(topic);
      if (followers) followers.add(follower);
      else this.#topics.set(topic, new Set([follower]));
    }
    this.#everyone.add(follower);
  }

  unfollow(topic: Topic, follower: Follower): void {
    this.#everyone.delete(follower);
    if (typeof topic !== 'string') return this.#filtered.delete(topic, follower);
    const followers = this.#topics.get(topic);
    followers?.delete(follower);
    if (followers?.size === 0) this.#topics.delete(topic);
  }

  /** Returns the jobs in the scope that match the filter now. */
  find(filter: FeedFilter, scope?: JobScope | null): Promise<Scanned> {
    return this.#scan.find(filter, scope ?? null);
  }

  /** Returns at most `count` kept messages after `since`; null if `since` is older than what is kept. */
  keptSince(since: FeedPosition, count: number): FeedUpdate[] | null {
    this.#line.finish();
    if (isAfter(this.#kept_from, since)) return null;
    let low = 0;
    let high = this.#kept.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#kept[middle]!.seq < since.seq) low = middle + 1;
      else high = middle;
    }
    const found: FeedUpdate[] = [];
    for (let at = low; at < this.#kept.length && found.length < count; at += 1) {
      for (const update of updatesOf(this.#kept[at]!)) {
        if (isAfter(update.position, since) && found.length < count) found.push(update);
      }
    }
    return found;
  }

  /** Returns the current state as a message, made once per target without an id between two segments. */
  now(type: 'state' | 'reset' | 'update', target: Target, extra: Extra): Parcel {
    const { position } = this;
    const make = () => {
      const text = JSON.stringify(stateNow(this.#engine.state, target, { type, position, extra }));
      return new Parcel({ text, position });
    };
    if (target.id !== null) return make();
    const name = `${type} ${target.resource}`;
    const made = this.#first.get(name) ?? make();
    this.#first.set(name, made);
    return made;
  }

  /** Calls the listener when the monitor stops, immediately if it has. Returns a function that removes the listener. */
  onClose(listener: () => void): () => void {
    if (this.#closed) listener();
    this.#closing.add(listener);
    return () => this.#closing.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#line.finish();
    this.#unsubscribe();
    this.#cancelSums?.();
    for (const listener of [...this.#closing]) listener();
    this.#topics.clear();
    this.#everyone.clear();
  }

  #onSegment({ seq, events, lines }: AppliedSegment): void {
    this.#first.clear();
    const kept: Kept = { seq, lines, updates: null };
    this.#keep(kept);
    // Usually there are no followers, and few kept segments are ever read, so messages are made on demand.
    if (this.#followed) {
      kept.updates = messagesOf(seq, events);
      this.#line.add(kept.updates.flatMap((update) => this.#address(update)));
    } else if (this.#line.empty) this.#onDelivered();
    if (this.#topics.has('sums')) this.#cancelSums ??= this.#clock.after(SUMS_MS, () => this.#sum());
  }

  /** Delivered in its turn, after all segments so far. Not kept for readers that resume. */
  #onReport(event: JournalEvent): void {
    const update = this.#followed ? reportOf(event, endOf(this.#engine.state.seq)) : undefined;
    const addressed = update ? this.#address(update) : [];
    if (!Array.isArray(addressed)) this.#line.add([addressed]);
  }

  /** There are followers of more than sums. */
  get #followed(): boolean {
    return this.#topics.size > (this.#topics.has('sums') ? 1 : 0) || this.#filtered.size > 0;
  }

  #sum(): void {
    this.#cancelSums = null;
    this.#sums_due = true;
    if (this.#line.empty) this.#onDelivered();
  }

  #onDelivered(): void {
    this.#delivered = endOf(this.#engine.state.seq);
    if (!this.#sums_due) return;
    this.#sums_due = false;
    for (const follower of this.#topics.get('sums') ?? []) guarded(follower, (one) => one.sums());
  }

  #onGap(): void {
    this.#line.clear();
    this.#delivered = endOf(this.#engine.state.seq);
    this.#first.clear();
    this.#kept = [];
    this.#kept_events = 0;
    this.#kept_characters = 0;
    this.#kept_from = endOf(this.#engine.state.seq);
    for (const follower of [...this.#everyone]) guarded(follower, () => follower.gap());
  }

  /** Finds the followers of an update, often none. Filters are matched now, against the job's current record. */
  #address(update: FeedUpdate): Addressed<Follower> | [] {
    const { kind, id, state } = update;
    const to: ReadonlySet<Follower>[] = [];
    const one = this.#topics.get(`${kind}|${id}`);
    if (one) to.push(one);
    const all = this.#topics.get(`${kind}s`);
    if (all) to.push(all);
    if (kind === 'job' && this.#filtered.size > 0) {
      to.push(...this.#filtered.matching({ state, job: this.#engine.state.job(id) }));
    }
    return to.length > 0 ? { update, to } : [];
  }

  #keep(segment: Kept): void {
    this.#kept.push(segment);
    this.#kept_events += segment.lines.length;
    this.#kept_characters += charactersOf(segment);
    if (this.#kept_events <= KEPT_MAX && this.#kept_characters <= KEPT_CHARACTERS_MAX) return;
    // Half at a time: removing the first element of a long array for each segment would cost more than the segment.
    const gone = this.#kept.splice(0, (this.#kept.length + 1) >> 1);
    for (const segment of gone) {
      this.#kept_events -= segment.lines.length;
      this.#kept_characters -= charactersOf(segment);
    }
    this.#kept_from = endOf(gone.at(-1)!.seq);
  }
}

/** A segment as written, the most compact form, and its messages once a reader has needed them. */
type Kept = Pick<AppliedSegment, 'seq' | 'lines'> & { updates: readonly FeedUpdate[] | null };

function updatesOf(segment: Kept): readonly FeedUpdate[] {
  const { seq, lines } = segment;
  segment.updates ??= messagesOf(
    seq,
    lines.map((line) => JSON.parse(line) as JournalEvent),
  );
  return segment.updates;
}

function messagesOf(seq: number, events: readonly JournalEvent[]): readonly FeedUpdate[] {
  return events.flatMap((event, index) => updateOf(event, { seq, index }) ?? []);
}

const charactersOf = ({ lines }: Kept): number => lines.reduce((sum, { length }) => sum + length, 0);

function guarded(follower: Follower, notify: (follower: Follower) => void): void {
  try {
    notify(follower);
  } catch (error) {
    follower.fault(error);
  }
}
