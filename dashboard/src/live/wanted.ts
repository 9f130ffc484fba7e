/** Documents to fetch: each once at a time, a few at a time, the one asked for last first, since it is on view. */

const AT_ONCE = 4;
/** More than a screen shows; older requests are for rows that have been scrolled away. */
const WAITING_MAX = 200;

export class Wanted {
  readonly #fetch: (id: string) => Promise<void>;
  readonly #waiting = new Set<string>();
  /** Under way; true if it has been asked for again since. */
  readonly #going = new Map<string, boolean>();

  constructor(fetch: (id: string) => Promise<void>) {
    this.#fetch = fetch;
  }

  add(id: string): void {
    if (this.#going.has(id)) {
      this.#going.set(id, true);
      return;
    }
    this.#waiting.delete(id);
    this.#waiting.add(id);
    if (this.#waiting.size > WAITING_MAX) this.#waiting.delete(this.#waiting.values().next().value!);
    this.#next();
  }

  #next(): void {
    while (this.#going.size < AT_ONCE && this.#waiting.size > 0) {
      const id = [...this.#waiting].at(-1)!;
      this.#waiting.delete(id);
      this.#going.set(id, false);
      void this.#fetch(id).finally(() => {
        const again = this.#going.get(id);
        this.#going.delete(id);
        if (again) this.add(id);
        this.#next();
      });
    }
  }
}
