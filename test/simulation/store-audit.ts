/** What the store may lose and must keep: every deletion is legal, and each snapshot agrees with the log. */
import { createHash } from 'node:crypto';
import { parseSegmentKey, parseSnapshotKey, parseSnapshotPartKey } from '../../server/journal/keys.ts';
import type { SnapshotManifest } from '../../server/journal/snapshots.ts';
import type { LogAudit } from './log-audit.ts';
import type { SimStore, StoredObject, StoreObserver } from './sim-store.ts';
import type { World } from './world.ts';

export class StoreAudit implements StoreObserver {
  readonly #world: World;
  readonly #store: SimStore;
  readonly #log: LogAudit;
  readonly #retention_ms: number;
  /** The first segment created at each number. */
  readonly #first = new Map<number, StoredObject>();
  /** Snapshots that an accident damaged. */
  readonly damaged = new Set<number>();
  deleted_segments = 0;
  /** Names that were used, freed, and created again: the case that the gap rule is for. */
  recreated_segments = 0;
  snapshots = 0;

  constructor(options: { world: World; store: SimStore; log: LogAudit; retention_ms: number }) {
    this.#world = options.world;
    this.#store = options.store;
    this.#log = options.log;
    this.#retention_ms = options.retention_ms;
  }

  created(key: string, object: StoredObject): void {
    const seq = parseSegmentKey(key);
    if (seq !== null) {
      if (this.#first.has(seq)) this.recreated_segments += 1;
      else this.#first.set(seq, object);
      return this.#log.created(seq, object.bytes);
    }
    const snapshot = parseSnapshotKey(key);
    if (snapshot === null) return;
    this.snapshots += 1;
    const manifest = JSON.parse(Buffer.from(object.bytes).toString()) as SnapshotManifest;
    const segment = this.#log.segments[snapshot];
    if (!segment) return this.#world.violate('I2', `snapshot ${snapshot} is of a segment that was never created`);
    if (
      manifest.segment_hash !== segment.hash ||
      manifest.at_ms !== segment.at_ms ||
      manifest.sha256 !== this.#log.hash(snapshot)
    ) {
      this.#world.violate('I9', `snapshot ${snapshot} is not the fold of segments 1 to ${snapshot}`);
    }
  }

  deleted(key: string, object: StoredObject): void {
    const seq = parseSegmentKey(key);
    if (seq === null) return this.#snapshotDeleted(key);
    this.deleted_segments += 1;
    // A name that was freed and created again belongs to no segment of the log; it may be deleted at any time.
    if (this.#first.get(seq) !== object) return;
    const age_ms = this.#store.now() - object.last_modified_ms;
    if (age_ms <= this.#retention_ms) {
      this.#world.violate('I7', `segment ${seq} was deleted at the age of ${Math.round(age_ms / 1000)} s`);
    }
    if (!this.#snapshotSeqs().some((snapshot) => snapshot >= seq && this.#readable(snapshot))) {
      this.#world.violate('I7', `segment ${seq} was deleted, and no readable snapshot covers it`);
    }
  }

  #snapshotDeleted(key: string): void {
    const seq = parseSnapshotKey(key) ?? parseSnapshotPartKey(key);
    if (seq === null) return;
    const newest = this.#snapshotSeqs().at(-1) ?? 0;
    if (newest < seq) this.#world.violate('I7', `${key} was deleted, although it is of the newest snapshot`);
    if (parseSnapshotPartKey(key) !== null && newest === seq) {
      this.#world.violate('I7', `${key} was deleted before its manifest`);
    }
  }

  #snapshotSeqs(): number[] {
    const seqs: number[] = [];
    for (const key of this.#store.objects.keys()) {
      const seq = parseSnapshotKey(key);
      if (seq !== null) seqs.push(seq);
    }
    return seqs.sort((a, b) => a - b);
  }

  #readable(seq: number): boolean {
    if (this.damaged.has(seq)) return false;
    const { parts } = manifestOf(this.#store, seq);
    return parts.every(({ key, sha256 }) => {
      const part = this.#store.objects.get(key);
      return part !== undefined && createHash('sha256').update(part.bytes).digest('hex') === sha256;
    });
  }

  /**
   * An accident to the newest snapshot, if an older one could still lead to the tail. Returns whether there was one.
   */
  damageNewest(): boolean {
    const seqs = this.#snapshotSeqs();
    const [older, newest] = [seqs.at(-2), seqs.at(-1)];
    if (this.damaged.size > 0 || older === undefined || newest === undefined) return false;
    if (!this.#readable(older)) return false;
    for (let seq = older + 1; seq <= this.#log.head; seq++) {
      if (!this.#store.objects.has(`journal/${String(seq).padStart(20, '0')}.ndjson`)) return false;
    }
    const part = manifestOf(this.#store, newest).parts[0];
    const object = part && this.#store.objects.get(part.key);
    if (!object) return false;
    const bytes = new Uint8Array(object.bytes);
    bytes[bytes.length >> 1]! ^= 1;
    this.#store.objects.set(part.key, { ...object, bytes });
    this.damaged.add(newest);
    this.#world.note(`snapshot ${newest} is damaged`);
    return true;
  }
}

function manifestOf(store: SimStore, seq: number): SnapshotManifest {
  const object = store.objects.get(`snapshots/${String(seq).padStart(20, '0')}.json`);
  return JSON.parse(Buffer.from(object!.bytes).toString()) as SnapshotManifest;
}
