/**
 * The views of what has left memory, for a rebuild. The fold takes precedence over the archive: a record that is
 * archived but not yet forgotten is taken from memory, and no view from here replaces one of the fold.
 *
 * Each pack is read once. The keys that it makes are kept as one number each, so that an object is judged without
 * another read.
 */
import type { Settings } from '../config.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { JobRecord, PackRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { alertView } from './alerts.ts';
import { ArchiveDamage, damageOf, readPack } from './archive-objects.ts';
import { readArchivedPeriods } from './archived-periods.ts';
import { packOf, readArchivedAlert, readArchivedWorkerEnd, readLooseJob } from './archived-records.ts';
import { KeySet } from './key-set.ts';
import {
  ARCHIVED_ALERTS,
  ARCHIVED_JOBS,
  ARCHIVED_PERIODS,
  ARCHIVED_WORKERS,
  type ArchiveEntry,
  archivedAlertKey,
  archivedPeriodsKey,
  archivedWorkerKey,
  parseArchiveKey,
  parseTerminatedWorkerKey,
  type Subject,
} from './keys.ts';
import { jobView } from './layout.ts';
import { dayView, hourView } from './metrics.ts';
import { endOf } from './pack.ts';
import { terminatedWorkerView } from './terminated-workers.ts';
import type { Present } from './view.ts';
import { viewsKeptFrom } from './view-age.ts';

/** A record of the archive, or, if it is unreadable, its object. */
type ArchivedRecord = { key: string; views: () => Promise<readonly Present[] | 'damaged'> };

export class ArchivedViews {
  readonly #store: ObjectStore;
  readonly #state: State;
  /** Jobs that ended earlier no longer have views. */
  readonly #kept_from_ms: number;
  readonly #made = new KeySet();
  readonly #damaged = new Set<string>();

  constructor(store: ObjectStore, state: State, { job_views_days }: Pick<Settings, 'job_views_days'>) {
    this.#store = store;
    this.#state = state;
    this.#kept_from_ms = state.scalars.loose_jobs > 0 ? -Infinity : viewsKeptFrom(state.at_ms, job_views_days);
  }

  /** Keys of the unreadable objects found so far. */
  get damaged(): string[] {
    return [...this.#damaged].sort();
  }

  /** Every record, with the views that it makes. */
  async *records(): AsyncGenerator<ArchivedRecord> {
    for (const pack of this.#state.tables.packs.values()) yield* this.#packed(pack);
    const loose = this.#state.scalars.loose_jobs > 0 ? [ARCHIVED_JOBS] : [];
    for (const prefix of [...loose, ARCHIVED_WORKERS, ARCHIVED_ALERTS, ARCHIVED_PERIODS]) {
      for await (const { key } of this.#store.list(prefix)) {
        const entry = parseArchiveKey(key);
        if (entry) yield { key, views: () => this.#noting(() => this.#viewsOf(entry)) };
      }
    }
  }

  /** Whether the archive makes, or may make, a view with this key: views of a damaged record are kept. */
  async has(subject: Subject, key: string): Promise<boolean> {
    if (this.#made.has(key)) return true;
    return this.#damaged.size > 0 && this.#isOfDamaged(subject, key);
  }

  async *#packed(pack: PackRecord): AsyncGenerator<ArchivedRecord> {
    const rows = await readPack(this.#store, pack).catch((error) => this.#note(error));
    if (rows === 'damaged') yield { key: pack.key, views: async () => 'damaged' };
    else
      for (const job of rows.jobs())
        yield { key: pack.key, views: () => this.#noting(async () => this.#jobViews(job)) };
  }

  async #noting(make: () => Promise<readonly Present[]>): Promise<readonly Present[] | 'damaged'> {
    try {
      const views = await make();
      for (const { key } of views) this.#made.add(key);
      return views;
    } catch (error) {
      return this.#note(error);
    }
  }

  #note(error: unknown): 'damaged' {
    this.#damaged.add(damageOf(error).key);
    return 'damaged';
  }

  async #viewsOf(entry: ArchiveEntry): Promise<readonly Present[]> {
    const store = this.#store;
    const { tables } = this.#state;
    switch (entry.kind) {
      case 'job': {
        // Records in packs are newer.
        const job = (await packOf(store, this.#state, entry.id)) ? undefined : await readLooseJob(store, entry.id);
        return job ? this.#jobViews(job) : [];
      }
      case 'worker': {
        const worker = await readArchivedWorkerEnd(store, entry.id, entry.terminated_ms);
        const known = tables.workers.get(entry.id);
        if (!worker || worker.ordinal === known?.ordinal) return [];
        const { present } = terminatedWorkerView(worker);
        return known ? without(present, terminatedWorkerView(known)) : present;
      }
      case 'alert': {
        const alert = tables.alerts.has(entry.id) ? undefined : await readArchivedAlert(store, entry.id);
        return alert ? alertView(alert).present : [];
      }
      case 'periods': {
        const day = await readArchivedPeriods(store, entry.day);
        if (!day) return [];
        const hours = [...day.tables.hours.keys()].filter((hour) => !tables.hours.has(hour));
        return [
          ...hours.flatMap((hour) => hourView(day, hour).present),
          ...(tables.days.has(entry.day) ? [] : dayView(day, entry.day).present),
        ];
      }
    }
  }

  #jobViews(job: JobRecord): readonly Present[] {
    if (endOf(job) < this.#kept_from_ms || this.#state.job(job.job_id)) return [];
    return jobView(job).present;
  }

  async #isOfDamaged({ kind, id }: Subject, key: string): Promise<boolean> {
    switch (kind) {
      case 'job':
        return this.#isDamagedJob(id);
      case 'worker': {
        const end = parseTerminatedWorkerKey(key);
        return end !== null && this.#damaged.has(archivedWorkerKey(id, end.terminated_ms));
      }
      case 'alert':
        return this.#damaged.has(archivedAlertKey(id));
      case 'hour':
        return this.#damaged.has(archivedPeriodsKey(Math.floor(Number(id) / 24)));
      case 'day':
        return this.#damaged.has(archivedPeriodsKey(Number(id)));
      default:
        return false;
    }
  }

  async #isDamagedJob(id: string): Promise<boolean> {
    try {
      const pack = await packOf(this.#store, this.#state, id);
      if (pack) return this.#damaged.has(pack.key);
      if (this.#state.scalars.loose_jobs > 0) await readLooseJob(this.#store, id);
      return false;
    } catch (error) {
      if (error instanceof ArchiveDamage) return true;
      throw error;
    }
  }
}

function without(
  views: readonly Present[],
  known: { present: readonly Present[]; absent: readonly string[] },
): Present[] {
  const taken = new Set([...known.present.map(({ key }) => key), ...known.absent]);
  return views.filter(({ key }) => !taken.has(key));
}
