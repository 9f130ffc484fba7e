/**
 * Delivers segments to their followers, one after the other, for at most SLICE_MS per turn of the event loop, so that a
 * segment for thousands of readers does not block anything else.
 *
 *     add → delivered (usually all at once)
 *         → waiting → one slice per turn → delivered
 *
 * `finish` delivers everything immediately. So does `add` beyond WAITING_MAX updates: commits then arrive faster than
 * they can be delivered, and must be slowed down.
 */
import type { Clock } from '../clock.ts';
import { SegmentParcels } from './parcel.ts';
import type { FeedUpdate } from './updates.ts';

/** The part of a follower that a delivery uses; see hub.ts. */
interface Recipient {
  update(update: FeedUpdate, parcels: SegmentParcels<Recipient>): void;
  delivered(): void;
  fault(error: unknown): void;
}

/** An update and its followers. */
export type Addressed<F> = { update: FeedUpdate; to: readonly ReadonlySet<F>[] };

const SLICE_MS = 8;
/** Calls between two looks at the clock. */
const CALLS_AT_ONCE = 64;
const WAITING_MAX = 20_000;

export class Delivery<F extends Recipient> {
  readonly #clock: Clock;
  readonly #onDelivered: () => void;
  #waiting: (readonly Addressed<F>[])[] = [];
  #updates_waiting = 0;
  #steps: Iterator<void> | null = null;
  #running = false;
  #scheduled = false;

  /** `onDelivered` is called whenever everything has been delivered. */
  constructor(clock: Clock, onDelivered: () => void) {
    this.#clock = clock;
    this.#onDelivered = onDelivered;
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

  /** Delivers everything that waits, now. */
  finish(): void {
    this.#run(() => false);
  }

  /** Discards everything that waits. */
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
    // A follower may cause a reentrant call: the outer call is already delivering.
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
    this.#onDelivered();
  }

  #next(): Iterator<void> {
    const segment = this.#waiting.shift()!;
    this.#updates_waiting -= segment.length;
    return steps(segment);
  }
}

function* steps<F extends Recipient>(segment: readonly Addressed<F>[]): Generator<void> {
  const parcels = new SegmentParcels<Recipient>();
  let calls = 0;
  for (const { update, to } of segment) {
    for (const followers of to) {
      for (const follower of followers) {
        try {
          follower.update(update, parcels);
        } catch (error) {
          follower.fault(error);
        }
        calls += 1;
        if (calls % CALLS_AT_ONCE === 0) yield;
      }
    }
  }
  for (const follower of parcels.open) {
    try {
      follower.delivered();
    } catch (error) {
      follower.fault(error);
    }
    calls += 1;
    if (calls % CALLS_AT_ONCE === 0) yield;
  }
}
