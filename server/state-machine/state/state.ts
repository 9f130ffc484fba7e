/**
 * The state that the fold computes: every job, worker, alert and remembered command in memory, with the indexes that
 * decisions need.
 *
 * The tables are sorted maps with free copies, so a `clone()` may be changed without changing the original. Records are
 * replaced only through `putJob`, `putWorker` and `putAlert`, which keep every index.
 */

import type { JobStateName, Priority } from '../../../protocol/job.ts';
import { SortedMap } from '../../sorted-map.ts';
import { able, waits } from './able.ts';
import { ACTIONS_MAX, type ActionRecord, type PoliciesPaused, type PolicyCounts } from './actions.ts';
import type { ErasureRecord } from './erasures.ts';
import { blockOf, isEmptyBlock, JobBlocks, sameTexts } from './job-blocks.ts';
import { indexesOf, indexJob, type OffTrack, type Timer, timerKey } from './job-indexes.ts';
import type { KeyRecord } from './keys.ts';
import { indexNotice, indexTrouble, type NoticeIndexes } from './notice-indexes.ts';
import { type AlertGroup, type DestinationTrouble, type NoticeRecord, noticePrefix } from './notices.ts';
import { GROUPS_MAX, type PaceRecord } from './pace.ts';
import { type PassRecord, passEndKey, passesEndedBy } from './passes.ts';
import type { PromiseKind, PromiseRecord } from './promises.ts';
import type {
  AlertRecord,
  ColumnFile,
  CommandRecord,
  Gauges,
  JobRecord,
  PackRecord,
  PeriodRecord,
  ShardRecord,
  SilenceRecord,
  WorkerRecord,
} from './records.ts';
import type { Share } from './shares.ts';
import { microUsd } from './sums.ts';
import type { Tally } from './tallies.ts';
import { indexTenant, type TenantIndexes, type TenantRecord } from './tenants.ts';
import type { Usage } from './usage.ts';

/** Primary tables; the indexes are derived from them. */
type Facts = {
  jobs: SortedMap<string, JobRecord>;
  workers: SortedMap<string, WorkerRecord>;
  alerts: SortedMap<string, AlertRecord>;
  silences: SortedMap<string, SilenceRecord>;
  keys: SortedMap<string, KeyRecord>;
  passes: SortedMap<string, PassRecord>;
  notices: SortedMap<string, NoticeRecord>;
  alert_groups: SortedMap<string, AlertGroup>;
  /** Destinations of notices that do not receive, by name. */
  troubles: SortedMap<string, DestinationTrouble>;
  /** Ordinal of a decision of a policy → the decision, for the last ones and those whose machine is pending. */
  actions: SortedMap<number, ActionRecord>;
  /** Name of a policy → its last decisions. */
  policy_counts: SortedMap<string, PolicyCounts>;
  commands: SortedMap<string, CommandRecord>;
  minutes: SortedMap<number, PeriodRecord>;
  hours: SortedMap<number, PeriodRecord>;
  days: SortedMap<number, PeriodRecord>;
  /** Every pack of the archive, by key. */
  packs: SortedMap<string, PackRecord>;
  /** Key of a pack that the index does not cover yet → ids of its jobs. */
  unindexed: SortedMap<string, readonly string[]>;
  /** First id of a shard of the archive's index → the shard. */
  archive_shards: SortedMap<string, ShardRecord>;
  column_files: SortedMap<string, ColumnFile>;
  /** Jobs that returned to memory after their rows were written into column files, and the day of those rows. */
  column_strays: SortedMap<string, number>;
  /** Erased jobs whose objects or events are not all gone yet, by id; see erasures.ts. */
  erasures: SortedMap<string, ErasureRecord>;
  /** `name|label` → counts; see tallies.ts. */
  tallies: SortedMap<string, Tally>;
  /** Group of jobs → how long they take; see pace.ts. */
  paces: SortedMap<string, PaceRecord>;
  /** How often jobs began and ended in time; see promises.ts. */
  promises: SortedMap<PromiseKind, PromiseRecord>;
  /** `step|period|by|name` → what a worker or model did; see shares.ts. */
  shares: SortedMap<string, Share>;
  /** Empty until one is named; then the default is among them. */
  tenants: SortedMap<string, TenantRecord>;
  /** Class → the virtual time of its tenants; see tenants.ts. */
  virtual_times: SortedMap<Priority, number>;
  /** `tenant|…` or `key|…` → what was used today; see usage.ts. */
  usage: SortedMap<string, Usage>;
};

type Indexes = NoticeIndexes &
  TenantIndexes & {
    /** Creation ordinal → job id, for all jobs and by state. */
    jobs_by_creation: SortedMap<number, string>;
    jobs_by_state: { readonly [S in JobStateName]: SortedMap<number, string> };
    /** Queue ordinal → id of a job that may be claimed. */
    waiting: { readonly [P in Priority]: SortedMap<number, string> };
    /** Creation ordinal → id of a job that waits in another system's queue. */
    waiting_elsewhere: SortedMap<number, string>;
    /** Dead-letter ordinal → job id, for all dead letters and by priority. */
    dead: SortedMap<number, string>;
    dead_by_priority: { readonly [P in Priority]: SortedMap<number, string> };
    /** `completed_ms|job_id` → job id, in the order of leaving memory. */
    finished: SortedMap<string, string>;
    /** `url_expires_ms|job_id` → job id, of waiting jobs whose recording's URL expires. */
    expiring: SortedMap<string, string>;
    /** `worker_id|creation ordinal` → job id, for each worker the job's last attempt ran on. */
    jobs_by_worker: SortedMap<string, string>;
    /** Creation ordinal → id of a job with this verdict. See verdicts.ts. */
    off_track: { readonly [V in OffTrack]: SortedMap<number, string> };
    /** `due_ms|kind|id` → timer, for ticks: of delays and dead letters. */
    timers: SortedMap<string, Timer>;
    /** The same, of leases and silence: they count only while workers can report. */
    report_timers: SortedMap<string, Timer>;
    workers_by_creation: SortedMap<number, string>;
    /** Tenant → workers that can be counted on for its jobs and for no others. */
    able_by_tenant: SortedMap<string, number>;
    /** Fingerprint → id of the alert, while its condition holds. */
    alert_conditions: SortedMap<string, string>;
    /** Ordinals of actions whose machine is pending. */
    pending_actions: SortedMap<number, true>;
    commands_by_age: SortedMap<number, string>;
    /** `expires_ms|id` → id of a pass. */
    passes_by_end: SortedMap<string, string>;
    /** Job id → key of the pack that has it, for packs that the index does not cover yet. */
    packed_recently: SortedMap<string, string>;
  };

/** Derived sums over the workers that are not TERMINATED; integers, so that they do not depend on the order of changes. */
export type Fleet = {
  live_workers: number;
  /** Of these, holding a job. */
  busy_workers: number;
  /** Of these, waiting for one. */
  idle_workers: number;
  /** Of these, which can be counted on for a job; see able.ts. */
  able_workers: number;
  /** Of these, which get jobs of one tenant alone. */
  able_of_tenants: number;
  priced_workers: number;
  price_micro_usd: number;
};

/** Numbers that are part of the state. */
export type Scalars = {
  seq: number;
  at_ms: number;
  next_ordinal: number;
  /** How often a class with waiting jobs was passed over since it was last served. */
  passed_normal: number;
  passed_low: number;
  /** Number of jobs that have left memory for the archive. */
  archived_jobs: number;
  /** Of those, the ones archived as an object each, until none of these objects is left. */
  loose_jobs: number;
  /** The last segment that changed which pack has a job that was archived before. */
  archive_seq: number;
  /** Mean throughput factor of completed jobs, recent ones weighing more; null before the first. */
  throughput_factor: number | null;
  /** Measured in the open hour up to `through_ms`, which is `at_ms`, and in the hours of its day that are over; null before the first segment. */
  gauges: { through_ms: number; hour: Gauges; day: Gauges } | null;
  /** Set while the circuit breaker pauses all policies. */
  policies_paused: PoliciesPaused | null;
  /** When somebody last resumed them: what stood then does not pause them again. 0 if nobody has. */
  policies_resumed_ms: number;
};

const table = <K extends string | number, V>() => new SortedMap<K, V>();

export class State {
  readonly tables: Facts & Indexes;
  readonly scalars: Scalars;
  readonly fleet: Fleet;
  /** For searches; no part of the state. */
  readonly blocks: JobBlocks;

  constructor(
    tables: Facts & Indexes = emptyTables(),
    scalars: Scalars = { ...ZERO },
    fleet: Fleet = { ...NO_FLEET },
    blocks = new JobBlocks(),
  ) {
    this.tables = tables;
    this.scalars = scalars;
    this.fleet = fleet;
    this.blocks = blocks;
  }

  /** A state of these jobs and commands. Building each table at once is many times faster than one by one. */
  static of(jobs: readonly JobRecord[], commands: readonly (readonly [id: string, CommandRecord])[]): State {
    const ids = commands.map(([id]) => id);
    const records = commands.map(([, record]) => record);
    const ordinals = records.map(({ ordinal }) => ordinal);
    return new State({
      ...emptyTables(),
      ...indexesOf(jobs),
      jobs: SortedMap.of(
        jobs.map(({ job_id }) => job_id),
        jobs,
      ),
      commands: SortedMap.of(ids, records),
      commands_by_age: SortedMap.of(ordinals, ids),
    });
  }

  /** A copy that may be changed, in constant time. */
  clone(): State {
    const { jobs_by_state, waiting, dead_by_priority, off_track, lines, line_sizes, ready, ...flat } = this.tables;
    return new State(
      {
        ...cloneAll(flat),
        jobs_by_state: cloneAll(jobs_by_state),
        waiting: cloneAll(waiting),
        dead_by_priority: cloneAll(dead_by_priority),
        off_track: cloneAll(off_track),
        lines: cloneAll(lines),
        line_sizes: cloneAll(line_sizes),
        ready: cloneAll(ready),
      },
      { ...this.scalars },
      { ...this.fleet },
      this.blocks,
    );
  }

  get seq(): number {
    return this.scalars.seq;
  }

  /** Log time, the only time that leases and timers are compared with. */
  get at_ms(): number {
    return this.scalars.at_ms;
  }

  job(job_id: string): JobRecord | undefined {
    return this.tables.jobs.get(job_id);
  }

  worker(worker_id: string): WorkerRecord | undefined {
    return this.tables.workers.get(worker_id);
  }

  /** Workers that can be counted on for a job of this tenant. */
  ableFor(tenant: string): number {
    const { able_workers, able_of_tenants } = this.fleet;
    return able_workers - able_of_tenants + (this.tables.able_by_tenant.get(tenant) ?? 0);
  }

  nextOrdinal(): number {
    this.scalars.next_ordinal += 1;
    return this.scalars.next_ordinal;
  }

  /** `last`: the record that `next` replaces, if the caller has it. */
  putJob(next: JobRecord, last: JobRecord | undefined = this.tables.jobs.get(next.job_id)): void {
    this.tables.jobs.set(next.job_id, next);
    indexJob(this.tables, last, next);
    if (last === undefined || !sameTexts(last, next)) this.blocks.changed(next.ordinal, this.seq);
    if (this.tables.tenants.size > 0) indexTenant(this, last, next);
  }

  removeJob(job_id: string): void {
    const last = this.tables.jobs.get(job_id);
    if (!last) return;
    this.tables.jobs.delete(job_id);
    indexJob(this.tables, last, undefined);
    if (isEmptyBlock(this, blockOf(last.ordinal))) this.blocks.forget(blockOf(last.ordinal), this.seq);
    if (this.tables.tenants.size > 0) indexTenant(this, last, undefined);
  }

  putWorker(next: WorkerRecord): void {
    const { workers, report_timers, workers_by_creation } = this.tables;
    const last = workers.get(next.worker_id);
    workers.set(next.worker_id, next);
    this.#countWorker(last, -1);
    this.#countWorker(next, 1);
    if (!last) workers_by_creation.set(next.ordinal, next.worker_id);
    if (last?.check_ms !== next.check_ms) {
      if (last && last.check_ms !== null) report_timers.delete(timerKey(last.check_ms, 'worker', last.worker_id));
      if (next.check_ms !== null) {
        const timer: Timer = { due_ms: next.check_ms, kind: 'worker', id: next.worker_id };
        report_timers.set(timerKey(timer.due_ms, timer.kind, timer.id), timer);
      }
    }
  }

  removeWorker(worker_id: string): void {
    const { workers, report_timers, workers_by_creation } = this.tables;
    const last = workers.get(worker_id);
    if (!last) return;
    workers.delete(worker_id);
    this.#countWorker(last, -1);
    workers_by_creation.delete(last.ordinal);
    if (last.check_ms !== null) report_timers.delete(timerKey(last.check_ms, 'worker', worker_id));
  }

  putAlert(next: AlertRecord): void {
    const { alerts, alert_conditions } = this.tables;
    alerts.set(next.id, next);
    if (next.holds) alert_conditions.set(next.fingerprint, next.id);
    else if (alert_conditions.get(next.fingerprint) === next.id) alert_conditions.delete(next.fingerprint);
  }

  removeAlert(id: string): void {
    const last = this.tables.alerts.get(id);
    if (!last) return;
    this.tables.alerts.delete(id);
    const { alert_conditions } = this.tables;
    if (alert_conditions.get(last.fingerprint) === id) alert_conditions.delete(last.fingerprint);
  }

  putAction(next: ActionRecord): void {
    const { actions, pending_actions } = this.tables;
    actions.set(next.ordinal, next);
    if (next.machine?.state === 'pending') pending_actions.set(next.ordinal, true);
    else pending_actions.delete(next.ordinal);
    if (actions.size <= ACTIONS_MAX) return;
    const oldest = actions.minKey()!;
    actions.delete(oldest);
    pending_actions.delete(oldest);
  }

  putNotice(next: NoticeRecord): void {
    const { notices } = this.tables;
    const last = notices.get(next.id);
    notices.set(next.id, next);
    indexNotice(this.tables, last, next);
  }

  /** Forgets the notices that ended up to this entry of `notices_ended`. */
  forgetNotices(through: string): void {
    const { notices, notices_ended } = this.tables;
    const gone: NoticeRecord[] = [];
    notices_ended.forRange('', through, true, (_key, id) => {
      const notice = notices.get(id);
      if (notice) gone.push(notice);
    });
    for (const notice of gone) {
      notices.delete(notice.id);
      indexNotice(this.tables, notice, undefined);
    }
  }

  /** Forgets what is said to others of this job, and the trouble of webhooks to which nothing waits any more. */
  removeNoticesOf(job_id: string): void {
    const { notices, notices_waiting } = this.tables;
    const gone: NoticeRecord[] = [];
    const prefix = noticePrefix(job_id);
    for (const [id, notice] of notices.entries(prefix)) {
      if (!id.startsWith(prefix)) break;
      if (notice.content.kind === 'job' && notice.content.job.job_id === job_id) gone.push(notice);
    }
    for (const notice of gone) {
      notices.delete(notice.id);
      indexNotice(this.tables, notice, undefined);
      if (!notices_waiting.has(notice.destination)) this.removeTrouble(notice.destination);
    }
  }

  putPass(next: PassRecord): void {
    this.removePass(next.id);
    this.tables.passes.set(next.id, next);
    this.tables.passes_by_end.set(passEndKey(next), next.id);
  }

  removePass(id: string): void {
    const last = this.tables.passes.get(id);
    if (!last) return;
    this.tables.passes.delete(id);
    this.tables.passes_by_end.delete(passEndKey(last));
  }

  forgetPassesEndedBy(at_ms: number): void {
    const gone: string[] = [];
    this.tables.passes_by_end.forRange('', passesEndedBy(at_ms), true, (_key, id) => gone.push(id));
    for (const id of gone) this.removePass(id);
  }

  putTrouble(next: DestinationTrouble): void {
    indexTrouble(this.tables, next.destination, next);
  }

  removeTrouble(destination: string): void {
    if (this.tables.troubles.has(destination)) indexTrouble(this.tables, destination, undefined);
  }

  /** Of too many groups, the one that has rested longest is forgotten. */
  putPace(key: string, record: PaceRecord): void {
    const { paces } = this.tables;
    paces.set(key, record);
    if (paces.size <= GROUPS_MAX) return;
    let [oldest, oldest_ms] = [key, record.at_ms];
    for (const [other, { at_ms }] of paces.entries()) if (at_ms < oldest_ms) [oldest, oldest_ms] = [other, at_ms];
    paces.delete(oldest);
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

  /** `job_ids`: all that it has. They are found through it until the index covers it. */
  putPack(pack: PackRecord, job_ids: readonly string[]): void {
    this.tables.packs.set(pack.key, pack);
    this.tables.unindexed.set(pack.key, job_ids);
    const { packed_recently } = this.tables;
    const stale = new Set(pack.stale);
    for (const job_id of job_ids) {
      if (stale.has(job_id)) continue;
      const older = packed_recently.get(job_id);
      if (older !== undefined) this.outdate(older, job_id);
      packed_recently.set(job_id, pack.key);
    }
  }

  /** Whether the job has left memory since this segment, or the index may no longer lead to where it was then. */
  hasBeenArchivedSince(job_id: string, seq: number): boolean {
    const { packs, packed_recently } = this.tables;
    const key = packed_recently.get(job_id);
    return this.scalars.archive_seq > seq || (key !== undefined && (packs.get(key)?.seq ?? 0) > seq);
  }

  /** The record in this pack no longer counts: the job has returned to memory. */
  outdate(key: string, job_id: string): void {
    const { packs, packed_recently } = this.tables;
    const pack = packs.get(key);
    if (!pack) return;
    packs.set(key, { ...pack, stale: [...pack.stale, job_id] });
    if (packed_recently.get(job_id) === key) packed_recently.delete(job_id);
  }

  /** From now on the index has these jobs, or another pack. */
  settlePack(key: string): void {
    const { unindexed, packed_recently } = this.tables;
    for (const job_id of unindexed.get(key) ?? []) {
      if (packed_recently.get(job_id) === key) packed_recently.delete(job_id);
    }
    unindexed.delete(key);
  }

  removePack(key: string): void {
    this.settlePack(key);
    this.tables.packs.delete(key);
  }

  #countAble({ tenant }: WorkerRecord, sign: 1 | -1): void {
    this.fleet.able_workers += sign;
    if (tenant === undefined) return;
    this.fleet.able_of_tenants += sign;
    const { able_by_tenant } = this.tables;
    able_by_tenant.set(tenant, (able_by_tenant.get(tenant) ?? 0) + sign);
  }

  #countWorker(worker: WorkerRecord | undefined, sign: 1 | -1): void {
    if (!worker || worker.state === 'TERMINATED') return;
    this.fleet.live_workers += sign;
    if (worker.holds.length > 0) this.fleet.busy_workers += sign;
    else if (waits(worker)) this.fleet.idle_workers += sign;
    if (able(worker)) this.#countAble(worker, sign);
    const price = worker.location.spot_price;
    if (typeof price !== 'number') return;
    this.fleet.priced_workers += sign;
    this.fleet.price_micro_usd += sign * microUsd(price);
  }
}

const ZERO: Scalars = {
  seq: 0,
  at_ms: 0,
  next_ordinal: 0,
  passed_normal: 0,
  passed_low: 0,
  archived_jobs: 0,
  loose_jobs: 0,
  archive_seq: 0,
  throughput_factor: null,
  gauges: null,
  policies_paused: null,
  policies_resumed_ms: 0,
};

const NO_FLEET: Fleet = {
  live_workers: 0,
  busy_workers: 0,
  idle_workers: 0,
  able_workers: 0,
  able_of_tenants: 0,
  priced_workers: 0,
  price_micro_usd: 0,
};

function emptyTables(): Facts & Indexes {
  return {
    jobs: table(),
    workers: table(),
    alerts: table(),
    silences: table(),
    keys: table(),
    passes: table(),
    passes_by_end: table(),
    notices: table(),
    alert_groups: table(),
    troubles: table(),
    actions: table(),
    policy_counts: table(),
    commands: table(),
    minutes: table(),
    hours: table(),
    days: table(),
    packs: table(),
    unindexed: table(),
    archive_shards: table(),
    column_files: table(),
    column_strays: table(),
    erasures: table(),
    tallies: table(),
    paces: table(),
    promises: table(),
    shares: table(),
    tenants: table(),
    virtual_times: table(),
    usage: table(),
    lines: { high: table(), normal: table(), low: table() },
    line_sizes: { high: table(), normal: table(), low: table() },
    ready: { high: table(), normal: table(), low: table() },
    waiting_of: table(),
    running_of: table(),
    ready_weights: table(),
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
    dead_by_priority: { high: table(), normal: table(), low: table() },
    finished: table(),
    expiring: table(),
    jobs_by_worker: table(),
    off_track: { slow: table(), hung: table(), dead: table(), starved: table(), blocked: table() },
    timers: table(),
    report_timers: table(),
    workers_by_creation: table(),
    able_by_tenant: table(),
    alert_conditions: table(),
    pending_actions: table(),
    notices_due: table(),
    destinations_due: table(),
    notices_waiting: table(),
    notices_ended: table(),
    notices_by_creation: table(),
    commands_by_age: table(),
    packed_recently: table(),
  };
}

function cloneAll<T extends Record<string, { clone(): unknown }>>(tables: T): T {
  const copy: Record<string, unknown> = {};
  for (const name in tables) copy[name] = tables[name]!.clone();
  return copy as T;
}
