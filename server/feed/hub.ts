/**
 * The hub: hears every segment from the engine, makes each event's message once, and hands it to whoever follows what it is
 * about. It keeps the last segments, so that a reader that was gone for a moment is served from memory.
 *
 * A segment for many readers is told over several turns of the event loop (telling-line.ts). Whatever carries a position is
 * said only when all before it has been told, so that positions only grow on a connection.
 */
import type { FeedFilter, FeedPosition } from '../../protocol/feed.ts';
import type { Clock } from '../clock.ts';
import type { AppliedSegment, Engine } from '../engine.ts';
import type { JournalEvent } from '../state-machine/events.ts';
import type { State } from '../state-machine/state/state.ts';
import { type Beside, stateNow, type Target } from './current-state.ts';
import { FilterIndex } from './filter-index.ts';
import { JobScan, type Scanned } from './job-scan.ts';
import { Parcel, type Telling } from './parcel.ts';
import { endOf, isAfter } from './position.ts';
import { ReadBack } from './read-back.ts';
import { type Addressed, TellingLine } from './telling-line.ts';
import { type FeedUpdate, updateOf } from './updates.ts';

/** One who follows something; see subscription.ts. */
export interface Follower {
  update(update: FeedUpdate, telling: Telling<Follower>): void;
  /** All of a segment has been told: what was gathered of it leaves. */
  told(): void;
  /** Something has changed that shows in sums. */
  sums(): void;
  /** The fold was replaced: events between were not seen. */
  gap(): void;
  /** One of these threw. It must not reach the engine, nor other followers. */
  fault(error: unknown): void;
}

/** `job|job-01…`, `jobs`, …; jobs that a filter means. */
export type Topic = string | FeedFilter;

/** What is kept for those who come back: segments of so many events, or so many characters. */
const KEPT_MAX = 20_000;
const KEPT_CHARACTERS_MAX = 16 * 1024 * 1024;
/** Queue, system: sums, told at most this often. */
const SUMS_MS = 1_000;

export class FeedHub {
  readonly readBack: ReadBack;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #unsubscribe: () => void;
  /** `job|job-01…`, `jobs`, `worker|…`, `workers`, `alerts`, `sums` → who follows it. */
  readonly #topics = new Map<string, Set<Follower>>();
  /** `jobs`, with a filter. */
  readonly #filtered = new FilterIndex<Follower>();
  readonly #everyone = new Set<Follower>();
  readonly #line: TellingLine<Follower>;
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
  /** Everything up to here has been told. */
  #told: FeedPosition;

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.readBack = new ReadBack(engine);
    this.#kept_from = endOf(engine.state.seq);
    this.#told = this.#kept_from;
    this.#line = new TellingLine(clock, () => this.#allTold());
    this.#scan = new JobScan(clock, () => ({ position: this.position, state: engine.state }));
    this.#unsubscribe = engine.subscribe((segment) => (segment ? this.#hear(segment) : this.#lose()));
  }

  get state(): State {
    return this.#engine.state;
  }

  /** After all that has happened. Followers are given what is left of that first. */
  get position(): FeedPosition {
    this.#line.finish();
    return endOf(this.#engine.state.seq);
  }

  /** After all that followers have been given so far. */
  get told(): FeedPosition {
    return this.#told;
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

  /** The jobs that the filter means now. */
  find(filter: FeedFilter): Promise<Scanned> {
    return this.#scan.find(filter);
  }

  /** At most `count` of the kept messages after `since`; null where it goes further back than is kept. */
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

  /** The state now as a message, made once for all who ask the same between two segments. */
  now(type: 'state' | 'reset' | 'update', target: Target, beside: Beside): Parcel {
    const { position } = this;
    const make = () => {
      const text = JSON.stringify(stateNow(this.#engine.state, target, { type, position, beside }));
      return new Parcel({ text, position });
    };
    if (target.id !== null) return make();
    const name = `${type} ${target.resource}`;
    const made = this.#first.get(name) ?? make();
    this.#first.set(name, made);
    return made;
  }

  /** Told when the monitor stops, at once if it has; the answer takes it back. */
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

  #hear({ seq, events, lines }: AppliedSegment): void {
    this.#first.clear();
    const kept: Kept = { seq, lines, updates: null };
    this.#keep(kept);
    // Mostly nobody follows, and of what is kept little is ever asked for: messages are made for those who read them.
    if (this.#topics.size > (this.#topics.has('sums') ? 1 : 0) || this.#filtered.size > 0) {
      kept.updates = messagesOf(seq, events);
      this.#line.add(kept.updates.flatMap((update) => this.#address(update)));
    } else if (this.#line.empty) this.#allTold();
    if (this.#topics.has('sums')) this.#cancelSums ??= this.#clock.after(SUMS_MS, () => this.#sum());
  }

  #sum(): void {
    this.#cancelSums = null;
    this.#sums_due = true;
    if (this.#line.empty) this.#allTold();
  }

  #allTold(): void {
    this.#told = endOf(this.#engine.state.seq);
    if (!this.#sums_due) return;
    this.#sums_due = false;
    for (const follower of this.#topics.get('sums') ?? []) guarded(follower, (one) => one.sums());
  }

  #lose(): void {
    this.#line.clear();
    this.#told = endOf(this.#engine.state.seq);
    this.#first.clear();
    this.#kept = [];
    this.#kept_events = 0;
    this.#kept_characters = 0;
    this.#kept_from = endOf(this.#engine.state.seq);
    for (const follower of [...this.#everyone]) guarded(follower, () => follower.gap());
  }

  /** For whom an update is: nobody, often. Found now, as the job is now. */
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
    // Half at a time: taking one off the front of a long array each time would cost more than the segment.
    const gone = this.#kept.splice(0, (this.#kept.length + 1) >> 1);
    for (const segment of gone) {
      this.#kept_events -= segment.lines.length;
      this.#kept_characters -= charactersOf(segment);
    }
    this.#kept_from = endOf(gone.at(-1)!.seq);
  }
}

/** A segment as it was written, which costs the least to keep, and its messages once somebody has read them. */
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

function guarded(follower: Follower, tell: (follower: Follower) => void): void {
  try {
    tell(follower);
  } catch (error) {
    follower.fault(error);
  }
}
