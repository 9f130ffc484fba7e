/** A paged list: `for await` iterates over all items and fetches pages as needed, or fetch single pages. */

export type Page<T> = {
  items: T[];
  /** Pass to `page` for the next page; null on the last one. */
  next_cursor: string | null;
};

/** Fetches nothing until needed. Each `for await` starts from the beginning. */
export class Pages<T> implements AsyncIterable<T> {
  readonly #fetchPage: (cursor: string | undefined) => Promise<Page<T>>;

  constructor(fetchPage: (cursor: string | undefined) => Promise<Page<T>>) {
    this.#fetchPage = fetchPage;
  }

  /** The page at `cursor`; without one, the first page. */
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
