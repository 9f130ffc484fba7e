/**
 * Moves jobs that older versions archived as single objects into packs.
 *
 *     list some → read them, those archived about the same time together → a pack a day → the journal names it → delete them
 *
 * Nothing is deleted before the journal names its pack, so a crash at any point leaves the record in one place or in
 * both; in both, the pack counts, and the next turn deletes the other. Unreadable objects are left in place, and
 * reported.
 */
import { HOUR_MS } from '../../protocol/time.ts';
import { eachAtOnce } from '../at-once.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import { damageOf } from './archive-objects.ts';
import { packOf, readLooseJob } from './archived-records.ts';
import { ARCHIVED_JOBS, archivedJobKey, parseArchiveKey } from './keys.ts';
import { submitOwn } from './own-command.ts';
import { byDay, writePack } from './packing.ts';

type Options = {
  engine: Engine;
  store: ObjectStore;
  clock: Clock;
  log: (level: 'info' | 'warn', message: string) => void;
};

type Found = { job_id: string; last_modified_ms: number };

/** Keys held at a time; those written about the same time are packed together. */
const LISTED_MAX = 20_000;
const PACKED_AT_ONCE = 500;
const READ_AT_ONCE = 16;
/** After a pass that left some behind, which is rare. */
const AGAIN_MS = HOUR_MS;

export class Repacking {
  readonly #options: Options;
  /** Listed and not examined yet, most recently written last. */
  #found: Found[] = [];
  /** Where the next list continues; null: at the beginning, as a new pass. */
  #after: string | null = null;
  /** Not repacked in this pass. */
  #left = 0;
  #resume_ms = Number.NEGATIVE_INFINITY;
  /**
   * After a start one pass is made even if the journal has no such jobs: one may have been restored from a copy of the
   * store.
   */
  #passed = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** One step. Returns the number of objects it has handled; 0: there is nothing to do now. */
  async runOnce(): Promise<number> {
    const { engine, clock } = this.#options;
    if ((engine.state.scalars.loose_jobs === 0 && this.#passed) || clock.monotonic() < this.#resume_ms) return 0;
    if (this.#found.length === 0 && !(await this.#list())) return 0;
    const some = this.#found.splice(0, PACKED_AT_ONCE);
    const jobs: JobRecord[] = [];
    await eachAtOnce(some, READ_AT_ONCE, async ({ job_id }) => {
      const job = await this.#take(job_id);
      if (job) jobs.push(job);
    });
    for (const sameDay of byDay(jobs)) await this.#pack(sameDay);
    return some.length;
  }

  /** False: the pass is complete. */
  async #list(): Promise<boolean> {
    const { engine, store, clock, log } = this.#options;
    const { loose_jobs } = engine.state.scalars;
    const before = this.#after;
    for await (const { key, last_modified_ms } of store.list(ARCHIVED_JOBS, before === null ? {} : { after: before })) {
      const entry = parseArchiveKey(key);
      if (entry?.kind !== 'job') continue;
      this.#after = key;
      this.#found.push({ job_id: entry.id, last_modified_ms });
      if (this.#found.length === LISTED_MAX) break;
    }
    this.#found.sort((a, b) => a.last_modified_ms - b.last_modified_ms || (a.job_id < b.job_id ? -1 : 1));
    if (this.#found.length > 0) return true;
    this.#after = null;
    this.#passed = true;
    if (before === null) {
      if (loose_jobs > 0) await submitOwn(engine, { type: 'end_repacking', loose_jobs });
    } else if (this.#left === 0) return this.#list();
    else {
      log('warn', `archive: ${this.#left} objects under ${ARCHIVED_JOBS} are left unchanged for now`);
      this.#resume_ms = clock.monotonic() + AGAIN_MS;
      this.#left = 0;
    }
    return false;
  }

  /** The record, if it is to be packed. */
  async #take(job_id: string): Promise<JobRecord | undefined> {
    const { engine, store } = this.#options;
    try {
      // A job in memory may get another end.
      if (!engine.state.job(job_id)) {
        const packed = await packOf(store, engine.state, job_id);
        if (!packed) return await readLooseJob(store, job_id);
        await store.delete(archivedJobKey(job_id));
        return undefined;
      }
    } catch (error) {
      const { key, problem } = damageOf(error);
      this.#options.log('warn', `archive: ${key} ${problem}; ${archivedJobKey(job_id)} is left unchanged`);
    }
    this.#left += 1;
    return undefined;
  }

  async #pack(jobs: JobRecord[]): Promise<void> {
    const { engine, store } = this.#options;
    const basis_seq = engine.state.scalars.archive_seq;
    const made_ms = engine.journal.now();
    const { pack, jobs: sorted } = await writePack(store, jobs);
    const job_ids = sorted.map(({ job_id }) => job_id);
    await submitOwn(engine, { type: 'pack_archived', basis_seq, made_ms, pack, job_ids, replaces: [] });
    if (!engine.state.tables.packs.has(pack.key)) {
      // Another instance packs, too: the next pass finds the rest.
      this.#left += jobs.length;
      return store.delete(pack.key);
    }
    await eachAtOnce(job_ids, READ_AT_ONCE, (job_id) => store.delete(archivedJobKey(job_id)));
  }
}
