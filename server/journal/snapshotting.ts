/** Decides when a snapshot is due, and writes it while commits continue, one at a time. */
import type { Clock } from '../clock.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { Head } from './chain.ts';
import type { Replica } from './replica.ts';
import { writeSnapshot } from './snapshots.ts';

export type SnapshottingOptions = {
  store: ObjectStore;
  clock: Clock;
  journal_id: string;
  chain: { readonly head: Readonly<Head> };
  replica: Pick<Replica<never>, 'rows'>;
  /** A snapshot is due after this many segments or bytes, or at the first segment after this many milliseconds. */
  snapshot_segments: number;
  snapshot_bytes: number;
  snapshot_ms: number;
  failed: (error: unknown) => void;
};

export class Snapshotting {
  readonly #options: SnapshottingOptions;
  #segments: number;
  #bytes = 0;
  #since_ms: number;
  #writing: Promise<void> | null = null;

  /** `segments`: number of segments after the newest snapshot. */
  constructor(options: SnapshottingOptions, segments: number) {
    this.#options = options;
    this.#segments = segments;
    this.#since_ms = options.clock.monotonic();
  }

  /** Call after each segment. */
  appended(bytes: number): void {
    this.#segments += 1;
    this.#bytes += bytes;
    if (this.#writing || !this.#isDue()) return;
    this.#segments = 0;
    this.#bytes = 0;
    this.#since_ms = this.#options.clock.monotonic();
    this.#writing = this.write()
      .catch(this.#options.failed)
      .finally(() => {
        this.#writing = null;
      });
  }

  /** Writes a snapshot of the current state. Throws JournalError, StoreError. */
  async write(): Promise<void> {
    const { store, clock, chain, replica, journal_id } = this.#options;
    const { seq, hash, at_ms } = chain.head;
    if (seq === 0) return;
    const head = { journal_id, seq, segment_hash: hash, at_ms };
    await writeSnapshot(store, clock, head, replica.rows());
  }

  /** Resolves once no snapshot is being written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  #isDue(): boolean {
    const { clock, snapshot_segments, snapshot_bytes, snapshot_ms } = this.#options;
    if (this.#segments >= snapshot_segments || this.#bytes >= snapshot_bytes) return true;
    return clock.monotonic() - this.#since_ms >= snapshot_ms;
  }
}
