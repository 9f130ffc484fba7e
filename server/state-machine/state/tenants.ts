/**
 * The records of tenants, and the lines in which their jobs wait.
 *
 * Inside a class tenants are served by start-time fair queueing: each has a tag, the virtual time at which its next job is
 * due, and the least tag goes first. A job moves the tag by COST / weight, so that who has twice the weight gets twice the
 * jobs. A tenant that comes back begins at the present virtual time: it has saved up nothing, and owes nothing.
 *
 * All of this is kept once the store knows a tenant, or a job that requires something of its worker. Until then there is one
 * line, in the order of entry.
 */
import { PRIORITIES, type Priority } from '../../../protocol/job.ts';
import { DEFAULT_TENANT } from '../../../protocol/tenant-id.ts';
import type { SortedMap } from '../../sorted-map.ts';
import { claimable, pad } from './job-indexes.ts';
import { type Limits, NO_LIMITS } from './limits.ts';
import { type JobRecord, running, runsElsewhere, tenantOf } from './records.ts';
import { type Requirement, requirementOf } from './requirement.ts';
import type { State } from './state.ts';

export const TENANTS_MAX = 10_000;
export const WEIGHT_MAX = 1_000;
/** Virtual time of one job, divided by the weight of its tenant. */
const COST = 1_000_000;

export type TenantRecord = {
  id: string;
  version: number;
  /** Its part of the jobs, in relation to the weights of others. */
  weight: number;
  limits: Limits;
  /** Null: its jobs are handed out. */
  paused_ms: number | null;
  /** For each class, the virtual time at which its next job is due. */
  tags: { readonly [P in Priority]: number };
};

type ByClass<V> = { readonly [P in Priority]: SortedMap<string, V> };

/** Derived from the jobs and the records of tenants. */
export type TenantIndexes = {
  /**
   * `tenant|key|requirement|place` → id of a job that may be claimed; the key is empty if it does not limit what runs at once,
   * the requirement is empty if any worker will do.
   */
  lines: ByClass<string>;
  /** `tenant|key|requirement` → how many jobs there are in this line. */
  line_sizes: ByClass<number>;
  /** `tag|tenant` → the tenant, if one of its jobs may be handed out. */
  ready: ByClass<string>;
  /** `tenant|class` → jobs that may be claimed. */
  waiting_of: SortedMap<string, number>;
  /** `tenant` and `tenant|key` → jobs that workers hold. */
  running_of: SortedMap<string, number>;
  /** Class → sum of the weights of those that are ready. */
  ready_weights: SortedMap<Priority, number>;
};

/** Whether tenants are told apart. */
export const hasTenants = ({ tables }: State): boolean => tables.tenants.size > 0;

export function newTenant(id: string, version: number): TenantRecord {
  return { id, version, weight: 1, limits: NO_LIMITS, paused_ms: null, tags: { high: 0, normal: 0, low: 0 } };
}

/** Makes the tenant known. With the first one, lines begin to be kept. */
export function ensureTenant(state: State, id: string): TenantRecord {
  const { tenants } = state.tables;
  const known = tenants.get(id);
  if (known) return known;
  const first = !hasTenants(state);
  const made = newTenant(id, state.seq);
  tenants.set(id, made);
  if (first) {
    if (id !== DEFAULT_TENANT) tenants.set(DEFAULT_TENANT, newTenant(DEFAULT_TENANT, state.seq));
    deriveLines(state);
  }
  return made;
}

/** Builds the indexes, after the records have been restored. */
export function deriveLines(state: State): void {
  if (!hasTenants(state)) return;
  const { jobs_by_state, waiting } = state.tables;
  for (const priority of PRIORITIES) {
    for (const job_id of waiting[priority].values()) enter(state, state.job(job_id)!, 1);
  }
  for (const name of ['PROCESSING', 'CANCELLING'] as const) {
    for (const job_id of jobs_by_state[name].values()) {
      const job = state.job(job_id)!;
      if (!runsElsewhere(job)) countRunning(state, job, 1);
    }
  }
  for (const tenant of state.tables.tenants.values()) refresh(state, tenant);
}

/** Called with each change of a job. */
export function indexTenant(state: State, last: JobRecord | undefined, next: JobRecord | undefined): void {
  const [waited, waits] = [last !== undefined && claimable(last), next !== undefined && claimable(next)];
  const [ran, runs] = [last !== undefined && holds(last), next !== undefined && holds(next)];
  const moved = waited && waits && (last!.place !== next!.place || last!.priority !== next!.priority);
  if (waited === waits && ran === runs && !moved) return;
  const job = (next ?? last)!;
  if (waited) enter(state, last!, -1);
  if (waits) enter(state, next!, 1);
  if (ran !== runs) countRunning(state, job, runs ? 1 : -1);
  const tenant = ensureTenant(state, tenantOf(job));
  // Without a limit it does not matter to others how many run.
  const limited = tenant.limits.max_running !== null || job.limited === true;
  if (moved || (ran !== runs && limited)) refresh(state, tenant);
  else if (waited !== waits) refresh(state, tenant, [job.priority]);
}

const holds = (job: JobRecord): boolean => running(job.state) && !runsElsewhere(job);

/** Of the jobs of a key that may run only so many at once; empty for all others of the tenant. */
const keyOf = ({ limited, submitted_by }: JobRecord): string => (limited ? (submitted_by ?? '') : '');

/** Whose jobs count when a key limits how many run at once: `tenant|key`. */
export const holderOf = (job: JobRecord): string => `${tenantOf(job)}|${keyOf(job)}`;

export const lineOf = (job: JobRecord): string => `${holderOf(job)}|${requirementOf(job)}`;

export const holderIn = (line: string): string => line.slice(0, line.lastIndexOf('|'));
export const requirementIn = (line: string): Requirement => line.slice(line.lastIndexOf('|') + 1);

function enter(state: State, job: JobRecord, sign: 1 | -1): void {
  const { lines, line_sizes, waiting_of } = state.tables;
  const line = lineOf(job);
  const key = `${line}|${pad(job.place)}`;
  if (sign === 1) lines[job.priority].set(key, job.job_id);
  else lines[job.priority].delete(key);
  add(line_sizes[job.priority], line, sign);
  add(waiting_of, `${tenantOf(job)}|${job.priority}`, sign);
}

function countRunning(state: State, job: JobRecord, sign: 1 | -1): void {
  const { running_of } = state.tables;
  add(running_of, tenantOf(job), sign);
  if (job.limited) add(running_of, holderOf(job), sign);
}

function add<K extends string>(counts: SortedMap<K, number>, name: K, by: number): void {
  const count = (counts.get(name) ?? 0) + by;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}

/** Makes the tenant ready in the classes in which one of its jobs may be handed out, and in no others of these. */
function refresh(state: State, tenant: TenantRecord, priorities: readonly Priority[] = PRIORITIES): void {
  for (const priority of priorities) {
    const due = isDue(state, tenant, priority);
    if (state.tables.ready[priority].has(readyKey(tenant, priority)) !== due) setReady(state, tenant, priority, due);
  }
}

/** Changes the record, keeping its place in the order. */
export function putTenant(state: State, next: TenantRecord): void {
  const last = ensureTenant(state, next.id);
  for (const priority of PRIORITIES) {
    if (state.tables.ready[priority].has(readyKey(last, priority))) setReady(state, last, priority, false);
  }
  const placed = { ...next, tags: reweighted(state, last, next.weight) };
  state.tables.tenants.set(next.id, placed);
  refresh(state, placed);
}

/** What it had in advance stays the same number of jobs. */
function reweighted({ tables }: State, { tags, weight }: TenantRecord, next: number): TenantRecord['tags'] {
  if (weight === next) return tags;
  const of = (priority: Priority) => {
    const now = tables.virtual_times.get(priority) ?? 0;
    return Math.round(now + Math.max(0, tags[priority] - now) * (weight / next));
  };
  return { high: of('high'), normal: of('normal'), low: of('low') };
}

/** Forgets a tenant that has neither jobs in the queue nor running ones, which has no settings any more. */
export function forgetTenant(state: State, id: string): void {
  const { tenants, waiting_of, running_of } = state.tables;
  const waits = PRIORITIES.some((priority) => waiting_of.has(`${id}|${priority}`));
  if (id !== DEFAULT_TENANT && !waits && !running_of.has(id)) tenants.delete(id);
}

/** A job of this tenant and class is handed out to a worker that serves all: the next one is due later. */
export function serve(state: State, job: JobRecord): void {
  const { tables } = state;
  const { priority } = job;
  const tenant = ensureTenant(state, tenantOf(job));
  const due = tenant.tags[priority];
  // The tenant may lie behind: it had no jobs, or none for the workers that asked. It has saved up nothing by that.
  const now = Math.max(tables.virtual_times.get(priority) ?? 0, due);
  tables.virtual_times.set(priority, now);
  const ready = tables.ready[priority].has(readyKey(tenant, priority));
  if (ready) setReady(state, tenant, priority, false);
  const next = retag(state, tenant, priority, after(now, tenant.weight));
  if (ready) setReady(state, next, priority, true);
}

/** The tag after one more job. */
export const after = (tag: number, weight: number): number => tag + Math.max(1, Math.round(COST / weight));

function retag(state: State, tenant: TenantRecord, priority: Priority, tag: number): TenantRecord {
  const next = { ...tenant, tags: { ...tenant.tags, [priority]: tag } };
  state.tables.tenants.set(tenant.id, next);
  return next;
}

function setReady(state: State, tenant: TenantRecord, priority: Priority, ready: boolean): void {
  const key = readyKey(tenant, priority);
  if (ready) state.tables.ready[priority].set(key, tenant.id);
  else state.tables.ready[priority].delete(key);
  add(state.tables.ready_weights, priority, ready ? tenant.weight : -tenant.weight);
}

export const readyKey = ({ id, tags }: TenantRecord, priority: Priority): string => keyAt(tags[priority], id);

export const keyAt = (tag: number, id: string): string => `${pad(tag)}|${id}`;
export const tagIn = (key: string): number => Number.parseInt(key.slice(0, key.indexOf('|')), 36);

/** Whether the tenant may have one more job running. `taken`: besides those that run. */
export function mayRun({ tables }: State, { id, limits, paused_ms }: TenantRecord, taken = 0): boolean {
  if (paused_ms !== null) return false;
  return limits.max_running === null || (tables.running_of.get(id) ?? 0) + taken < limits.max_running;
}

/** Whether one of its jobs may be handed out. */
function isDue(state: State, tenant: TenantRecord, priority: Priority): boolean {
  if (!mayRun(state, tenant)) return false;
  for (const line of linesOf(state, tenant.id, priority)) if (hasRoom(state, holderIn(line))) return true;
  return false;
}

/** Whether one more job of this holder may run, as far as its key limits that. */
export function hasRoom({ tables }: State, holder: string, taken = 0): boolean {
  const key = holder.slice(holder.indexOf('|') + 1);
  if (key === '') return true;
  const max = tables.keys.get(key.replace(/^key:/, ''))?.limits?.max_running ?? null;
  return max === null || (tables.running_of.get(holder) ?? 0) + taken < max;
}

/** The lines of a tenant in which jobs wait. */
export function* linesOf({ tables }: State, tenant: string, priority: Priority): Generator<string> {
  const prefix = `${tenant}|`;
  for (const line of tables.line_sizes[priority].keys(prefix)) {
    if (!line.startsWith(prefix)) return;
    yield line;
  }
}

/** The jobs of a line, in the order of entry. */
export function* jobsIn({ tables }: State, line: string, priority: Priority): Generator<readonly [string, string]> {
  for (const [key, job_id] of tables.lines[priority].entries(`${line}|`)) {
    if (!key.startsWith(`${line}|`)) return;
    yield [key.slice(line.length + 1), job_id];
  }
}
