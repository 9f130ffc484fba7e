/**
 * The hub: hears every segment from the engine, makes each event's message once, and hands it to whoever follows what it is
 * about. It keeps the last messages, so that a reader that was gone for a moment is served from memory.
 */
import type { FeedPosition } from '../../protocol/feed.ts';
import type { AppliedSegment, Engine } from '../engine.ts';
import { endOf, isAfter } from './position.ts';
import { type FeedUpdate, updateOf } from './updates.ts';

/** One who follows something; see reader.ts. */
export interface Follower {
  update(update: FeedUpdate): void;
  /** A segment is over: what follows sums and not events may look now. */
  segment(seq: number): void;
  /** The fold was replaced: events between were not seen. */
  gap(): void;
}

/** What is kept for those who come back: as many messages, or as many bytes of them. */
const KEPT_MAX = 20_000;
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

export class FeedHub {
  readonly engine: Engine;
  readonly #unsubscribe: () => void;
  /** `job|job-01…`, `jobs`, `worker|…`, `workers`, `alerts`, `sums` → who follows it. */
  readonly #topics = new Map<string, Set<Follower>>();
  readonly #everyone = new Set<Follower>();
  readonly #closing = new Set<() => void>();
  #kept: FeedUpdate[] = [];
  #kept_bytes = 0;
  /** Everything after this is in `#kept`. */
  #kept_from: FeedPosition;

  constructor(engine: Engine) {
    this.engine = engine;
    this.#kept_from = endOf(engine.state.seq);
    this.#unsubscribe = engine.subscribe((segment) => (segment ? this.#hear(segment) : this.#lose()));
  }

  /** After all that readers have been given so far. */
  get position(): FeedPosition {
    return endOf(this.engine.state.seq);
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
  }

  leave(follower: Follower): void {
    this.#everyone.delete(follower);
  }

  /** The kept messages after `since`; null where it goes further back than is kept. */
  keptSince(since: FeedPosition): FeedUpdate[] | null {
    if (isAfter(this.#kept_from, since)) return null;
    let low = 0;
    let high = this.#kept.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isAfter(this.#kept[middle]!.position, since)) high = middle;
      else low = middle + 1;
    }
    return this.#kept.slice(low);
  }

  /** Told when the monitor stops; the answer takes it back. */
  onClose(listener: () => void): () => void {
    this.#closing.add(listener);
    return () => this.#closing.delete(listener);
  }

  close(): void {
    this.#unsubscribe();
    for (const listener of [...this.#closing]) listener();
    this.#topics.clear();
    this.#everyone.clear();
  }

  #hear({ seq, events }: AppliedSegment): void {
    for (const [index, event] of events.entries()) {
      const update = updateOf(event, { seq, index });
      if (!update) continue;
      this.#keep(update);
      for (const topic of [`${update.kind}|${update.id}`, `${update.kind}s`]) {
        for (const follower of this.#topics.get(topic) ?? []) follower.update(update);
      }
    }
    for (const follower of this.#topics.get('sums') ?? []) follower.segment(seq);
  }

  #lose(): void {
    this.#kept = [];
    this.#kept_bytes = 0;
    this.#kept_from = endOf(this.engine.state.seq);
    for (const follower of this.#everyone) follower.gap();
  }

  #keep(update: FeedUpdate): void {
    this.#kept.push(update);
    this.#kept_bytes += update.text.length;
    if (this.#kept.length <= KEPT_MAX && this.#kept_bytes <= KEPT_BYTES_MAX) return;
    // Half at a time: taking one off the front of a long array each time would cost more than the message.
    const gone = this.#kept.splice(0, this.#kept.length >> 1);
    for (const { text } of gone) this.#kept_bytes -= text.length;
    this.#kept_from = gone.at(-1)!.position;
  }
}
