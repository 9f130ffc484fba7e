/**
 * Decisions about claims: which jobs a worker gets.
 *
 * A job goes to a worker that has not failed it before, if one can be counted on; nobody else may have it for
 * `elsewhere_ms`. A claim passes over at most PASSED_MAX such jobs of a class, and looks at no worker but those that failed them.
 */
import type { Priority } from '../../../protocol/job.ts';
import { runEnd } from '../../verdicts/expected.ts';
import { hardwareOf } from '../apply/job.ts';
import type { Event } from '../events.ts';
import { allowance, suspended } from '../state/able.ts';
import { isAble } from '../state/able-for.ts';
import { nextClass, passedOver } from '../state/class-order.ts';
import { FairLine, Room } from '../state/fair-line.ts';
import { expectedOf } from '../state/pace.ts';
import { type JobRecord, tenantOf, type WorkerRecord } from '../state/records.ts';
import { meets, type Requirement, requirementOf } from '../state/requirement.ts';
import { endedRuns, isFailure } from '../state/runs.ts';
import type { State } from '../state/state.ts';
import { hasTenants } from '../state/tenants.ts';
import type { CommandBody } from './commands.ts';
import type { Context, Decision } from './decision.ts';
import { estimateCost, workerNotFound, workerTerminated } from './jobs.ts';
import { claimsOf } from './messages.ts';

/** Jobs of each class that one claim may pass over because they are for other workers. */
const PASSED_MAX = 100;

export function claimJobs(
  state: State,
  body: CommandBody & { type: 'claim_jobs' },
  { at_ms, policy }: Context,
): Decision {
  const worker = state.worker(body.worker_id);
  if (!worker || worker.reported || (body.tenant !== undefined && worker.tenant !== body.tenant)) {
    return workerNotFound(body.worker_id);
  }
  if (worker.state === 'TERMINATED') return workerTerminated(worker);
  if (worker.state === 'DRAINING' || worker.state === 'RESTARTING') return { events: [] };
  const hardware = hardwareOf(worker);
  const expected = expectedOf(state, hardware);
  const endOf = (job: JobRecord) => {
    const end = runEnd(state, hardware, job, at_ms);
    return end === null ? {} : { end };
  };
  const assigned = (job: JobRecord): Event => ({
    type: 'JobAssigned',
    entity: job.job_id,
    data: {
      worker_id: worker.worker_id,
      instance_id: worker.instance_id,
      attempt: job.attempt,
      token: leaseToken(job, body.secret),
      expires_ms: at_ms + policy.lease_ms,
      estimated_cost_usd: job.estimated_cost_usd ?? estimateCost(state, job.duration_seconds),
      expected,
      ...endOf(job),
    },
  });
  const context = { at_ms, policy };
  if (body.messages) {
    const allowed = claimsOf(state, body.messages).filter(({ job }) => mayTake(state, worker, job, context));
    if (suspended(worker))
      allowed.sort((a, b) => Number(isFailedBy(worker, a.job)) - Number(isFailedBy(worker, b.job)));
    const room = new Room(state);
    const claims = allowed.filter(({ job }) => {
      const has = room.has(job);
      if (has) room.take(job);
      return has;
    });
    claims.splice(allowance(worker, claims.length, at_ms));
    return { events: claims.flatMap(({ job, events }) => [...events, assigned(job)]) };
  }
  return { events: nextJobs(state, worker, body.max_jobs, context).map(assigned) };
}

/** Includes job and attempt, so that an older attempt's token never equals a newer one's. */
export function leaseToken(job: JobRecord, secret: string): string {
  return `${job.job_id}.${job.attempt}.${secret}`;
}

/** Whether the worker would get a job now. */
export function couldClaim(state: State, worker_id: string, context: Context): boolean {
  const worker = state.worker(worker_id);
  // The claim itself says what is wrong with an unknown one.
  return !worker || nextJobs(state, worker, 1, context).length > 0;
}

/** Whether the worker may have this job, as far as its tenant, what the job requires and earlier attempts matter. */
export function mayTake(state: State, worker: WorkerRecord, job: JobRecord, { at_ms, policy }: Context): boolean {
  if (worker.tenant !== undefined && worker.tenant !== tenantOf(job)) return false;
  const requirement = requirementOf(job);
  if (!meets(worker, requirement)) return false;
  if (!isFailedBy(worker, job)) return true;
  if (at_ms - job.queued_ms >= policy.elsewhere_ms) return true;
  const failed = failedOn(job);
  return !isAble(state, tenantOf(job), requirement, failed);
}

function isFailedBy({ worker_id }: WorkerRecord, job: JobRecord): boolean {
  for (const run of endedRuns(job)) if (run.worker_id === worker_id && isFailure(run)) return true;
  return false;
}

function failedOn(job: JobRecord): Set<string> {
  const workers = new Set<string>();
  for (const run of endedRuns(job)) if (isFailure(run)) workers.add(run.worker_id);
  return workers;
}

/** The next jobs to hand out to the worker. */
function nextJobs(state: State, worker: WorkerRecord, asked: number, context: Context): JobRecord[] {
  const count = allowance(worker, asked, context.at_ms);
  if (count === 0) return [];
  const may = (job: JobRecord) => mayTake(state, worker, job, context);
  // The job of a trial is one that the worker has not failed, if there is one: that shows what the worker can do.
  const meetsThis = (requirement: Requirement) => meets(worker, requirement);
  const choice = { count, tenant: worker.tenant, passes_max: context.policy.passes_max, meets: meetsThis };
  const isFresh = (job: JobRecord) => may(job) && !isFailedBy(worker, job);
  const fresh = suspended(worker) ? inOrder(state, { ...choice, isFor: isFresh }) : [];
  return fresh.length > 0 ? fresh : inOrder(state, { ...choice, isFor: may });
}

type Choice = {
  count: number;
  /** Of a worker that serves one alone. */
  tenant: string | undefined;
  passes_max: number;
  isFor: (job: JobRecord) => boolean;
  meets: (requirement: Requirement) => boolean;
};

/** The first jobs: by class, see class-order.ts; within a class by tenant, see tenants.ts; then first in, first out. */
function inOrder(state: State, { count, tenant, passes_max, isFor, meets }: Choice): JobRecord[] {
  const room = new Room(state);
  const options = { room, tenant, isFor, meets, passed_max: PASSED_MAX };
  const fair = hasTenants(state);
  const lineOf = (priority: Priority) =>
    fair ? new FairLine(state, priority, options) : new OneLine(state, priority, isFor);
  const heads = { high: lineOf('high'), normal: lineOf('normal'), low: lineOf('low') };
  let passes = { passed_normal: state.scalars.passed_normal, passed_low: state.scalars.passed_low };
  const jobs: JobRecord[] = [];
  while (jobs.length < count) {
    const served = nextClass(passes, passes_max, (priority) => heads[priority].peek() !== undefined);
    if (!served) break;
    jobs.push(heads[served].take());
    passes = passedOver(passes, served, heads.normal.waiting > 0, heads.low.waiting > 0);
  }
  return jobs;
}

/** The jobs of a class in the order of entry, without those that the worker may not have. */
class OneLine {
  /** How many wait, for whomever. */
  waiting: number;
  readonly #state: State;
  readonly #isFor: (job: JobRecord) => boolean;
  readonly #places: Iterator<string>;
  #passed = 0;
  #next: JobRecord | undefined;

  constructor(state: State, priority: Priority, isFor: (job: JobRecord) => boolean) {
    const table = state.tables.waiting[priority];
    this.waiting = table.size;
    this.#state = state;
    this.#isFor = isFor;
    this.#places = table.values();
    this.#advance();
  }

  peek(): JobRecord | undefined {
    return this.#next;
  }

  take(): JobRecord {
    const job = this.#next!;
    this.waiting -= 1;
    this.#advance();
    return job;
  }

  #advance(): void {
    this.#next = undefined;
    while (this.#passed <= PASSED_MAX) {
      const next = this.#places.next();
      if (next.done) return;
      const job = this.#state.job(next.value)!;
      if (this.#isFor(job)) {
        this.#next = job;
        return;
      }
      this.#passed += 1;
    }
  }
}
