/**
 * Where the reading of each log ended, so that a monitor that restarts goes on there: `meta/sources/{name}.json`. A position is written
 * after everything before it is in the journal, so it is at most behind: what is read again makes no duplicates.
 *
 * It counts only with the journal that it was written beside: not if that has lost segments which the position relies on, nor if
 * the source is now to be read from further back.
 */
import { hash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import { seal, unseal } from '../sealed-json.ts';

export const POSITIONS = 'meta/sources/';

/** `source`: its name, for people. `seq`: the journal's last segment when it was written. */
type Kept = { source: string; position: string | null; since_ms: number; journal_id: string; seq: number };

type Parts = { engine: Pick<Engine, 'state' | 'journal'>; store: ObjectStore };

export class SourcePosition {
  readonly #parts: Parts;
  readonly #since_ms: number;
  readonly #key: string;

  /** `url`: with its options: with others the log is read again. */
  constructor(url: string, since_ms: number, parts: Parts) {
    this.#parts = parts;
    this.#since_ms = since_ms;
    // On a bucket several monitors may read files of the same name, each on its machine.
    const of = [url, parts.store.shared ? hostname() : ''];
    this.#key = `${POSITIONS}${hash('sha256', JSON.stringify(of), 'hex').slice(0, 32)}.json`;
  }

  /** Null if everything is to be read. Throws StoreError. */
  async load(source: string): Promise<string | null> {
    const { store, engine } = this.#parts;
    const got = await store.get(this.#key);
    if (!got.found) return null;
    const kept = unseal<Kept>(got.bytes, []);
    const holds =
      kept &&
      kept.journal_id === engine.journal.journal_id &&
      kept.seq <= engine.state.seq &&
      this.#since_ms <= kept.since_ms;
    if (holds) return kept.position;
    // Before the journal grows beyond the lost segments, and the position would seem to hold.
    await this.save(source, null);
    return null;
  }

  /** Throws StoreError. */
  async save(source: string, position: string | null): Promise<void> {
    const { store, engine } = this.#parts;
    const { journal_id } = engine.journal;
    const kept: Kept = { source, position, since_ms: this.#since_ms, journal_id, seq: engine.state.seq };
    await store.put(this.#key, seal(kept));
  }
}

/** Before a loss is accepted: lines whose reports are lost have to be read again. */
export async function forgetPositions(store: ObjectStore): Promise<void> {
  for (const { key } of await Array.fromAsync(store.list(POSITIONS))) await store.delete(key);
}
