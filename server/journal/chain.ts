/**
 * The chain of segments as read by this instance: recovery, reading on to the tail, and the gap rule. Read-only.
 *
 *     recover   newest good snapshot → its rows → the segments after it, prefetched → 404 → is that the tail? → ready
 *     drain     from the head to the tail: segments that other instances have written meanwhile
 *     trust     the gap rule for a response about the next segment; in doubt, recovers from a newer snapshot
 */
import type { GetResult, ObjectStore } from '../objects/store.ts';
import { assertComplete, listSegments } from './completeness.ts';
import { corruptObject, isCorrupt, type JournalError } from './errors.ts';
import { isFresh, listSnapshots } from './gap-rule.ts';
import { segmentKey, snapshotKey } from './keys.ts';
import type { LogClock } from './log-clock.ts';
import type { Patience } from './patience.ts';
import type { Replica } from './replica.ts';
import { decodeSegment, NO_HASH, type Segment } from './segment.ts';
import { readManifest, readRows } from './snapshots.ts';
import type { Trace } from './traces.ts';

export type Head = {
  seq: number;
  /** Hash of segment `seq`. */
  hash: string;
  /** Log time at `seq`. */
  at_ms: number;
  /** LastModified of segment `seq`; null if only a snapshot is known. */
  last_modified_ms: number | null;
};

export type ChainOptions<P> = {
  store: ObjectStore;
  patience: Patience;
  logClock: LogClock;
  replica: Replica<P>;
  journal_id: string;
  retention_ms: number;
  /** Reports a damaged object that was skipped. */
  warn: (message: string) => void;
};

const PREFETCH_MAX = 64;
const START: Head = { seq: 0, hash: NO_HASH, at_ms: 0, last_modified_ms: null };

export class Chain<P> {
  readonly #options: ChainOptions<P>;
  readonly #damaged = new Set<number>();
  #head: Head = START;
  #recovering = false;
  /** While recovering: the first segment whose response cannot be trusted without checking the snapshots. */
  #first_doubt: number | null = null;
  /** The snapshot that this fold started from; 0 if none. */
  snapshot_seq = 0;

  constructor(options: ChainOptions<P>) {
    this.#options = options;
  }

  get head(): Readonly<Head> {
    return this.#head;
  }

  /**
   * Recovers to the tail. Throws JournalError('corrupt') if neither snapshots nor segments lead there, or if the
   * journal once went further, as `traces`, read before, or the use that `findUse` finds beside an empty journal prove.
   */
  async recover(traces: readonly Trace[], findUse: () => Promise<Trace | null>): Promise<void> {
    const { store, journal_id, patience } = this.#options;
    await this.#startOver();
    for (;;) {
      // Listed before reading, so that a segment that is listed and not found has been deleted. If truncation deleted
      // it, the gap rule finds the covering snapshot and replaces the fold, and the list is read again.
      const listed = await patience.run(() => listSegments(store, this.#head.seq));
      const failure = await this.#drainOnTrust();
      // A reused name also breaks the chain, but is no damage.
      if (await this.#restart()) continue;
      if (failure) throw failure;
      const use = this.#head.seq === 0 ? await patience.run(findUse) : null;
      const all = use ? [...traces, use] : traces;
      return assertComplete(store, { journal_id, head_seq: this.#head.seq, listed, traces: all });
    }
  }

  /** Reads to the tail, trusting every response for now. Returns the error if an object is damaged. */
  async #drainOnTrust(): Promise<JournalError | null> {
    this.#first_doubt = null;
    this.#recovering = true;
    try {
      await this.drain();
      return null;
    } catch (error) {
      if (isCorrupt(error)) return error;
      throw error;
    } finally {
      this.#recovering = false;
    }
  }

  /**
   * The gap rule for everything read since the last restore, in one check: true if a snapshot shows that a name was
   * used and truncated, and the fold was restored from it. The fold is not visible before recovery ends.
   */
  async #restart(): Promise<boolean> {
    const doubt = this.#first_doubt;
    this.#first_doubt = null;
    if (doubt === null) return false;
    const newer = await this.#snapshotsAfter(doubt - 1);
    if (newer.every((seq) => this.#damaged.has(seq))) return false;
    await this.#startOver();
    return true;
  }

  async #startOver(): Promise<void> {
    this.#head = START;
    if (!(await this.#restore())) this.#options.replica.reset();
  }

  /** Applies every segment after the head. Returns their number. */
  async drain(): Promise<number> {
    const from = this.#head.seq;
    let window = 1;
    for (;;) {
      const first = this.#head.seq + 1;
      const seqs = Array.from({ length: window }, (_, i) => first + i);
      const results = await Promise.all(seqs.map((seq) => this.get(segmentKey(seq))));
      for (const [i, result] of results.entries()) {
        const seq = first + i;
        if (seq !== this.#head.seq + 1) break;
        if (!(await this.trust(result.server_ms))) break;
        if (!result.found) {
          // The response may be stale: read again before reporting damage.
          if (this.#damageAhead() && (await this.get(segmentKey(seq))).found) break;
          this.assertLedPastDamage();
          return this.#head.seq - from;
        }
        this.replay(
          decodeSegment(result.bytes, { journal_id: this.#options.journal_id, seq }),
          result.last_modified_ms,
        );
      }
      window = Math.min(window * 4, PREFETCH_MAX);
    }
  }

  /** Applies the next segment. Throws JournalError('corrupt') if it does not follow the head. */
  replay(segment: Segment, last_modified_ms: number): void {
    const { header, lines, hash } = segment;
    if (header.prev !== this.#head.hash) {
      throw corruptObject(segmentKey(header.seq), 'does not follow the segment before it: the chain is broken', {
        hint: 'The journal was changed. Restore both segments from a copy of the store.',
      });
    }
    const at_ms = Math.max(this.#head.at_ms, header.at);
    this.#options.replica.replay({ seq: header.seq, at_ms, lines });
    this.extend({ seq: header.seq, hash, at_ms, last_modified_ms });
  }

  /** Moves the head, after its segment has been applied. */
  extend(head: Head): void {
    this.#head = head;
  }

  /**
   * The gap rule for a response of the store at `server_ms` about the segment after the head. False: the name had been
   * used and truncated, the fold was restored from a snapshot, and the response must be discarded.
   */
  async trust(server_ms: number): Promise<boolean> {
    const { retention_ms, logClock } = this.#options;
    logClock.observe(server_ms);
    if (isFresh(server_ms, this.#head.last_modified_ms, retention_ms)) return true;
    if (this.#recovering) {
      this.#first_doubt ??= this.#head.seq + 1;
      return true;
    }
    return !(await this.#restore());
  }

  /** Reads an object, retrying while the store does not respond. Throws JournalError('refused' | 'stopped'). */
  get(key: string): Promise<GetResult> {
    return this.#options.patience.run(() => this.#options.store.get(key));
  }

  /** Restores the fold from the newest good snapshot after the head; false if none exists. */
  async #restore(): Promise<boolean> {
    const { store, replica, journal_id, warn } = this.#options;
    for (;;) {
      const seq = (await this.#snapshotsAfter(this.#head.seq)).find((seq) => !this.#damaged.has(seq));
      if (seq === undefined) break;
      try {
        const manifest = await this.#options.patience.run(() => readManifest(store, journal_id, seq));
        replica.restore(await this.#options.patience.run(() => readRows(store, manifest)));
        this.#head = { seq, hash: manifest.segment_hash, at_ms: manifest.at_ms, last_modified_ms: null };
        this.snapshot_seq = seq;
        return true;
      } catch (error) {
        if (!isCorrupt(error)) throw error;
        // A newer one may have replaced it during the read; then it is gone, not damaged.
        if (!(await this.#snapshotsAfter(seq - 1)).includes(seq)) continue;
        this.#damaged.add(seq);
        warn(`${error.message}; trying the next older snapshot`);
      }
    }
    return false;
  }

  #snapshotsAfter(seq: number): Promise<number[]> {
    return this.#options.patience.run(() => listSnapshots(this.#options.store, seq));
  }

  /** Throws if a snapshot after the head is damaged and a segment that would lead past it is missing. */
  assertLedPastDamage(): void {
    if (!this.#damageAhead()) return;
    throw corruptObject(
      snapshotKey(Math.max(...this.#damaged)),
      `is damaged, and ${segmentKey(this.#head.seq + 1)}, needed without it, is missing`,
      { hint: 'Restore the snapshot from a copy of the store.' },
    );
  }

  /**
   * The same once a segment of ours was created after the head: if another instance has continued it, its name was not
   * used before, and it leads on.
   */
  async assertCreatedLeadsOn({ seq, hash }: { seq: number; hash: string }): Promise<void> {
    if (!this.#damageAhead()) return;
    const next = await this.get(segmentKey(seq + 1));
    if (next.found) {
      const { header } = decodeSegment(next.bytes, { journal_id: this.#options.journal_id, seq: seq + 1 });
      if (header.prev === hash) return;
    }
    this.assertLedPastDamage();
  }

  #damageAhead(): boolean {
    return Math.max(0, ...this.#damaged) > this.#head.seq;
  }
}
