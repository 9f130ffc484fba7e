/**
 * The views of what has left memory, for a rebuild. The fold goes before the archive: a record that memory still has, being
 * archived but not yet forgotten, is not asked for here; and nothing here contradicts what memory says of a key.
 */
import { MonitorError } from '../../protocol/errors.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { State } from '../state-machine/state/state.ts';
import { alertView } from './alerts.ts';
import { readArchivedPeriods } from './archived-periods.ts';
import { readArchivedAlert, readArchivedJob, readArchivedWorkerEnd } from './archived-records.ts';
import { type ArchiveEntry, parseTerminatedWorkerKey, type Subject } from './keys.ts';
import { jobView } from './layout.ts';
import { dayView, hourView } from './metrics.ts';
import { terminatedWorkerView } from './terminated-workers.ts';
import type { Present } from './view.ts';

type Views = readonly Present[] | 'damaged';

export class ArchivedViews {
  readonly #store: ObjectStore;
  readonly #state: State;
  /** The days of a store follow each other in a list, so the last one is asked for again and again. */
  #day: { day: number; views: Promise<Views> } | null = null;

  constructor(store: ObjectStore, state: State) {
    this.#store = store;
    this.#state = state;
  }

  /** The views that this entry of the archive makes. */
  async viewsOf(entry: ArchiveEntry): Promise<Views> {
    try {
      return await this.#viewsOf(entry);
    } catch (error) {
      if (error instanceof MonitorError && error.kind === 'corrupt') return 'damaged';
      throw error;
    }
  }

  /** Whether the archive makes a view under this key, or may have: those of a damaged record are kept. */
  async has(subject: Subject, key: string): Promise<boolean> {
    const entry = entryOf(subject, key);
    const views = entry ? await this.#remembered(entry) : [];
    return views === 'damaged' || views.some((present) => present.key === key);
  }

  #remembered(entry: ArchiveEntry): Promise<Views> {
    if (entry.kind !== 'periods') return this.viewsOf(entry);
    if (this.#day?.day !== entry.day) this.#day = { day: entry.day, views: this.viewsOf(entry) };
    return this.#day.views;
  }

  async #viewsOf(entry: ArchiveEntry): Promise<readonly Present[]> {
    const store = this.#store;
    const { tables } = this.#state;
    switch (entry.kind) {
      case 'job': {
        const job = await readArchivedJob(store, entry.id);
        const known = tables.jobs.get(entry.id);
        if (!job || job.ordinal === known?.ordinal) return [];
        const { present } = jobView(job);
        return known ? without(present, jobView(known)) : present;
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
}

/** Which entry would make a view of this subject under this key. */
function entryOf({ kind, id }: Subject, key: string): ArchiveEntry | null {
  switch (kind) {
    case 'job':
    case 'alert':
      return { kind, id };
    case 'worker': {
      const end = parseTerminatedWorkerKey(key);
      return end && { kind, id, terminated_ms: end.terminated_ms };
    }
    case 'hour':
      return { kind: 'periods', day: Math.floor(Number(id) / 24) };
    case 'day':
      return { kind: 'periods', day: Number(id) };
    default:
      return null;
  }
}

function without(
  views: readonly Present[],
  known: { present: readonly Present[]; absent: readonly string[] },
): Present[] {
  const taken = new Set([...known.present.map(({ key }) => key), ...known.absent]);
  return views.filter(({ key }) => !taken.has(key));
}
