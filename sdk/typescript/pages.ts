/** A list of the monitor, page by page as it is fetched: `for await` over all of it, or one page by hand. */

export type Page<T> = {
  items: T[];
  /** Give it to `page` for what follows; null on the last one. */
  next_cursor: string | null;
};

/** Nothing is fetched before it is asked for. Each `for await` starts from the beginning. */
export class Pages<T> implements AsyncIterable<T> {
  readonly #fetchPage: (cursor: string | undefined) => Promise<Page<T>>;

  constructor(fetchPage: (cursor: string | undefined) => Promise<Page<T>>) {
    this.#fetchPage = fetchPage;
  }

  /** The page that `cursor` names, the first without. */
  page(cursor?: string): Promise<Page<T>> {
    return this.#fetchPage(cursor);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    let cursor: string | undefined;
    do {
      const page = await this.#fetchPage(cursor);
      yield* page.items;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }
}
