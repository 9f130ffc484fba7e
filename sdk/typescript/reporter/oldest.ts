/**
 * The first element of a Set or key of a Map, in constant time: a new iterator would skip over all entries deleted
 * before it, which takes 5 s for 100,000 of them. The caller deletes the returned element.
 */
export class Oldest<T> {
  readonly #fresh: () => Iterator<T>;
  #iterator: Iterator<T>;

  constructor(of: { keys(): Iterator<T> }) {
    this.#fresh = () => of.keys();
    this.#iterator = of.keys();
  }

  take(): T | undefined {
    let next = this.#iterator.next();
    if (next.done) {
      this.#iterator = this.#fresh();
      next = this.#iterator.next();
    }
    return next.done ? undefined : next.value;
  }
}
