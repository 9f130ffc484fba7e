/**
 * The rows of a list of jobs: pages loaded as one scrolls, then kept current by the feed.
 *
 * While the list is held, because the pointer is over it, rows keep their place: jobs that no longer match stay, and new
 * ones wait (`waiting`). Documents of pages far from the view are forgotten, and fetched again by the page's cursor.
 */
import type { Job } from '../../../../protocol/job.ts';
import type { JobQuery } from '../../../../protocol/queue.ts';
import type { Live } from '../../live/live.ts';
import { Value } from '../../live/records.ts';
import type { JobMessage } from '../../live/reduce-job.ts';
import { matches } from './filters.ts';

export type ListState = {
  ids: readonly string[];
  /** Nothing was loaded yet. */
  opening: boolean;
  loading: boolean;
  /** All pages are loaded. */
  complete: boolean;
  /** New jobs that match and are not shown yet. */
  waiting: number;
  error: Error | null;
};

type ListPage = { cursor: string | undefined; ids: string[]; forgotten: boolean };

const PAGE = 200;
/** Pages kept on both sides of the view. */
const KEPT = 5;
/** New jobs looked at one by one; beyond these the list has to be loaded again. */
const CANDIDATES_MAX = 100;

export class JobList {
  readonly state = new Value<ListState>({
    ids: [],
    opening: true,
    loading: false,
    complete: false,
    waiting: 0,
    error: null,
  });
  readonly #live: Live;
  readonly #query: JobQuery;
  readonly #stop = new AbortController();
  readonly #ends: (() => void)[] = [];
  #pages: ListPage[] = [];
  #pageOf = new Map<string, ListPage>();
  #next: string | null = null;
  #held = false;
  #gone = new Set<string>();
  #new = new Map<string, Job>();
  readonly #candidates = new Map<string, () => void>();

  constructor(live: Live, query: JobQuery) {
    this.#live = live;
    this.#query = query;
  }

  start(): void {
    this.#ends.push(this.#live.onJob((message) => this.#hear(message)));
    this.#ends.push(this.#live.jobs.subscribeAll(() => this.#settle()));
    void this.#load();
  }

  stop(): void {
    this.#stop.abort();
    for (const end of this.#ends.splice(0)) end();
    for (const end of this.#candidates.values()) end();
  }

  /** Also after an error. */
  more(): void {
    const { loading, complete } = this.state.get();
    if (!loading && !complete) void this.#load();
  }

  hold(held: boolean): void {
    this.#held = held;
    if (!held) this.show();
  }

  /** Lets waiting jobs in, and those that no longer match out. */
  show(): void {
    if (this.#new.size === 0 && this.#gone.size === 0) return;
    const added = [...this.#new.values()].sort((a, b) => b.created_at.localeCompare(a.created_at));
    const [first] = this.#pages;
    for (const page of this.#pages) page.ids = page.ids.filter((id) => !this.#gone.has(id));
    for (const id of this.#gone) this.#pageOf.delete(id);
    if (first) {
      first.ids = [...added.map(({ job_id }) => job_id), ...first.ids];
      for (const { job_id } of added) this.#pageOf.set(job_id, first);
    }
    this.#new.clear();
    this.#gone.clear();
    this.#put({ ids: this.#pages.flatMap(({ ids }) => ids), waiting: 0 });
  }

  /** The rows on view: their pages are fetched again if they were forgotten, pages far away are forgotten. */
  see(first: string, last: string): void {
    const from = this.#pages.indexOf(this.#pageOf.get(first)!);
    const to = this.#pages.indexOf(this.#pageOf.get(last)!);
    if (from < 0 || to < 0) return;
    for (const [index, page] of this.#pages.entries()) {
      const near = index >= from - 1 && index <= to + 1;
      if (near && page.forgotten) void this.#fetchAgain(page);
      const far = index < from - KEPT || index > to + KEPT;
      if (far && !page.forgotten) this.#forget(page);
    }
  }

  async #load(): Promise<void> {
    this.#put({ loading: true, error: null });
    const cursor = this.#next ?? undefined;
    try {
      const { items, next_cursor } = await this.#fetchPage(cursor);
      const ids = items.map(({ job_id }) => job_id).filter((id) => !this.#pageOf.has(id));
      const page = { cursor, ids, forgotten: false };
      this.#pages.push(page);
      for (const id of ids) this.#pageOf.set(id, page);
      this.#next = next_cursor;
      const shown = [...this.state.get().ids, ...ids];
      this.#put({ ids: shown, opening: false, loading: false, complete: next_cursor === null });
      // A page that a filter leaves empty says nothing about the next.
      if (ids.length === 0 && next_cursor !== null) void this.#load();
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#put({ opening: false, loading: false, error: error as Error });
    }
  }

  #fetchPage(cursor: string | undefined) {
    const { signal } = this.#stop;
    const page = () => this.#live.api.jobs.list({ ...this.#query, limit: PAGE }, { signal }).page(cursor);
    return this.#live.fetching(page, ({ items }) => items);
  }

  async #fetchAgain(page: ListPage): Promise<void> {
    page.forgotten = false;
    try {
      await this.#fetchPage(page.cursor);
    } catch {
      page.forgotten = true;
    }
  }

  #forget(page: ListPage): void {
    page.forgotten = true;
    for (const id of page.ids) if (!this.#live.jobs.hasReaders(id)) this.#live.jobs.delete(id);
  }

  /** New jobs are looked at once their documents are there. */
  #hear(message: JobMessage): void {
    const { job_id } = message;
    if (this.#pageOf.has(job_id)) {
      const { state } = this.#query;
      const unknown = !this.#live.jobs.get(job_id);
      if (unknown && state !== undefined && message.state !== state) this.#gone.add(job_id);
      return;
    }
    if (this.#new.has(job_id) || this.#candidates.has(job_id) || !this.#mayBelong(message)) return;
    if (this.#candidates.size >= CANDIDATES_MAX) return;
    this.#candidates.set(
      job_id,
      this.#live.jobs.subscribe(job_id, () => {}),
    );
    this.#live.want(job_id);
  }

  #mayBelong(message: JobMessage): boolean {
    if (message.type !== 'update' || message.event === 'JobProgressed') return false;
    const { state, verdict, error_code } = this.#query;
    if (state !== undefined && message.state !== state) return false;
    if (verdict !== undefined && verdict !== 'on_track' && message.verdict?.status !== verdict) return false;
    if (state !== undefined || verdict !== undefined || error_code !== undefined) return true;
    return message.event === 'JobSubmitted' || message.event === 'JobObserved' || this.#query.worker_id !== undefined;
  }

  /** After each frame that changed a document. */
  #settle(): void {
    for (const [id, end] of this.#candidates) {
      const job = this.#live.jobs.get(id);
      if (!job) continue;
      end();
      this.#candidates.delete(id);
      if (this.#matches(job)) this.#new.set(id, job);
    }
    for (const id of this.#live.jobs.changed) {
      const job = this.#live.jobs.get(id);
      if (!job || !this.#pageOf.has(id)) continue;
      if (this.#matches(job)) this.#gone.delete(id);
      else this.#gone.add(id);
    }
    if (!this.#held) this.show();
    else if (this.#new.size !== this.state.get().waiting) this.#put({ waiting: this.#new.size });
  }

  #matches(job: Job): boolean {
    return matches(job, this.#query, (id) => this.#live.workers.get(id)?.capabilities.model);
  }

  #put(change: Partial<ListState>): void {
    this.state.put({ ...this.state.get(), ...change });
  }
}
