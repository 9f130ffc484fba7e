/**
 * What must hold of every job that is handed out, found without the tags of the product: by counting what each tenant had
 * since it could have had something.
 */
import { PRIORITIES, type Priority } from '../../../protocol/job.ts';
import { claimable } from '../../../server/state-machine/state/job-indexes.ts';
import { type JobRecord, running, tenantOf } from '../../../server/state-machine/state/records.ts';
import type { State } from '../../../server/state-machine/state/state.ts';
import { dayOf } from '../../../server/state-machine/state/usage.ts';

type Violate = (invariant: string, message: string) => void;
type Served = Map<string, number>;

const weightOf = ({ tables }: State, tenant: string): number => tables.tenants.get(tenant)?.weight ?? 1;

export class TenantAudit {
  readonly #violate: Violate;
  /** Jobs that workers of all tenants have taken, by tenant, for each class. */
  readonly #served: Record<Priority, Served> = { high: new Map(), normal: new Map(), low: new Map() };
  /** What all had when this tenant could have a job, and could ever since. */
  readonly #since: Record<Priority, Map<string, Served>> = { high: new Map(), normal: new Map(), low: new Map() };

  constructor(violate: Violate) {
    this.#violate = violate;
  }

  /** Before each claim, and after each other step. */
  look(state: State): void {
    for (const priority of PRIORITIES) {
      const due = new Set(this.#due(state, priority));
      const since = this.#since[priority];
      for (const tenant of since.keys()) if (!due.has(tenant)) since.delete(tenant);
      for (const tenant of due) if (!since.has(tenant)) since.set(tenant, new Map(this.#served[priority]));
    }
  }

  /** Its weight has changed: what it had before says nothing about what it is to have. */
  forget(tenant: string): void {
    for (const priority of PRIORITIES) this.#since[priority].delete(tenant);
  }

  /** `job`: as it waited in `before`. */
  assigned(before: State, job: JobRecord, worker_id: string): void {
    const tenant = tenantOf(job);
    const worker = before.worker(worker_id);
    if (worker?.tenant !== undefined && worker.tenant !== tenant)
      this.#violate('own', `${worker_id} serves ${worker.tenant}, and was handed ${job.job_id} of ${tenant}`);
    if (!this.#mayRun(before, job))
      this.#violate('limit', `${job.job_id} was handed out, although ${tenant} or its key is paused or at its limit`);
    const first = this.#firstOf(before, tenant, job.priority);
    if (first && first.job_id !== job.job_id)
      this.#violate('order', `${job.job_id} was handed out before ${first.job_id} of ${tenant}`);
    if (worker?.tenant !== undefined) return;
    const served = this.#served[job.priority];
    served.set(tenant, (served.get(tenant) ?? 0) + 1);
    this.#compare(before, job.priority, tenant);
  }

  /** A worker of all tenants got nothing. */
  nothing(state: State): void {
    for (const priority of PRIORITIES) {
      const [tenant] = this.#due(state, priority);
      if (tenant !== undefined)
        this.#violate('work', `a worker got nothing, although a job of ${tenant} may be handed out`);
    }
  }

  /** No tenant has more, in relation to its weight, than another that could have a job just as long. */
  #compare(state: State, priority: Priority, ahead: string): void {
    const served = this.#served[priority];
    const from = this.#since[priority].get(ahead);
    if (!from) return;
    for (const [behind, from_behind] of this.#since[priority]) {
      if (behind === ahead) continue;
      const had = (name: string) =>
        ((served.get(name) ?? 0) - Math.max(from.get(name) ?? 0, from_behind.get(name) ?? 0)) / weightOf(state, name);
      const bound = 1 / weightOf(state, ahead) + 1 / weightOf(state, behind);
      if (had(ahead) - had(behind) > bound + 1e-3)
        this.#violate(
          'share',
          `${ahead} had ${had(ahead)} jobs a weight of class ${priority}, ${behind} ${had(behind)}`,
        );
    }
  }

  /** Tenants with a job of this class that may be handed out. */
  #due(state: State, priority: Priority): string[] {
    const due = new Set<string>();
    for (const job_id of state.tables.waiting[priority].values()) {
      const job = state.job(job_id)!;
      if (this.#mayRun(state, job)) due.add(tenantOf(job));
    }
    return [...due];
  }

  #firstOf(state: State, tenant: string, priority: Priority): JobRecord | undefined {
    for (const job_id of state.tables.waiting[priority].values()) {
      const job = state.job(job_id)!;
      if (tenantOf(job) === tenant && this.#mayRun(state, job)) return job;
    }
    return undefined;
  }

  #mayRun(state: State, job: JobRecord): boolean {
    const tenant = tenantOf(job);
    const { paused_ms = null, limits } = state.tables.tenants.get(tenant) ?? {};
    const key = state.tables.keys.get(job.submitted_by?.slice('key:'.length) ?? '');
    const key_max = job.limited ? (key?.limits?.max_running ?? null) : null;
    const all = [...state.tables.jobs.values()].filter((one) => running(one.state) && tenantOf(one) === tenant);
    const of_key = all.filter((one) => one.submitted_by === job.submitted_by && one.limited === job.limited);
    return (
      claimable(job) &&
      paused_ms === null &&
      (limits?.max_running == null || all.length < limits.max_running) &&
      (key_max === null || of_key.length < key_max)
    );
  }

  /** Counted from the jobs themselves, which are all in memory. */
  quotas(state: State, at_ms: number): void {
    const today = [...state.tables.jobs.values()].filter((job) => dayOf(job.created_ms) === dayOf(at_ms));
    for (const { id } of state.tables.tenants.values()) {
      const jobs = today.filter((job) => tenantOf(job) === id).length;
      const used = state.tables.usage.get(`tenant|${id}`);
      const counted = used?.day === dayOf(at_ms) ? used.jobs : 0;
      if (counted !== jobs) this.#violate('quota', `${id} submitted ${jobs} jobs today, and ${counted} are counted`);
    }
  }
}
