/**
 * Finds the current jobs that match filters. One pass over the jobs serves all waiting filters, a slice per turn of the
 * event loop, on a copy of the state that does not change meanwhile.
 */
import type { FeedFilter, FeedPosition } from '../../protocol/feed.ts';
import { inScope, type JobScope } from '../access/scope.ts';
import type { Clock } from '../clock.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { activeJobs, STATE_JOBS_MAX } from './current-state.ts';
import { FilterIndex } from './filter-index.ts';

export type Scanned = {
  /** At most STATE_JOBS_MAX + 1: one more shows that there are more. */
  jobs: readonly JobRecord[];
  /** The position of the state that was scanned. */
  position: FeedPosition;
};

type Waiting = { filter: FeedFilter; scope: JobScope | null; jobs: JobRecord[]; resolve: (found: Scanned) => void };

const SLICE_MS = 8;
/** Jobs between two looks at the clock. */
const JOBS_AT_ONCE = 256;

export class JobScan {
  readonly #clock: Clock;
  readonly #now: () => { state: State; position: FeedPosition };
  #waiting: Waiting[] = [];
  #running = false;

  constructor(clock: Clock, now: () => { state: State; position: FeedPosition }) {
    this.#clock = clock;
    this.#now = now;
  }

  find(filter: FeedFilter, scope: JobScope | null = null): Promise<Scanned> {
    return new Promise((resolve) => {
      this.#waiting.push({ filter, scope, jobs: [], resolve });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Filters added in this turn share one pass.
    await nextTurn();
    while (this.#waiting.length > 0) {
      const all = this.#waiting;
      this.#waiting = [];
      await this.#pass(all);
    }
    this.#running = false;
  }

  async #pass(all: readonly Waiting[]): Promise<void> {
    const { state, position } = this.#now();
    const still = state.clone();
    const index = new FilterIndex<Waiting>();
    for (const one of all) index.add(one.filter, one);
    let until_ms = this.#clock.monotonic() + SLICE_MS;
    const pause = async () => {
      if (this.#clock.monotonic() < until_ms) return;
      await nextTurn();
      until_ms = this.#clock.monotonic() + SLICE_MS;
    };
    let seen = 0;
    for (const job of activeJobs(still)) {
      for (const found of index.matching({ state: job.state, job })) {
        for (const one of found) {
          if (!inScope(one.scope, job)) continue;
          one.jobs.push(job);
          // This filter is complete.
          if (one.jobs.length > STATE_JOBS_MAX) index.delete(one.filter, one);
        }
      }
      if (index.size === 0) break;
      seen += 1;
      if (seen % JOBS_AT_ONCE === 0) await pause();
    }
    for (const { jobs, resolve } of all) {
      resolve({ jobs, position });
      await pause();
    }
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
