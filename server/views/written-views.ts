/**
 * What this instance last wrote under each key, so that an unchanged view is not put again: progress does not change a
 * job's timeline and assignment, and a heartbeat does not change its worker's current job.
 *
 * Only a hash is kept, of the newest KEYS_MAX keys; any other view is put, as is every view of an ended subject: the
 * instance that archives it may have removed what this one wrote.
 */
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { withoutVersion } from './view.ts';

/** About 10 MB. */
const KEYS_MAX = 50_000;
/** No hash. */
const UNKNOWN = '';

export class WrittenViews {
  readonly #hashes = new LRUCache<string, string>({ max: KEYS_MAX });

  /** Whether the last write has the same content; its `as_of_seq` may be an earlier one. */
  shows(key: string, bytes: Uint8Array): boolean {
    return this.#hashes.get(key) === hashOf(bytes);
  }

  wrote(key: string, bytes: Uint8Array): void {
    this.#hashes.set(key, hashOf(bytes));
  }

  /** Before a put is sent: the object is unknown until it has succeeded. */
  writing(key: string): void {
    // Keeps the entry: deleting and adding one costs far more than replacing its value.
    if (this.#hashes.has(key)) this.#hashes.set(key, UNKNOWN);
  }

  /** Before a delete is sent. */
  forget(key: string): void {
    this.#hashes.delete(key);
  }
}

const hashOf = (bytes: Uint8Array): string => hash('sha1', withoutVersion(bytes), 'base64');
