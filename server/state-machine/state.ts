/**
 * The fold's result: every job, worker, alert and answered command in memory, with the indexes that decisions need.
 *
 * The tables are sorted maps with free copies: `clone()` gives a State that may be changed without the first one noticing.
 * Records are replaced whole through `putJob`, `putWorker`, `putAlert`, which keep every index; nothing else writes one.
 */
import type { JobStateName, Priority } from '../../protocol/job.ts';
import { SortedMap } from '../sorted-map.ts';
import type { AlertRecord, CommandRecord, JobRecord, PeriodRecord, WorkerRecord } from './records.ts';
import { finished, running } from './records.ts';

/** Tables that hold facts; all others are derived from them. */
type Facts = {
  jobs: SortedMap<string, JobRecord>;
  workers: SortedMap<string, WorkerRecord>;
  alerts: SortedMap<string, AlertRecord>;
  commands: SortedMap<string, CommandRecord>;
  minutes: SortedMap<number, PeriodRecord>;
  hours: SortedMap<number, PeriodRecord>;
  days: SortedMap<number, PeriodRecord>;
};

type Indexes = {
  /** Creation ordinal → job id, all jobs and by state. */
  jobs_by_creation: SortedMap<number, string>;
  jobs_by_state: { readonly [S in JobStateName]: SortedMap<number, string> };
  /** Queue ordinal → id of a job that may be claimed. */
  waiting: { readonly [P in Priority]: SortedMap<number, string> };
  /** Creation ordinal → id of a job that waits elsewhere, as a source told. */
  waiting_elsewhere: SortedMap<number, string>;
  /** Dead-letter ordinal → job id. */
  dead: SortedMap<number, string>;
  /** `completed_ms|job_id`: who leaves memory first. */
  finished: SortedMap<string, string>;
  /** `worker_id|creation ordinal` → job id, for each worker the job's last attempt ran on. */
  jobs_by_worker: SortedMap<string, string>;
  /** `due_ms|kind|id`: what time must be told of. */
  timers: SortedMap<string, Timer>;
  workers_by_creation: SortedMap<number, string>;
  /** `rule|subject` → id of the alert raised for the condition that holds. */
  alert_conditions: SortedMap<string, string>;
  commands_by_age: SortedMap<number, string>;
};

export type Timer = { due_ms: number; kind: 'job' | 'worker'; id: string };

/** Sums over the workers, derived; whole numbers, so that they are the same in whatever order they came about. */
export type Fleet = { priced_workers: number; price_micro_usd: number };

/** Numbers that only events change. */
export type Scalars = {
  seq: number;
  at_ms: number;
  next_ordinal: number;
  /** How often a waiting class was passed over since it was last served. */
  passed_normal: number;
  passed_low: number;
  /** Jobs that have left memory for the archive. */
  archived_jobs: number;
  /** Mean throughput factor of completed jobs, recent ones weighing more; null before the first. */
  throughput_factor: number | null;
};

const table = <K extends string | number, V>() => new SortedMap<K, V>();

export class State {
  readonly tables: Facts & Indexes;
  readonly scalars: Scalars;
  readonly fleet: Fleet;

  constructor(
    tables: Facts & Indexes = emptyTables(),
    scalars: Scalars = { ...ZERO },
    fleet: Fleet = { priced_workers: 0, price_micro_usd: 0 },
  ) {
    this.tables = tables;
    this.scalars = scalars;
    this.fleet = fleet;
  }

  /** A copy that may be changed; costs the same however large the state is. */
  clone(): State {
    const { jobs_by_state, waiting, ...flat } = this.tables;
    return new State(
      { ...cloneAll(flat), jobs_by_state: cloneAll(jobs_by_state), waiting: cloneAll(waiting) },
      { ...this.scalars },
      { ...this.fleet },
    );
  }

  get seq(): number {
    return this.scalars.seq;
  }

  /** Log time: the only time that leases and timers are compared with. */
  get at_ms(): number {
    return this.scalars.at_ms;
  }

  job(job_id: string): JobRecord | undefined {
    return this.tables.jobs.get(job_id);
  }

  worker(worker_id: string): WorkerRecord | undefined {
    return this.tables.workers.get(worker_id);
  }

  nextOrdinal(): number {
    this.scalars.next_ordinal += 1;
    return this.scalars.next_ordinal;
  }

  putJob(next: JobRecord): void {
    const last = this.tables.jobs.get(next.job_id);
    this.tables.jobs.set(next.job_id, next);
    this.#indexJob(last, next);
  }

  removeJob(job_id: string): void {
    const last = this.tables.jobs.get(job_id);
    if (!last) return;
    this.tables.jobs.delete(job_id);
    this.#indexJob(last, undefined);
  }

  putWorker(next: WorkerRecord): void {
    const { workers, timers, workers_by_creation } = this.tables;
    const last = workers.get(next.worker_id);
    workers.set(next.worker_id, next);
    this.#countPrice(last, -1);
    this.#countPrice(next, 1);
    if (!last) workers_by_creation.set(next.ordinal, next.worker_id);
    if (last?.check_ms !== next.check_ms) {
      if (last && last.check_ms !== null) timers.delete(timerKey(last.check_ms, 'worker', last.worker_id));
      if (next.check_ms !== null) {
        const timer: Timer = { due_ms: next.check_ms, kind: 'worker', id: next.worker_id };
        timers.set(timerKey(timer.due_ms, timer.kind, timer.id), timer);
      }
    }
  }

  removeWorker(worker_id: string): void {
    const { workers, timers, workers_by_creation } = this.tables;
    const last = workers.get(worker_id);
    if (!last) return;
    workers.delete(worker_id);
    this.#countPrice(last, -1);
    workers_by_creation.delete(last.ordinal);
    if (last.check_ms !== null) timers.delete(timerKey(last.check_ms, 'worker', worker_id));
  }

  putAlert(next: AlertRecord): void {
    const { alerts, alert_conditions } = this.tables;
    alerts.set(next.id, next);
    const key = alertKey(next.rule, next.subject);
    if (next.holds) alert_conditions.set(key, next.id);
    else if (alert_conditions.get(key) === next.id) alert_conditions.delete(key);
  }

  removeAlert(id: string): void {
    const last = this.tables.alerts.get(id);
    if (!last) return;
    this.tables.alerts.delete(id);
    const key = alertKey(last.rule, last.subject);
    if (this.tables.alert_conditions.get(key) === id) this.tables.alert_conditions.delete(key);
  }

  putCommand(id: string, record: CommandRecord): void {
    this.tables.commands.set(id, record);
    this.tables.commands_by_age.set(record.ordinal, id);
  }

  /** Forgets the commands up to this ordinal. */
  forgetCommands(through_ordinal: number): void {
    const { commands, commands_by_age } = this.tables;
    const gone: number[] = [];
    commands_by_age.forRange(0, through_ordinal, true, (ordinal, id) => {
      gone.push(ordinal);
      commands.delete(id);
    });
    for (const ordinal of gone) commands_by_age.delete(ordinal);
  }

  #countPrice(worker: WorkerRecord | undefined, sign: 1 | -1): void {
    const price = worker && worker.state !== 'TERMINATED' ? worker.location.spot_price : undefined;
    if (typeof price !== 'number') return;
    this.fleet.priced_workers += sign;
    this.fleet.price_micro_usd += sign * Math.round(price * 1e6);
  }

  #indexJob(last: JobRecord | undefined, next: JobRecord | undefined): void {
    const { tables } = this;
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
      if (last?.dead) tables.dead.delete(last.dead.ordinal);
      if (next?.dead) tables.dead.set(next.dead.ordinal, job_id);
    }
    const lastLeaves = last ? leavesKey(last) : null;
    const nextLeaves = next ? leavesKey(next) : null;
    if (lastLeaves !== nextLeaves) {
      if (lastLeaves !== null) tables.finished.delete(lastLeaves);
      if (nextLeaves !== null) tables.finished.set(nextLeaves, job_id);
    }
    if (last?.history !== next?.history || last?.run?.worker_id !== next?.run?.worker_id) {
      const { ordinal } = (next ?? last)!;
      const before = last ? workersOf(last) : NOBODY;
      const after = next ? workersOf(next) : NOBODY;
      // A history that grows too long forgets workers.
      for (const id of before) if (!after.has(id)) tables.jobs_by_worker.delete(workerJobKey(id, ordinal));
      for (const id of after) if (!before.has(id)) tables.jobs_by_worker.set(workerJobKey(id, ordinal), job_id);
    }
    const lastDue = last ? jobDue(last) : null;
    const nextDue = next ? jobDue(next) : null;
    if (lastDue !== nextDue) {
      if (lastDue !== null) tables.timers.delete(timerKey(lastDue, 'job', job_id));
      if (nextDue !== null)
        tables.timers.set(timerKey(nextDue, 'job', job_id), { due_ms: nextDue, kind: 'job', id: job_id });
    }
  }
}

/** May be handed out now: it waits, in this queue and no other, and for no retry delay. */
export function claimable(job: JobRecord): boolean {
  return job.state === 'QUEUED' && job.not_before_ms === null && job.observed === null;
}

const waitsElsewhere = (job: JobRecord): boolean => job.state === 'QUEUED' && job.observed !== null;

/** The one moment at which time itself must act on the job: its lease ends, its retry is due, its kill deadline passes. */
export function jobDue(job: JobRecord): number | null {
  if (job.state === 'CANCELLING') return job.kill_ms;
  if (running(job.state)) return job.run?.expires_ms ?? null;
  return job.not_before_ms ?? job.dead?.until_ms ?? null;
}

/** Where a job stands in the order of leaving memory; null while it has to stay. */
function leavesKey(job: JobRecord): string | null {
  return finished(job.state) && job.dead === null ? `${pad(job.completed_ms ?? 0)}|${job.job_id}` : null;
}

/** Every worker that the job was handed to, as far as its history goes. */
function workersOf(job: JobRecord): Set<string> {
  const workers = new Set<string>();
  if (job.run) workers.add(job.run.worker_id);
  for (const { worker_id } of job.history) if (worker_id !== undefined) workers.add(worker_id);
  return workers;
}

const NOBODY: ReadonlySet<string> = new Set();

export const workerJobKey = (worker_id: string, ordinal: number): string => `${worker_id}|${pad(ordinal)}`;
export const alertKey = (rule: string, subject: string | null): string => `${rule}|${subject ?? ''}`;
export const timerKey = (due_ms: number, kind: string, id: string): string => `${pad(due_ms)}|${kind}|${id}`;

/** Numbers as text that sorts like them. */
export const pad = (n: number): string => Math.floor(n).toString(36).padStart(10, '0');

const ZERO: Scalars = {
  seq: 0,
  at_ms: 0,
  next_ordinal: 0,
  passed_normal: 0,
  passed_low: 0,
  archived_jobs: 0,
  throughput_factor: null,
};

function emptyTables(): Facts & Indexes {
  return {
    jobs: table(),
    workers: table(),
    alerts: table(),
    commands: table(),
    minutes: table(),
    hours: table(),
    days: table(),
    jobs_by_creation: table(),
    jobs_by_state: {
      SUBMITTED: table(),
      QUEUED: table(),
      PROCESSING: table(),
      CANCELLING: table(),
      COMPLETED: table(),
      FAILED: table(),
      CANCELLED: table(),
    },
    waiting: { high: table(), normal: table(), low: table() },
    waiting_elsewhere: table(),
    dead: table(),
    finished: table(),
    jobs_by_worker: table(),
    timers: table(),
    workers_by_creation: table(),
    alert_conditions: table(),
    commands_by_age: table(),
  };
}

function cloneAll<T extends Record<string, { clone(): unknown }>>(tables: T): T {
  const copy: Record<string, unknown> = {};
  for (const name in tables) copy[name] = tables[name]!.clone();
  return copy as T;
}
