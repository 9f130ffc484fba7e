/**
 * Segments on their way to their followers, one after the other. As much as SLICE_MS takes is told at once; what is left waits
 * for the next turn of the event loop, so that a segment for thousands of readers holds up nobody else.
 *
 *     add → told (all at once, mostly)
 *         → waiting → a slice each turn → told
 *
 * Whoever needs to know that everything has been told calls `finish`. More than WAITING_MAX updates don't wait: then commits
 * come faster than they can be told, and have to be held up.
 */
import type { Clock } from '../clock.ts';
import { Telling } from './parcel.ts';
import type { FeedUpdate } from './updates.ts';

/** What the line does to a follower; see hub.ts. */
interface Told {
  update(update: FeedUpdate, telling: Telling<Told>): void;
  told(): void;
  fault(error: unknown): void;
}

/** An update, and the followers it is for. */
export type Addressed<F> = { update: FeedUpdate; to: readonly ReadonlySet<F>[] };

const SLICE_MS = 8;
/** The clock is looked at after so many calls. */
const CALLS_AT_ONCE = 64;
const WAITING_MAX = 20_000;

export class TellingLine<F extends Told> {
  readonly #clock: Clock;
  readonly #onTold: () => void;
  #waiting: (readonly Addressed<F>[])[] = [];
  #updates_waiting = 0;
  #steps: Iterator<void> | null = null;
  #running = false;
  #scheduled = false;

  /** `onTold` is called whenever nothing waits any more. */
  constructor(clock: Clock, onTold: () => void) {
    this.#clock = clock;
    this.#onTold = onTold;
  }

  get empty(): boolean {
    return this.#steps === null && this.#waiting.length === 0;
  }

  add(segment: readonly Addressed<F>[]): void {
    this.#waiting.push(segment);
    this.#updates_waiting += segment.length;
    if (this.#updates_waiting > WAITING_MAX) this.finish();
    else if (!this.#scheduled) this.#slice();
  }

  /** Tells all that waits, now. */
  finish(): void {
    this.#run(() => false);
  }

  /** Forgets all that waits. */
  clear(): void {
    this.#waiting = [];
    this.#updates_waiting = 0;
    this.#steps = null;
  }

  #slice(): void {
    const until_ms = this.#clock.monotonic() + SLICE_MS;
    this.#run(() => this.#clock.monotonic() >= until_ms);
    if (this.empty || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#slice();
    });
  }

  #run(late: () => boolean): void {
    // What a follower does when it is told may lead here again: what waits is being told already.
    if (this.#running || this.empty) return;
    this.#running = true;
    try {
      while (!this.empty) {
        this.#steps ??= this.#next();
        if (this.#steps.next().done) this.#steps = null;
        else if (late()) return;
      }
    } finally {
      this.#running = false;
    }
    this.#onTold();
  }

  #next(): Iterator<void> {
    const segment = this.#waiting.shift()!;
    this.#updates_waiting -= segment.length;
    return steps(segment);
  }
}

function* steps<F extends Told>(segment: readonly Addressed<F>[]): Generator<void> {
  const telling = new Telling<Told>();
  let calls = 0;
  for (const { update, to } of segment) {
    for (const followers of to) {
      for (const follower of followers) {
        try {
          follower.update(update, telling);
        } catch (error) {
          follower.fault(error);
        }
        calls += 1;
        if (calls % CALLS_AT_ONCE === 0) yield;
      }
    }
  }
  for (const follower of telling.given) {
    try {
      follower.told();
    } catch (error) {
      follower.fault(error);
    }
    calls += 1;
    if (calls % CALLS_AT_ONCE === 0) yield;
  }
}
