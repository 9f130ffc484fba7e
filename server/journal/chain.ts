/**
 * The chain as this instance has followed it: recovery, reading on to the tail, and the gap rule. Reads only.
 *
 *     recover   newest good snapshot → its rows → the segments after it, prefetched → 404 → the tail
 *     drain     from the head to the tail: what other instances have written meanwhile
 *     trust     the gap rule on an answer about the next segment; on doubt it recovers from the snapshot that passed us by
 */
import { type Clock, type Random, sleep } from '../clock.ts';
import type { GetResult, ObjectStore } from '../objects/store.ts';
import { StoreError } from '../objects/store.ts';
import { JournalError } from './errors.ts';
import { isFresh, listSnapshots } from './gap-rule.ts';
import { segmentKey, snapshotKey } from './keys.ts';
import type { LogClock } from './log-clock.ts';
import type { Replica } from './replica.ts';
import { decodeSegment, NO_HASH, type Segment } from './segment.ts';
import { readManifest, readRows } from './snapshots.ts';

export type Head = {
  seq: number;
  /** Hash of segment `seq`. */
  hash: string;
  /** Log time at `seq`. */
  at_ms: number;
  /** LastModified of segment `seq`; null where only a snapshot told of it. */
  last_modified_ms: number | null;
};

export type ChainOptions<P> = {
  store: ObjectStore;
  clock: Clock;
  random: Random;
  logClock: LogClock;
  replica: Replica<P>;
  journal_id: string;
  retention_ms: number;
  signal: AbortSignal;
  /** Told what was damaged and passed over. */
  warn: (message: string) => void;
  /** Told of a read that has gone unanswered for so long, and of its answer in the end; it is asked again all the while. */
  silence?: { after_ms: number; begins: (cause: StoreError) => void; ends: () => void };
};

const PREFETCH_MAX = 64;
const RETRY_MAX_MS = 2_000;

export class Chain<P> {
  readonly #options: ChainOptions<P>;
  readonly #damaged = new Set<number>();
  #head: Head = { seq: 0, hash: NO_HASH, at_ms: 0, last_modified_ms: null };
  /** The snapshot that this fold began from; 0 if none. */
  snapshot_seq = 0;

  constructor(options: ChainOptions<P>) {
    this.#options = options;
  }

  get head(): Readonly<Head> {
    return this.#head;
  }

  /** From nothing to the tail. Throws JournalError('corrupt') where neither snapshots nor segments lead there. */
  async recover(): Promise<void> {
    await this.#restore();
    await this.drain();
  }

  /** Applies every segment after the head; answers how many. */
  async drain(): Promise<number> {
    const from = this.#head.seq;
    let window = 1;
    for (;;) {
      const first = this.#head.seq + 1;
      const seqs = Array.from({ length: window }, (_, i) => first + i);
      const answers = await Promise.all(seqs.map((seq) => this.get(segmentKey(seq))));
      for (const [i, answer] of answers.entries()) {
        const seq = first + i;
        if (seq !== this.#head.seq + 1) break;
        if (!(await this.trust(answer.server_ms))) break;
        if (!answer.found) {
          // An old answer, perhaps: before calling the journal broken, ask again.
          if (this.#damageAhead() && (await this.get(segmentKey(seq))).found) break;
          this.assertLedPastDamage();
          return this.#head.seq - from;
        }
        this.replay(
          decodeSegment(answer.bytes, { journal_id: this.#options.journal_id, seq }),
          answer.last_modified_ms,
        );
      }
      window = Math.min(window * 4, PREFETCH_MAX);
    }
  }

  /** Applies the next segment. Throws JournalError('corrupt') where it does not follow the head. */
  replay(segment: Segment, last_modified_ms: number): void {
    const { header, lines, hash } = segment;
    if (header.prev !== this.#head.hash) {
      throw new JournalError(
        'corrupt',
        `${segmentKey(header.seq)} does not follow the segment before it: the chain is broken`,
        { hint: 'Someone changed the journal. Restore both segments from a copy of the store.' },
      );
    }
    const at_ms = Math.max(this.#head.at_ms, header.at);
    this.#options.replica.replay({ seq: header.seq, at_ms, lines });
    this.extend({ seq: header.seq, hash, at_ms, last_modified_ms });
  }

  /** The segment at this head has been applied. */
  extend(head: Head): void {
    this.#head = head;
  }

  /**
   * The gap rule, for an answer that the store gave at `server_ms` about the segment after the head. False: the name had
   * been used and truncated, the fold was replaced from a snapshot, and whatever rested on the answer must be given up.
   */
  async trust(server_ms: number): Promise<boolean> {
    const { retention_ms, logClock } = this.#options;
    logClock.observe(server_ms);
    if (isFresh(server_ms, this.#head.last_modified_ms, retention_ms)) return true;
    const [newest = 0] = await this.#snapshots();
    if (newest <= this.#head.seq) return true;
    return !(await this.#restore());
  }

  /** Reads one object, waiting out a store that does not answer. Throws JournalError('refused' | 'stopped'). */
  get(key: string): Promise<GetResult> {
    return this.#patiently(() => this.#options.store.get(key));
  }

  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    const { clock, random, signal, silence } = this.#options;
    const began_ms = clock.monotonic();
    let silent = false;
    for (let attempt = 0; ; attempt++) {
      if (signal.aborted) throw new JournalError('stopped', 'this instance is closing');
      try {
        const answer = await ask();
        if (silent) silence?.ends();
        return answer;
      } catch (error) {
        if (!(error instanceof StoreError) || error.kind !== 'unavailable') {
          if (silent) silence?.ends();
          if (!(error instanceof StoreError)) throw error;
          throw new JournalError('refused', error.message, { hint: error.hint, cause: error });
        }
        if (!silent && silence && clock.monotonic() - began_ms >= silence.after_ms) {
          silent = true;
          silence.begins(error);
        }
      }
      await sleep(clock, random.float() * Math.min(RETRY_MAX_MS, 20 * 2 ** attempt), signal);
    }
  }

  /** Replaces the fold by the newest good snapshot after the head; false where there is none. */
  async #restore(): Promise<boolean> {
    const { store, replica, journal_id, warn } = this.#options;
    for (;;) {
      const seq = (await this.#snapshots()).find((seq) => seq > this.#head.seq && !this.#damaged.has(seq));
      if (seq === undefined) break;
      try {
        const manifest = await this.#patiently(() => readManifest(store, journal_id, seq));
        replica.restore(await this.#patiently(() => readRows(store, manifest)));
        this.#head = { seq, hash: manifest.segment_hash, at_ms: manifest.at_ms, last_modified_ms: null };
        this.snapshot_seq = seq;
        return true;
      } catch (error) {
        if (!(error instanceof JournalError) || error.kind !== 'corrupt') throw error;
        // A newer one may have replaced it while it was being read: then it is not damaged, only gone.
        if (!(await this.#snapshots()).includes(seq)) continue;
        this.#damaged.add(seq);
        warn(`${error.message}; trying the next older snapshot`);
      }
    }
    if (this.#head.seq === 0) replica.reset();
    return false;
  }

  #snapshots(): Promise<number[]> {
    return this.#patiently(() => listSnapshots(this.#options.store));
  }

  /** Where a newer snapshot is damaged, only the segments up to it lead past it: without them nothing may be built here. */
  assertLedPastDamage(): void {
    if (!this.#damageAhead()) return;
    throw new JournalError(
      'corrupt',
      `${snapshotKey(Math.max(...this.#damaged))} is damaged, and ${segmentKey(this.#head.seq + 1)}, which would lead there without it, is gone`,
      { hint: 'Restore the snapshot from a copy of the store.' },
    );
  }

  #damageAhead(): boolean {
    return Math.max(0, ...this.#damaged) > this.#head.seq;
  }
}
