/**
 * The jobs of one class in the order in which they would be handed out now: between tenants by their tags, within a tenant
 * first in, first out, passing over keys that have as many jobs running as they may. Looks ahead without changing the state;
 * each choice takes a time that grows with the logarithm of the number of tenants.
 */
import type { Priority } from '../../../protocol/job.ts';
import { SortedMap } from '../../sorted-map.ts';
import { type JobRecord, tenantOf } from './records.ts';
import type { Requirement } from './requirement.ts';
import type { State } from './state.ts';
import { after, hasRoom, holderOf, jobsIn, keyAt, linesOf, mayRun, readyKey, requirementIn, tagIn } from './tenants.ts';

/** What the limits still allow while several jobs are chosen at once. */
export class Room {
  readonly #state: State;
  readonly #taken = new Map<string, number>();

  constructor(state: State) {
    this.#state = state;
  }

  has(job: JobRecord): boolean {
    const tenant = this.#state.tables.tenants.get(tenantOf(job));
    if (tenant === undefined) return true;
    return mayRun(this.#state, tenant, this.#taken.get(tenant.id)) && this.#hasHolder(holderOf(job));
  }

  #hasHolder(holder: string): boolean {
    return hasRoom(this.#state, holder, this.#taken.get(holder));
  }

  take(job: JobRecord): void {
    for (const name of [tenantOf(job), holderOf(job)]) this.#taken.set(name, (this.#taken.get(name) ?? 0) + 1);
  }
}

type Line = { entries: Iterator<readonly [string, string]>; head: readonly [string, string] | undefined };

export type FairOptions = {
  room: Room;
  /** Serves the jobs of this tenant alone; undefined: those of all. */
  tenant: string | undefined;
  isFor: (job: JobRecord) => boolean;
  /** Whether it is for jobs that require this. */
  meets: (requirement: Requirement) => boolean;
  /** How many jobs of a tenant may be passed over because they are for other workers. */
  passed_max: number;
};

export class FairLine {
  /** How many wait, for whomever. */
  waiting: number;
  readonly #state: State;
  readonly #priority: Priority;
  readonly #options: FairOptions;
  readonly #ready: SortedMap<string, string>;
  /** The virtual time; see tenants.ts. */
  #now: number;
  readonly #lines = new Map<string, Line[]>();
  readonly #passed = new Map<string, number>();
  #next: { job: JobRecord; line: Line; key: string } | undefined;

  constructor(state: State, priority: Priority, options: FairOptions) {
    this.#state = state;
    this.#priority = priority;
    this.#options = options;
    this.#ready = readyFor(state, priority, options.tenant);
    this.waiting = state.tables.waiting[priority].size;
    this.#now = state.tables.virtual_times.get(priority) ?? 0;
  }

  /** The next job; undefined if there is none. */
  peek(): JobRecord | undefined {
    const { room } = this.#options;
    if (this.#next && room.has(this.#next.job)) return this.#next.job;
    this.#next = undefined;
    for (;;) {
      const key = this.#ready.minKey();
      if (key === undefined) return undefined;
      const tenant = this.#ready.get(key)!;
      const line = this.#firstLine(tenant);
      const passed = this.#passed.get(tenant) ?? 0;
      if (line === undefined || passed > this.#options.passed_max) {
        this.#ready.delete(key);
        continue;
      }
      const job = this.#state.job(line.head![1])!;
      if (this.#options.isFor(job)) {
        this.#next = { job, line, key };
        return job;
      }
      this.#passed.set(tenant, passed + 1);
      advance(line);
    }
  }

  /** Takes the job that `peek` has returned. */
  take(): JobRecord {
    const { job, line, key } = this.#next!;
    this.#next = undefined;
    this.#options.room.take(job);
    this.waiting -= 1;
    advance(line);
    const id = tenantOf(job);
    this.#ready.delete(key);
    this.#now = Math.max(this.#now, tagIn(key));
    this.#ready.set(keyAt(after(this.#now, this.#state.tables.tenants.get(id)!.weight), id), id);
    return job;
  }

  /** The line of the tenant whose first job came first, of those that may have one more running. */
  #firstLine(tenant: string): Line | undefined {
    const { room } = this.#options;
    const known = this.#lines.get(tenant) ?? this.#open(tenant);
    this.#lines.set(tenant, known);
    let first: Line | undefined;
    for (const line of known) {
      if (line.head === undefined || (first && line.head[0] >= first.head![0])) continue;
      if (room.has(this.#state.job(line.head[1])!)) first = line;
    }
    return first;
  }

  #open(tenant: string): Line[] {
    const lines: Line[] = [];
    for (const name of linesOf(this.#state, tenant, this.#priority)) {
      if (!this.#options.meets(requirementIn(name))) continue;
      const line: Line = { entries: jobsIn(this.#state, name, this.#priority), head: undefined };
      advance(line);
      lines.push(line);
    }
    return lines;
  }
}

function readyFor({ tables }: State, priority: Priority, only: string | undefined): SortedMap<string, string> {
  const ready = tables.ready[priority];
  if (only === undefined) return ready.clone();
  const tenant = tables.tenants.get(only);
  const key = tenant && readyKey(tenant, priority);
  return key !== undefined && ready.has(key) ? SortedMap.of([key], [only]) : SortedMap.of<string, string>([], []);
}

function advance(line: Line): void {
  const { value, done } = line.entries.next();
  line.head = done ? undefined : value;
}
