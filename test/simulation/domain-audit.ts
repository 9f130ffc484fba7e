/** Rules that the log must never break about jobs, workers and leases, whichever instance decided. */
import type { JobStateName } from '../../protocol/job.ts';
import { applyJobEvent } from '../../server/state-machine/apply/job.ts';
import { observe } from '../../server/state-machine/apply/observed.ts';
import { applyWorkerEvent } from '../../server/state-machine/apply/worker.ts';
import type { Command } from '../../server/state-machine/decide/commands.ts';
import type { Event, JobEvent, JournalEvent, WorkerEvent } from '../../server/state-machine/events.ts';
import { fingerprintOf } from '../../server/state-machine/state/alerts.ts';
import { jobDue } from '../../server/state-machine/state/job-indexes.ts';
import { finished, type JobRecord, running } from '../../server/state-machine/state/records.ts';
import { restore, snapshotRows } from '../../server/state-machine/state/snapshot.ts';
import type { State } from '../../server/state-machine/state/state.ts';
import { auditClaim } from './claim-audit.ts';
import { ELSEWHERE_MS } from './plan.ts';
import type { World } from './world.ts';

/** D4: the allowed transitions from each state. */
const NEXT: Record<JobStateName, readonly JobStateName[]> = {
  SUBMITTED: ['QUEUED', 'PROCESSING'],
  QUEUED: ['PROCESSING', 'CANCELLED'],
  PROCESSING: ['COMPLETED', 'FAILED', 'QUEUED', 'CANCELLING', 'CANCELLED', 'PROCESSING'],
  CANCELLING: ['CANCELLED'],
  COMPLETED: [],
  FAILED: ['QUEUED'],
  CANCELLED: ['QUEUED'],
};

/** One event, and the fold just before it. */
export function auditEvent(world: World, before: State, { type, entity, data }: JournalEvent, command?: Command): void {
  const event = { type, entity, data } as Event;
  const body = command?.body;
  auditApplicable(world, before, event);
  switch (event.type) {
    case 'JobAssigned': {
      const job = before.job(event.entity);
      if (job?.observed)
        world.violate('lease', `${entity}, which runs elsewhere, was handed to ${event.data.worker_id}`);
      if (job && (finished(job.state) || (running(job.state) && job.run?.ended_ms === null))) {
        world.violate('lease', `${entity} was handed to ${event.data.worker_id} while ${job.state}`);
      }
      const { worker_id } = event.data;
      if (job) auditClaim(world, before, { job, worker_id, at_ms: before.at_ms, elsewhere_ms: ELSEWHERE_MS });
      return;
    }
    case 'JobCompleted':
    case 'JobProgressed':
    case 'JobAttemptFailed': {
      const token = body && 'lease_token' in body ? body.lease_token : null;
      const reported = body?.type === 'report_progress' ? body.report.lease_token : token;
      const run = before.job(event.entity)?.run;
      if (reported !== null && run?.token !== reported) {
        world.violate('lease', `${event.type} of ${entity} by a stale token ${reported}; it is ${run?.token}`);
      }
      if (event.type === 'JobAttemptFailed' && event.data.error.code === 'lease_expired') {
        const expires_ms = run?.expires_ms ?? Number.POSITIVE_INFINITY;
        if (expires_ms > before.at_ms) {
          world.violate('lease', `the lease on ${entity} was ended ${expires_ms - before.at_ms} ms before its time`);
        }
      }
      return;
    }
    case 'JobObserved': {
      const job = before.job(entity);
      if (job && job.observed === null && job.run?.token !== null) {
        world.violate('lease', `a sighting changed ${entity}, which is of this queue`);
      }
      return;
    }
    case 'AlertPending':
    case 'AlertRaised': {
      const fingerprint = fingerprintOf(event.data.labels ?? {});
      const other = before.tables.alert_conditions.get(fingerprint);
      const alert = other === undefined ? undefined : before.tables.alerts.get(other);
      if (alert && (other !== entity || alert.fired_ms !== null)) {
        world.violate('alert', `${entity} was raised beside ${other}, which is about the same`);
      }
      return;
    }
    case 'WorkerBeat':
      for (const job_id of event.data.renewed) {
        const token = before.job(job_id)?.run?.token;
        if (body?.type === 'beat' && !(token && body.leases.includes(token))) {
          world.violate('lease', `a beat of ${entity} renewed the lease on ${job_id}, which it does not hold`);
        }
      }
      return;
    default:
      return;
  }
}

/** Applying skips events that it can't apply; no decided event may be one of them. */
function auditApplicable(world: World, before: State, event: Event): void {
  try {
    if (event.type === 'JobObserved') {
      observe(before.clone(), event);
    } else if (event.type.startsWith('Job') && event.type !== 'JobsArchived') {
      applyJobEvent(before.clone(), event as JobEvent);
    } else if (event.type.startsWith('Worker') && event.type !== 'WorkersArchived') {
      applyWorkerEvent(before.clone(), event as WorkerEvent);
    }
  } catch (error) {
    world.violate('I9', `${event.type} of ${event.entity} can't be applied: ${error}`);
  }
}

/** The whole fold at once; `indexes` are those computed from its rows. */
export function auditState(world: World, state: State, name: string, indexes: string): void {
  for (const job of state.tables.jobs.values()) auditJob(world, state, job, name);
  for (const worker of state.tables.workers.values()) {
    for (const { job_id } of worker.holds) {
      const job = state.job(job_id);
      if (!job || !running(job.state) || job.run?.worker_id !== worker.worker_id || job.run.ended_ms !== null) {
        world.violate('hold', `${name}: ${worker.worker_id} holds ${job_id}, which is ${job?.state} elsewhere`);
      }
    }
    if (new Set(worker.holds.map(({ job_id }) => job_id)).size !== worker.holds.length) {
      world.violate('hold', `${name}: ${worker.worker_id} holds a job twice`);
    }
  }
  const unresolved = [...state.tables.alerts.values()].filter(({ resolved_ms }) => resolved_ms === null);
  if (new Set(unresolved.map(({ fingerprint }) => fingerprint)).size !== unresolved.length) {
    world.violate('alert', `${name}: two unresolved alerts have the same fingerprint`);
  }
  for (const { id, until_resolved } of state.tables.silences.values()) {
    if (until_resolved && !unresolved.some((alert) => until_resolved.includes(alert.id))) {
      world.violate('silence', `${name}: ${id} goes on although its alerts are resolved`);
    }
  }
  if (indexesOf(state) !== indexes) {
    world.violate('index', `${name}: its indexes are not those of its rows: ${indexesOf(state)}, not ${indexes}`);
  }
}

function auditJob(world: World, state: State, job: JobRecord, name: string): void {
  const wrong = (what: string) => world.violate('job', `${name}: ${job.job_id} (${job.state}) ${what}`);
  if (job.attempt > job.max_attempts) wrong(`is at attempt ${job.attempt} of ${job.max_attempts}`);
  let last = job.history[0]!.state;
  for (const { state: next } of job.history.slice(1)) {
    // Sources report what they saw, in the order in which it was read.
    if (job.observed === null && !NEXT[last].includes(next)) wrong(`went from ${last} to ${next}`);
    last = next;
  }
  if (last !== job.state) wrong(`ends its history with ${last}`);
  if (running(job.state)) {
    if (!job.run || job.run.ended_ms !== null) wrong('runs without an attempt');
    // A worker that only reports may not have been known then.
    const worker = job.run?.token != null && state.worker(job.run.worker_id);
    if (worker && !worker.holds.some(({ job_id }) => job_id === job.job_id))
      wrong('is not among the jobs that its worker holds');
    const leased = job.run?.token !== null;
    if ((leased || job.state === 'CANCELLING') && jobDue(job) === null) wrong('has nothing that would ever end it');
  } else if (job.run && job.run.ended_ms === null) wrong('has an unfinished attempt');
  if (finished(job.state) !== (job.completed_ms !== null)) wrong(`has completed_ms ${job.completed_ms}`);
  if (job.dead && job.state !== 'FAILED') wrong('is in the dead-letter queue');
}

/** The tables that consist of rows; all others are computed from them. */
const FACTS: ReadonlySet<string> = new Set([
  'jobs',
  'workers',
  'alerts',
  'silences',
  'commands',
  'minutes',
  'hours',
  'days',
]);

/** Every index of the state, computed from these rows. */
export function rebuiltIndexes(state: State): string {
  return indexesOf(restore(snapshotRows(state)));
}

function indexesOf({ tables, fleet }: State): string {
  const names = Object.keys(tables).filter((name) => !FACTS.has(name));
  const indexes = names.sort().map((name) => [name, entriesOf(tables[name as keyof State['tables']])]);
  return JSON.stringify([indexes, fleet]);
}

function entriesOf(table: object): unknown {
  if ('entries' in table && typeof table.entries === 'function') {
    return [...(table as { entries(): Iterable<unknown> }).entries()];
  }
  const named = Object.entries(table as Record<string, object>).sort(([a], [b]) => (a < b ? -1 : 1));
  return named.map(([name, value]) => [name, entriesOf(value)]);
}
