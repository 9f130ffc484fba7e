/** Counts the clicks that a task takes. */
import type { Locator, Page } from 'playwright-core';

export class Clicks {
  readonly #page: Page;
  count = 0;

  constructor(page: Page) {
    this.#page = page;
  }

  async link(name: string | RegExp): Promise<void> {
    await this.on(this.#page.getByRole('link', { name }).first());
  }

  async button(name: string | RegExp): Promise<void> {
    await this.on(this.#page.getByRole('button', { name }).first());
  }

  async on(target: Locator): Promise<void> {
    await target.click();
    this.count += 1;
  }
}
