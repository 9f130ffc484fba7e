/**
 * Reads a store for analytics, with or without a running monitor: follows the journal, so that it knows what the archive has
 * and what is in memory, and keeps the analytic tables as current as its last refresh.
 *
 *     refresh → the journal's tail → column files into the cache → packs without rows, and what changed in memory, as fresh rows
 */
import { MonitorError } from '../../protocol/errors.ts';
import type { Clock, Random } from '../clock.ts';
import { type ReadOnlyJournal, readJournal } from '../journal/read-only.ts';
import type { ObjectStore } from '../objects/store.ts';
import { Fold } from '../state-machine/apply/fold.ts';
import type { JobRecord, PackRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { readPack } from '../views/archive-objects.ts';
import { JOURNAL_TRACES } from '../views/keys.ts';
import { ColumnCache } from './column-cache.ts';
import { attemptRows, jobRow } from './columns/rows.ts';
import { Database, type Rows } from './database.ts';
import { WorkingFolder } from './working-folder.ts';

export type ReaderOptions = {
  store: ObjectStore;
  clock: Clock;
  random: Random;
  retention_ms: number;
  /** Column files are kept here between processes. */
  cache: string;
  /** Readers have folders for temporary files below it. */
  working: string;
  threads: number;
  memory_mb: number;
  warn: (message: string) => void;
  /** How many of how many column files are in the cache. */
  onFetch?: (done: number, of: number) => void;
};

const MEMORY = 'memory';
/** Rows that are made at a time: what waits beside the database takes as much memory again. */
const ROWS_AT_ONCE = 20_000;

export class AnalyticsReader {
  readonly #options: ReaderOptions;
  readonly #fold: Fold;
  readonly #journal: ReadOnlyJournal;
  readonly #working: WorkingFolder;
  readonly database: Database;
  readonly cache: ColumnCache;
  /** The fold that the tables show. */
  #shown_seq = -1;
  #shown_files = '';
  /** Jobs of memory that have fresh rows. */
  readonly #memory = new Map<string, number>();
  /** Packs that have fresh rows, and how many of their jobs were stale then. */
  readonly #packs = new Map<string, number>();
  #refreshing: Promise<void> | null = null;

  /** Throws MonitorError if there is no journal; JournalError if it is damaged. */
  static async open(options: ReaderOptions): Promise<AnalyticsReader> {
    const fold = new Fold();
    const journal = await readJournal({ ...options, traceKeys: JOURNAL_TRACES }, fold);
    if (!journal) {
      throw new MonitorError('not_found', 'no_journal', `${options.store.url} holds no journal`, {
        hint: 'Name the store that the monitor was started with: --store URL',
      });
    }
    const working = await WorkingFolder.take(options.working);
    const database = await Database.open({ ...options, folder: working.path }).catch((error: unknown) => {
      working.remove();
      throw error;
    });
    return new AnalyticsReader(options, { fold, journal, working, database });
  }

  private constructor(
    options: ReaderOptions,
    {
      fold,
      journal,
      working,
      database,
    }: { fold: Fold; journal: ReadOnlyJournal; working: WorkingFolder; database: Database },
  ) {
    this.#options = options;
    this.#fold = fold;
    this.#journal = journal;
    this.#working = working;
    this.database = database;
    this.cache = new ColumnCache(options.cache, options.store);
  }

  get state(): State {
    return this.#fold.state;
  }

  /** A folder of this reader's own. */
  get folder(): string {
    return this.#working.path;
  }

  async close(): Promise<void> {
    await this.#refreshing?.catch(() => undefined);
    this.database.close();
    this.discard();
  }

  /** Removes the temporary files, for a process that ends without closing this. */
  discard(): void {
    this.#working.remove();
  }

  /** Brings the tables to the journal's tail. Throws MonitorError('corrupt') if an object of the archive is damaged. */
  async refresh(): Promise<void> {
    // Who comes during a refresh needs the one after it.
    while (this.#refreshing) await this.#refreshing.catch(() => undefined);
    this.#refreshing = this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    await this.#refreshing;
  }

  async #refresh(): Promise<void> {
    await this.#journal.drain();
    if (this.state.seq === this.#shown_seq) return;
    try {
      await this.#showFiles(this.state);
    } catch (error) {
      // A file that is missing may have been replaced since.
      if ((await this.#journal.drain()) === 0) throw error;
      await this.#showFiles(this.state);
    }
    const { state } = this;
    await this.#showPacks(state);
    await this.#showMemory(state);
    this.#shown_seq = state.seq;
  }

  async #showFiles({ tables }: State): Promise<void> {
    const files = [...tables.column_files.values()];
    const strays = [...tables.column_strays.keys()];
    const names = JSON.stringify([files.map(({ name }) => name), strays]);
    if (names === this.#shown_files) return;
    await this.database.show(await this.cache.paths(files, this.#options.onFetch), strays);
    this.#shown_files = names;
    await this.cache.keepOnly(files, this.#options.clock.now());
  }

  async #showPacks({ tables }: State): Promise<void> {
    const fresh = [...tables.packs.values()].filter(({ in_columns }) => !in_columns);
    const wanted = new Map(fresh.map((pack) => [pack.key, pack.stale.length]));
    for (const [key, stale] of this.#packs) {
      if (wanted.get(key) === stale) continue;
      await this.database.dropFresh(key);
      this.#packs.delete(key);
    }
    for (const pack of fresh) {
      if (this.#packs.has(pack.key)) continue;
      await this.database.putFresh(pack.key, rowsOf(await this.recordsOf(pack)));
      this.#packs.set(pack.key, pack.stale.length);
    }
  }

  /** Those that count. */
  async recordsOf(pack: PackRecord): Promise<JobRecord[]> {
    return [...(await readPack(this.#options.store, pack)).jobs()];
  }

  async #showMemory({ tables }: State): Promise<void> {
    const gone = [...this.#memory.keys()].filter((job_id) => !tables.jobs.has(job_id));
    for (const job_id of gone) this.#memory.delete(job_id);
    let changed: JobRecord[] = [];
    const put = async (left: readonly string[]) => {
      const known = changed.map(({ job_id }) => job_id).filter((job_id) => this.#memory.has(job_id));
      await this.database.putFresh(MEMORY, rowsOf(changed), [...left, ...known]);
      for (const { job_id, version } of changed) this.#memory.set(job_id, version);
      changed = [];
    };
    for (const job of tables.jobs.values()) {
      if (this.#memory.get(job.job_id) === job.version) continue;
      changed.push(job);
      if (changed.length === ROWS_AT_ONCE) await put([]);
    }
    if (changed.length + gone.length > 0) await put(gone);
  }
}

export function rowsOf(records: readonly JobRecord[]): Rows {
  return { job_states: records.map(jobRow), job_attempts: records.flatMap(attemptRows) };
}
