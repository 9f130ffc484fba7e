/**
 * Finds views that wrongly show something as active: an instance wrote them late and ended before it could remove them,
 * when another had already archived the subject. They correspond to nothing in any fold, so they are found by a list:
 * of the active jobs and alerts and of the dead letters, soon after a start and then daily. The publisher notes them
 * like any change.
 */
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { State } from '../state-machine/state/state.ts';
import { ACTIVE_ALERTS, ACTIVE_JOBS, finishedPrefix, parseFinishedJobKey, type Subject, subjectOf } from './keys.ts';
import { viewOf } from './layout.ts';

export type StrayOptions = {
  engine: Engine;
  store: ObjectStore;
  clock: Clock;
  publisher: { renew(subject: Subject): void };
};

/** Keys per step. */
const STEP = 10_000;
/** After a list that failed. */
const RETRY_MS = HOUR_MS;

export class StrayViews {
  readonly #options: StrayOptions;
  #keys: AsyncGenerator<string> | null = null;
  #next_ms = Number.NEGATIVE_INFINITY;

  constructor(options: StrayOptions) {
    this.#options = options;
  }

  /** One step. Returns the number of keys examined; 0: nothing is due. Throws StoreError, JournalError. */
  async runOnce(): Promise<number> {
    const { store, clock } = this.#options;
    // A store of one instance has none: the next start notes what a crash leaves.
    if (!store.shared || clock.monotonic() < this.#next_ms) return 0;
    this.#next_ms = clock.monotonic() + RETRY_MS;
    this.#keys ??= activeKeys(store);
    const keys: string[] = [];
    try {
      while (keys.length < STEP) {
        const next = await this.#keys.next();
        if (next.done) break;
        keys.push(next.value);
      }
      await this.#renew(keys);
    } catch (error) {
      this.#keys = null;
      throw error;
    }
    if (keys.length === STEP) this.#next_ms = Number.NEGATIVE_INFINITY;
    else {
      this.#keys = null;
      this.#next_ms = clock.monotonic() + DAY_MS;
    }
    return keys.length;
  }

  async #renew(keys: readonly string[]): Promise<void> {
    const { engine, publisher } = this.#options;
    const strays = () => keys.filter((key) => isStray(engine.state, key));
    if (strays().length === 0) return;
    // A view of a job submitted by another instance may be older than this instance's knowledge of it.
    await engine.journal.catchUp();
    for (const key of strays()) publisher.renew(subjectOf(key)!);
  }
}

function isStray(state: State, key: string): boolean {
  const subject = subjectOf(key);
  return subject !== null && viewOf(state, subject)?.present.every((view) => view.key !== key) === true;
}

async function* activeKeys(store: ObjectStore): AsyncGenerator<string> {
  for (const prefix of [ACTIVE_JOBS, ACTIVE_ALERTS]) for await (const { key } of store.list(prefix)) yield key;
  const failed = finishedPrefix('FAILED');
  for (let after: string | null = ''; after !== null; ) {
    const from: string = after;
    after = null;
    for await (const { key } of store.list(failed, from === '' ? {} : { after: from })) {
      // The dead letters are among the folders of the years, each of which is skipped.
      if (parseFinishedJobKey(key)) {
        after = `${key.slice(0, failed.length + 'YYYY/'.length)}z`;
        break;
      }
      yield key;
    }
  }
}
