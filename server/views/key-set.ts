/**
 * A set of keys in eight bytes each, by 48 bits of their hash: the chance that any of a million foreign keys seems to
 * be in it is 1 in 280.
 */
import { hash } from 'node:crypto';

export class KeySet {
  #hashes = new Float64Array(1024);
  #size = 0;
  #sorted = true;

  add(key: string): void {
    if (this.#size === this.#hashes.length) {
      const larger = new Float64Array(this.#size * 2);
      larger.set(this.#hashes);
      this.#hashes = larger;
    }
    this.#hashes[this.#size] = hashOf(key);
    this.#size += 1;
    this.#sorted = false;
  }

  /** Sorts the keys added since the last call: add all, then query. */
  has(key: string): boolean {
    const hashes = this.#hashes.subarray(0, this.#size);
    if (!this.#sorted) hashes.sort();
    this.#sorted = true;
    const wanted = hashOf(key);
    let low = 0;
    let high = hashes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (hashes[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return hashes[low] === wanted;
  }
}

const hashOf = (key: string): number => hash('sha256', key, 'buffer').readUIntBE(0, 6);
