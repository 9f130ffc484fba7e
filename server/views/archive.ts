/**
 * The archive: what leaves memory, kept whole. A record is written and read back as written, its views are in the store,
 * and only then the journal says that it may be forgotten; so a crash at any point leaves it in memory or here, or both.
 *
 *     archive/jobs/{job_id}.json                 finished jobs, after `finished_window_ms` or beyond `finished_max`
 *     archive/workers/{worker_id}/{day}.json     TERMINATED for 7 days, or beyond 10,000
 *     archive/alerts/{id}.json                   resolved for 30 days, or beyond 10,000
 *     archive/periods/{day}.json                 the sums of a day that is over and of its hours, long before memory drops them
 *
 * The first three are records as the fold had them, from which every document is made again.
 */

import { DAY_MS } from '../../protocol/time.ts';
import { eachAtOnce } from '../at-once.ts';
import type { Clock } from '../clock.ts';
import type { Settings } from '../config.ts';
import type { Engine } from '../engine.ts';
import { newUlid } from '../ids.ts';
import type { ObjectStore } from '../objects/store.ts';
import { UNREMEMBERED } from '../state-machine/apply/apply.ts';
import type { AlertRecord, JobRecord, WorkerRecord } from '../state-machine/state/records.ts';
import { archivePeriods } from './archived-periods.ts';
import { parse } from './archived-records.ts';
import { archivedAlertKey, archivedJobKey, archivedWorkerKey, archivedWorkerPrefix, type Subject } from './keys.ts';
import { jobView } from './layout.ts';
import type { ViewPublisher } from './publisher.ts';

export type ArchiveOptions = {
  engine: Engine;
  store: ObjectStore;
  clock: Clock;
  settings: Pick<Settings, 'finished_window_ms' | 'finished_max'>;
  publisher: ViewPublisher;
};

/** Records of one turn: enough that the journal's part is little, few enough that nobody waits for it. */
const BATCH_MAX = 200;
const AT_ONCE = 4;
const WORKERS = { window_ms: 7 * DAY_MS, max: 10_000 };
const ALERTS = { window_ms: 30 * DAY_MS, max: 10_000 };

export class Archive {
  readonly #options: ArchiveOptions;
  /** Days up to this one are known to be archived. */
  #periods_through: number | null = null;

  constructor(options: ArchiveOptions) {
    this.#options = options;
  }

  /** Archives what is due, at most a few hundred at a time; answers how many have left memory. Throws StoreError, JournalError. */
  async runOnce(): Promise<number> {
    const { engine, store, publisher } = this.#options;
    this.#periods_through = await archivePeriods(store, engine.state, this.#periods_through);
    const kept = {
      jobs: await this.#keep(this.#dueJobs(), (job) => this.#keepJob(job)),
      workers: await this.#keep(this.#dueWorkers(), (worker) => this.#keepWorker(worker)),
      alerts: await this.#keep(this.#dueAlerts(), (alert) => keep(store, archivedAlertKey(alert.id), alert)),
    };
    if (kept.jobs.length + kept.workers.length + kept.alerts.length === 0) return 0;
    await publisher.flushOf([
      ...kept.jobs.map(jobSubject),
      ...kept.workers.map(workerSubject),
      ...kept.alerts.map(alertSubject),
    ]);
    // One whose views can't be made stays where it can be looked at, and keeps no other.
    const jobs = kept.jobs.filter((job) => !publisher.isUnmade(jobSubject(job)));
    const workers = kept.workers.filter((worker) => !publisher.isUnmade(workerSubject(worker)));
    const alerts = kept.alerts.filter((alert) => !publisher.isUnmade(alertSubject(alert)));
    if (jobs.length + workers.length + alerts.length === 0) return 0;
    await engine.submit({
      id: `${UNREMEMBERED}${newUlid()}`,
      fingerprint: '',
      actor: 'monitor',
      body: {
        type: 'forget',
        jobs: jobs.map(({ job_id, version }) => ({ id: job_id, version })),
        workers: workers.map(({ worker_id, version }) => ({ id: worker_id, version })),
        alerts: alerts.map(({ id, version }) => ({ id, version })),
      },
    });
    const { state } = engine;
    return (
      jobs.filter(({ job_id }) => !state.job(job_id)).length +
      workers.filter(({ worker_id }) => !state.worker(worker_id)).length +
      alerts.filter(({ id }) => !state.tables.alerts.has(id)).length
    );
  }

  /** Those of which the archive has this version now. */
  async #keep<R>(records: readonly R[], keepOne: (record: R) => Promise<boolean>): Promise<R[]> {
    const kept = new Set<R>();
    await eachAtOnce(records, AT_ONCE, async (record) => {
      if (await keepOne(record)) kept.add(record);
    });
    return records.filter((record) => kept.has(record));
  }

  /** The first to have finished first; jobs in the dead-letter queue stay. */
  #dueJobs(): JobRecord[] {
    const { engine, settings } = this.#options;
    const { tables } = engine.state;
    const until_ms = engine.journal.now() - settings.finished_window_ms;
    let excess = tables.finished.size - settings.finished_max;
    const due: JobRecord[] = [];
    for (const job_id of tables.finished.values()) {
      const job = tables.jobs.get(job_id);
      if (due.length === BATCH_MAX || !job || (excess <= 0 && (job.completed_ms ?? 0) > until_ms)) break;
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

  /** A job of another time with the same id (a reported one may come again) gives way, and with it its views. */
  #keepJob(job: JobRecord): Promise<boolean> {
    const { store } = this.#options;
    return keep(store, archivedJobKey(job.job_id), job, async (older) => {
      const { present, absent } = jobView(job);
      const known = new Set([...present.map(({ key }) => key), ...absent]);
      for (const { key } of jobView(older).present) if (!known.has(key)) await store.delete(key);
    });
  }

  /** An end that it came back from before it was forgotten was none. */
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
 * Makes sure that the archive has exactly this record, durably. False: it has a newer version, which this instance has not
 * seen yet. An older one, of a job that was archived, not yet forgotten, and changed once more, is replaced: by deleting and
 * creating, for only a creation is durable, and until the record is forgotten memory has it.
 */
async function keep<R extends { version: number }>(
  store: ObjectStore,
  key: string,
  record: R,
  replacing: (older: R) => Promise<void> = async () => {},
): Promise<boolean> {
  const bytes = Buffer.from(`${JSON.stringify(record)}\n`);
  for (;;) {
    if ((await store.putIfAbsent(key, bytes)).created) return true;
    const there = await store.get(key);
    if (!there.found) continue;
    if (bytes.equals(there.bytes)) return true;
    const older = parse<R>(there.bytes);
    if (older && older.version > record.version) return false;
    if (older) await replacing(older);
    await store.delete(key);
  }
}
