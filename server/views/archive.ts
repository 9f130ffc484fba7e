/**
 * The archive: the complete records of what leaves memory. First the views are in the store, then the record is written
 * and read back, and only then the journal records that it may be forgotten; so a crash at any point leaves it in
 * memory or here, or both.
 *
 *     archive/packs/…                            finished jobs, after `finished_window_ms` or beyond `finished_max`: see pack.ts
 *     archive/workers/{worker_id}/{day}.json     TERMINATED for 7 days, or beyond 10,000
 *     archive/alerts/{id}.json                   resolved for 30 days, or beyond 10,000
 *     archive/periods/{day}.json                 the sums of a day that is over and of its hours, long before memory drops them
 *
 * The first three are the fold's records, from which every document can be made again.
 */

import { DAY_MS } from '../../protocol/time.ts';
import { eachAtOnce } from '../at-once.ts';
import type { Settings } from '../config.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { AlertRecord, JobRecord, WorkerRecord } from '../state-machine/state/records.ts';
import { ArchiveUpkeep, type UpkeepOptions } from './archive-upkeep.ts';
import { archivePeriods } from './archived-periods.ts';
import { encodeRecord, parse } from './archived-records.ts';
import { archivedAlertKey, archivedWorkerKey, archivedWorkerPrefix, type Subject } from './keys.ts';
import { submitOwn } from './own-command.ts';
import { packJobs } from './packing.ts';

export type ArchiveOptions = UpkeepOptions & {
  settings: Pick<Settings, 'finished_window_ms' | 'finished_max'>;
};

/** Jobs per turn: enough for few packs, few enough that no request waits long for the segment that forgets them. */
const JOBS_MAX = 500;
/** Workers and alerts per turn: an object each. */
const BATCH_MAX = 200;
const AT_ONCE = 4;
const WORKERS = { window_ms: 7 * DAY_MS, max: 10_000 };
const ALERTS = { window_ms: 30 * DAY_MS, max: 10_000 };

export class Archive {
  readonly #options: ArchiveOptions;
  readonly #upkeep: ArchiveUpkeep;
  /** Days up to this one are known to be archived. */
  #periods_through: number | null = null;

  constructor(options: ArchiveOptions) {
    this.#options = options;
    this.#upkeep = new ArchiveUpkeep(options);
  }

  /**
   * Archives what is due, at most a few hundred at a time; otherwise one step of the archive's upkeep. Returns the
   * amount of work done. Throws StoreError, JournalError.
   */
  async runOnce(): Promise<number> {
    return (await this.forget()) || (await this.#upkeep.runOnce());
  }

  /** Returns how many have left memory. */
  async forget(): Promise<number> {
    const { engine, store, publisher } = this.#options;
    this.#periods_through = await archivePeriods(store, engine.state, this.#periods_through);
    const due = { jobs: this.#dueJobs(), workers: this.#dueWorkers(), alerts: this.#dueAlerts() };
    await publisher.flushOf([
      ...due.jobs.map(jobSubject),
      ...due.workers.map(workerSubject),
      ...due.alerts.map(alertSubject),
    ]);
    // A job whose views can't be made stays in memory, where it can be inspected, and does not keep others there.
    const jobs = due.jobs.filter((job) => !publisher.isUnmade(jobSubject(job)));
    const packs = await packJobs(this.#options, jobs);
    const workers = await this.#keep(
      due.workers.filter((worker) => !publisher.isUnmade(workerSubject(worker))),
      (worker) => this.#keepWorker(worker),
    );
    const alerts = await this.#keep(
      due.alerts.filter((alert) => !publisher.isUnmade(alertSubject(alert))),
      (alert) => keep(store, archivedAlertKey(alert.id), alert),
    );
    if (jobs.length + workers.length + alerts.length === 0) return 0;
    await submitOwn(engine, {
      type: 'forget',
      packs,
      workers: workers.map(({ worker_id, version }) => ({ id: worker_id, version })),
      alerts: alerts.map(({ id, version }) => ({ id, version })),
    });
    const { state } = engine;
    // Certain: a pack that the journal does not name will never be named.
    for (const { pack } of packs) if (!state.tables.packs.has(pack.key)) await store.delete(pack.key);
    return (
      jobs.filter(({ job_id }) => !state.job(job_id)).length +
      workers.filter(({ worker_id }) => !state.worker(worker_id)).length +
      alerts.filter(({ id }) => !state.tables.alerts.has(id)).length
    );
  }

  /** The jobs whose current version is in the archive. */
  async #keep<R>(records: readonly R[], keepOne: (record: R) => Promise<boolean>): Promise<R[]> {
    const kept = new Set<R>();
    await eachAtOnce(records, AT_ONCE, async (record) => {
      if (await keepOne(record)) kept.add(record);
    });
    return records.filter((record) => kept.has(record));
  }

  /** The earliest finished first; jobs in the dead-letter queue stay. */
  #dueJobs(): JobRecord[] {
    const { engine, settings } = this.#options;
    const { tables } = engine.state;
    const until_ms = engine.journal.now() - settings.finished_window_ms;
    let excess = tables.finished.size - settings.finished_max;
    const due: JobRecord[] = [];
    for (const job_id of tables.finished.values()) {
      const job = tables.jobs.get(job_id);
      if (due.length === JOBS_MAX || !job || (excess <= 0 && (job.completed_ms ?? 0) > until_ms)) break;
      due.push(job);
      excess -= 1;
    }
    return due;
  }

  #dueWorkers(): WorkerRecord[] {
    const ended: WorkerRecord[] = [];
    for (const worker of this.#options.engine.state.tables.workers.values()) {
      if (worker.state === 'TERMINATED' && worker.holds.length === 0) ended.push(worker);
    }
    return this.#due(ended, ({ terminated_ms }) => terminated_ms ?? 0, WORKERS);
  }

  #dueAlerts(): AlertRecord[] {
    const ended: AlertRecord[] = [];
    for (const alert of this.#options.engine.state.tables.alerts.values()) {
      if (alert.resolved_ms !== null && !alert.holds) ended.push(alert);
    }
    return this.#due(ended, ({ resolved_ms }) => resolved_ms ?? 0, ALERTS);
  }

  #due<R>(ended: R[], endOf: (record: R) => number, { window_ms, max }: { window_ms: number; max: number }): R[] {
    const until_ms = this.#options.engine.journal.now() - window_ms;
    ended.sort((a, b) => endOf(a) - endOf(b));
    return ended.filter((record, index) => index < ended.length - max || endOf(record) <= until_ms).slice(0, BATCH_MAX);
  }

  /** An end after which the worker returned before it was forgotten does not count. */
  async #keepWorker(worker: WorkerRecord): Promise<boolean> {
    const { store } = this.#options;
    const own = archivedWorkerKey(worker.worker_id, worker.terminated_ms ?? 0);
    for await (const { key } of store.list(archivedWorkerPrefix(worker.worker_id))) {
      const there = key === own ? undefined : parse<WorkerRecord>(await bytesAt(store, key));
      if (there?.ordinal === worker.ordinal && there.version < worker.version) await store.delete(key);
    }
    return keep(store, own, worker);
  }
}

const jobSubject = ({ job_id }: JobRecord): Subject => ({ kind: 'job', id: job_id });
const workerSubject = ({ worker_id }: WorkerRecord): Subject => ({ kind: 'worker', id: worker_id });
const alertSubject = ({ id }: AlertRecord): Subject => ({ kind: 'alert', id });

async function bytesAt(store: ObjectStore, key: string): Promise<Uint8Array> {
  const got = await store.get(key);
  return got.found ? got.bytes : new Uint8Array();
}

/**
 * Ensures that the archive has exactly this record, durably. False: it has a newer version, which this instance has not
 * seen yet. An older one, of a record that was archived, not yet forgotten, and changed again, is replaced by deleting
 * and creating, because only a creation is durable; until the record is forgotten, memory has it.
 */
async function keep<R extends { version: number }>(store: ObjectStore, key: string, record: R): Promise<boolean> {
  const bytes = encodeRecord(record);
  for (;;) {
    if ((await store.putIfAbsent(key, bytes)).created) return true;
    const there = await store.get(key);
    if (!there.found) continue;
    if (bytes.equals(there.bytes)) return true;
    const older = parse<R>(there.bytes);
    if (older && older.version > record.version) return false;
    await store.delete(key);
  }
}
