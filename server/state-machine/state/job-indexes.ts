/**
 * The indexes of jobs. The entries of a job depend on its record alone, and one function keeps them: as records are
 * replaced, and for all jobs at once on a start.
 */
import type { JobStateName, Priority } from '../../../protocol/job.ts';
import type { VerdictStatus } from '../../../protocol/verdict.ts';
import { SortedMap } from '../../sorted-map.ts';
import { finished, type JobRecord, running, runsElsewhere } from './records.ts';

interface Index<K, V> {
  set(key: K, value: V): void;
  delete(key: K): void;
}

/** The verdicts that something is wrong. */
export type OffTrack = Exclude<VerdictStatus, 'on_track'>;

export type Timer = { due_ms: number; kind: 'job' | 'worker'; id: string };

type JobIndexes = {
  readonly jobs_by_creation: Index<number, string>;
  readonly jobs_by_state: { readonly [S in JobStateName]: Index<number, string> };
  readonly waiting: { readonly [P in Priority]: Index<number, string> };
  readonly waiting_elsewhere: Index<number, string>;
  readonly dead: Index<number, string>;
  readonly dead_by_priority: { readonly [P in Priority]: Index<number, string> };
  readonly finished: Index<string, string>;
  readonly expiring: Index<string, string>;
  readonly jobs_by_worker: Index<string, string>;
  readonly off_track: { readonly [V in OffTrack]: Index<number, string> };
  readonly timers: Index<string, Timer>;
  readonly report_timers: Index<string, Timer>;
};

/** Replaces the entries of the old record with those of the new one in every index. */
export function indexJob(tables: JobIndexes, last: JobRecord | undefined, next: JobRecord | undefined): void {
  const job_id = (next ?? last)!.job_id;
  if (!last) tables.jobs_by_creation.set(next!.ordinal, job_id);
  if (!next) tables.jobs_by_creation.delete(last!.ordinal);

  if (last?.state !== next?.state) {
    if (last) tables.jobs_by_state[last.state].delete(last.ordinal);
    if (next) tables.jobs_by_state[next.state].set(next.ordinal, job_id);
  }
  const lastPlace = last && claimable(last) ? last.place : null;
  const nextPlace = next && claimable(next) ? next.place : null;
  if (lastPlace !== nextPlace) {
    if (lastPlace !== null) tables.waiting[last!.priority].delete(lastPlace);
    if (nextPlace !== null) tables.waiting[next!.priority].set(nextPlace, job_id);
  }
  const lastElsewhere = last !== undefined && waitsElsewhere(last);
  const nextElsewhere = next !== undefined && waitsElsewhere(next);
  if (lastElsewhere && !nextElsewhere) tables.waiting_elsewhere.delete(last.ordinal);
  if (nextElsewhere && !lastElsewhere) tables.waiting_elsewhere.set(next.ordinal, job_id);
  if (last?.dead !== next?.dead) {
    if (last?.dead) {
      tables.dead.delete(last.dead.ordinal);
      tables.dead_by_priority[last.priority].delete(last.dead.ordinal);
    }
    if (next?.dead) {
      tables.dead.set(next.dead.ordinal, job_id);
      tables.dead_by_priority[next.priority].set(next.dead.ordinal, job_id);
    }
  }
  const lastLeaves = last ? leavesKey(last) : null;
  const nextLeaves = next ? leavesKey(next) : null;
  if (lastLeaves !== nextLeaves) {
    if (lastLeaves !== null) tables.finished.delete(lastLeaves);
    if (nextLeaves !== null) tables.finished.set(nextLeaves, job_id);
  }
  const lastExpires = last ? expiresKey(last) : null;
  const nextExpires = next ? expiresKey(next) : null;
  if (lastExpires !== nextExpires) {
    if (lastExpires !== null) tables.expiring.delete(lastExpires);
    if (nextExpires !== null) tables.expiring.set(nextExpires, job_id);
  }
  if (last?.history !== next?.history || last?.run?.worker_id !== next?.run?.worker_id) {
    const { ordinal } = (next ?? last)!;
    const before = last ? workersOf(last) : NO_WORKERS;
    const after = next ? workersOf(next) : NO_WORKERS;
    // A long history drops entries, and with them workers.
    for (const id of before) if (!after.has(id)) tables.jobs_by_worker.delete(workerJobKey(id, ordinal));
    for (const id of after) if (!before.has(id)) tables.jobs_by_worker.set(workerJobKey(id, ordinal), job_id);
  }
  const lastVerdict = last?.verdict?.status ?? 'on_track';
  const nextVerdict = next?.verdict?.status ?? 'on_track';
  if (lastVerdict !== nextVerdict) {
    if (lastVerdict !== 'on_track') tables.off_track[lastVerdict].delete(last!.ordinal);
    if (nextVerdict !== 'on_track') tables.off_track[nextVerdict].set(next!.ordinal, job_id);
  }
  const lastDue = last ? jobDue(last) : null;
  const nextDue = next ? jobDue(next) : null;
  if (lastDue !== nextDue || (lastDue !== null && timersOf(tables, last!) !== timersOf(tables, next!))) {
    if (lastDue !== null) timersOf(tables, last!).delete(timerKey(lastDue, 'job', job_id));
    if (nextDue !== null)
      timersOf(tables, next!).set(timerKey(nextDue, 'job', job_id), { due_ms: nextDue, kind: 'job', id: job_id });
  }
}

/** Of a job that a worker holds: of what the worker must report before. */
const timersOf = (tables: Pick<JobIndexes, 'timers' | 'report_timers'>, { state }: JobRecord): Index<string, Timer> =>
  running(state) ? tables.report_timers : tables.timers;

/** Whether the job may be handed out now: it waits in this queue, without a retry delay. */
export function claimable(job: JobRecord): boolean {
  return job.state === 'QUEUED' && job.not_before_ms === null && !runsElsewhere(job);
}

const waitsElsewhere = (job: JobRecord): boolean => job.state === 'QUEUED' && runsElsewhere(job);

/**
 * When a tick must act on the job: the end of its lease, its retry delay, its kill deadline or its time as a dead
 * letter.
 */
export function jobDue(job: JobRecord): number | null {
  if (job.state === 'CANCELLING') return job.kill_ms;
  if (running(job.state)) return job.run?.expires_ms ?? null;
  return job.not_before_ms ?? job.dead?.until_ms ?? null;
}

/** Position of the job in the order of leaving memory; null while it must stay. */
function leavesKey(job: JobRecord): string | null {
  return finished(job.state) && job.dead === null ? `${pad(job.completed_ms ?? 0)}|${job.job_id}` : null;
}

/** Position of a waiting job in the order in which the URLs of recordings expire; null for one that does not. */
function expiresKey(job: JobRecord): string | null {
  if (job.url_expires_ms === null || job.state !== 'QUEUED' || runsElsewhere(job)) return null;
  return `${pad(job.url_expires_ms)}|${job.job_id}`;
}

/** The workers of the job's last attempt and of its history. */
function workersOf(job: JobRecord): Set<string> {
  const workers = new Set<string>();
  if (job.run) workers.add(job.run.worker_id);
  for (const { worker_id } of job.history) if (worker_id !== undefined) workers.add(worker_id);
  return workers;
}

const NO_WORKERS: ReadonlySet<string> = new Set();

export const workerJobKey = (worker_id: string, ordinal: number): string => `${worker_id}|${pad(ordinal)}`;
export const timerKey = (due_ms: number, kind: string, id: string): string => `${pad(due_ms)}|${kind}|${id}`;

/** A number as text that sorts like the number. */
export const pad = (n: number): string => Math.floor(n).toString(36).padStart(10, '0');

/** Collects entries, to build a table from them at once. */
class Rows<K extends string | number, V> implements Index<K, V> {
  readonly #keys: K[] = [];
  readonly #values: V[] = [];

  set(key: K, value: V): void {
    this.#keys.push(key);
    this.#values.push(value);
  }

  delete(): never {
    throw new Error('rows are only added to');
  }

  table(): SortedMap<K, V> {
    return SortedMap.of(this.#keys, this.#values);
  }
}

/** Builds the indexes of these jobs, each at once. */
export function indexesOf(jobs: readonly JobRecord[]) {
  const rows = <V = string>() => new Rows<number, V>();
  const named = <V = string>() => new Rows<string, V>();
  const indexes = {
    jobs_by_creation: rows(),
    jobs_by_state: {
      SUBMITTED: rows(),
      QUEUED: rows(),
      PROCESSING: rows(),
      CANCELLING: rows(),
      COMPLETED: rows(),
      FAILED: rows(),
      CANCELLED: rows(),
    },
    waiting: { high: rows(), normal: rows(), low: rows() },
    waiting_elsewhere: rows(),
    dead: rows(),
    dead_by_priority: { high: rows(), normal: rows(), low: rows() },
    finished: named(),
    expiring: named(),
    jobs_by_worker: named(),
    off_track: { slow: rows(), hung: rows(), dead: rows(), starved: rows(), blocked: rows() },
    timers: named<Timer>(),
    report_timers: named<Timer>(),
  };
  for (const job of jobs) indexJob(indexes, undefined, job);
  const { jobs_by_state, waiting, dead_by_priority, off_track, ...flat } = indexes;
  return {
    ...tables(flat),
    jobs_by_state: tables(jobs_by_state),
    waiting: tables(waiting),
    dead_by_priority: tables(dead_by_priority),
    off_track: tables(off_track),
  };
}

function tables<T extends Record<string, { table(): unknown }>>(
  rows: T,
): { [N in keyof T]: ReturnType<T[N]['table']> } {
  return Object.fromEntries(Object.entries(rows).map(([name, entries]) => [name, entries.table()])) as never;
}
