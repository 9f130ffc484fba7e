/**
 * The first of a Set, or the first key of a Map, in constant time: a fresh iterator would step over the room of all that was deleted
 * before it, 5 s for 100,000 of them. The caller deletes what it gets.
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
