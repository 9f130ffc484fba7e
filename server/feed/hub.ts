/**
 * The hub: hears every segment from the engine, makes each event's message once, and hands it to whoever follows what it is
 * about. It keeps the last segments, so that a reader that was gone for a moment is served from memory.
 */
import type { FeedPosition } from '../../protocol/feed.ts';
import type { Clock } from '../clock.ts';
import type { AppliedSegment, Engine } from '../engine.ts';
import type { JournalEvent } from '../state-machine/events.ts';
import type { State } from '../state-machine/state/state.ts';
import { type Archived, stateNow, type Target } from './current-state.ts';
import { Parcel, Telling } from './parcel.ts';
import { endOf, isAfter } from './position.ts';
import { ReadBack } from './read-back.ts';
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

/** What is kept for those who come back: segments of so many events, or so many characters. */
const KEPT_MAX = 20_000;
const KEPT_CHARACTERS_MAX = 16 * 1024 * 1024;
/** Queue, system: sums, told at most this often. */
const SUMS_MS = 1_000;
/** Different first messages that are kept from one segment to the next. */
const FIRST_MAX = 100;

export class FeedHub {
  readonly readBack: ReadBack;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #unsubscribe: () => void;
  /** `job|job-01…`, `jobs`, `worker|…`, `workers`, `alerts`, `sums` → who follows it. */
  readonly #topics = new Map<string, Set<Follower>>();
  readonly #everyone = new Set<Follower>();
  readonly #closing = new Set<() => void>();
  readonly #first = new Map<string, Parcel>();
  #closed = false;
  #kept: Kept[] = [];
  #kept_events = 0;
  #kept_characters = 0;
  /** Everything after this is in `#kept`. */
  #kept_from: FeedPosition;
  #cancelSums: (() => void) | null = null;

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.readBack = new ReadBack(engine);
    this.#kept_from = endOf(engine.state.seq);
    this.#unsubscribe = engine.subscribe((segment) => (segment ? this.#hear(segment) : this.#lose()));
  }

  get state(): State {
    return this.#engine.state;
  }

  /** After all that followers have been given so far. */
  get position(): FeedPosition {
    return endOf(this.#engine.state.seq);
  }

  follow(topic: string, follower: Follower): void {
    const followers = this.#topics.get(topic);
    if (followers) followers.add(follower);
    else this.#topics.set(topic, new Set([follower]));
    this.#everyone.add(follower);
  }

  unfollow(topic: string, follower: Follower): void {
    const followers = this.#topics.get(topic);
    followers?.delete(follower);
    if (followers?.size === 0) this.#topics.delete(topic);
    this.#everyone.delete(follower);
  }

  /** At most `count` of the kept messages after `since`; null where it goes further back than is kept. */
  keptSince(since: FeedPosition, count: number): FeedUpdate[] | null {
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
  now(type: 'state' | 'reset' | 'update', target: Target, archived: Archived): Parcel {
    const { position } = this;
    const make = () => {
      const text = JSON.stringify(stateNow(this.#engine.state, target, { type, position, archived }));
      return new Parcel({ text, position });
    };
    if (target.id !== null) return make();
    const name = JSON.stringify([type, target.resource, target.filter]);
    const made = this.#first.get(name) ?? make();
    if (this.#first.size < FIRST_MAX) this.#first.set(name, made);
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
    if (this.#topics.size > (this.#topics.has('sums') ? 1 : 0)) {
      const telling = new Telling<Follower>();
      kept.updates = messagesOf(seq, events);
      for (const update of kept.updates) {
        this.#tell(`${update.kind}|${update.id}`, update, telling);
        this.#tell(`${update.kind}s`, update, telling);
      }
      for (const follower of telling.given) guarded(follower, told);
    }
    if (this.#topics.has('sums')) this.#cancelSums ??= this.#clock.after(SUMS_MS, () => this.#sum());
  }

  #sum(): void {
    this.#cancelSums = null;
    for (const follower of this.#topics.get('sums') ?? []) guarded(follower, (one) => one.sums());
  }

  #lose(): void {
    this.#first.clear();
    this.#kept = [];
    this.#kept_events = 0;
    this.#kept_characters = 0;
    this.#kept_from = endOf(this.#engine.state.seq);
    for (const follower of [...this.#everyone]) guarded(follower, () => follower.gap());
  }

  #tell(topic: string, update: FeedUpdate, telling: Telling<Follower>): void {
    const followers = this.#topics.get(topic);
    if (!followers) return;
    for (const follower of followers) {
      try {
        follower.update(update, telling);
      } catch (error) {
        follower.fault(error);
      }
    }
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

const told = (follower: Follower): void => follower.told();

function guarded(follower: Follower, tell: (follower: Follower) => void): void {
  try {
    tell(follower);
  } catch (error) {
    follower.fault(error);
  }
}
