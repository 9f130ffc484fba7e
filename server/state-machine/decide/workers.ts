/** Decisions about workers: registration, launch, heartbeats, draining, restart and termination. */
import {
  HEALTH_STATUSES,
  type HealthReport,
  type HealthStatus,
  type KnownCapabilities,
} from '../../../protocol/worker.ts';
import type { Event } from '../events.ts';
import { suspended } from '../state/able.ts';
import { isKilled, runsElsewhere, type WorkerRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import { type Context, type Decision, refuse } from './decision.ts';
import { endAttempt, heldJob, workerNotFound, workerTerminated } from './jobs.ts';

type Body<T extends CommandBody['type']> = CommandBody & { type: T };

export function registerWorker(state: State, body: Body<'register_worker'>, context: Context): Decision {
  const { at_ms, policy } = context;
  const { worker_id, registration, tenant } = body;
  const known = state.worker(worker_id);
  const data = {
    instance_id: registration.instance_id ?? known?.instance_id ?? null,
    capabilities: replacing<KnownCapabilities>(known?.capabilities, registration.capabilities),
    location: registration.location === undefined ? {} : replacing(known?.location, registration.location),
    check_ms: at_ms + policy.worker_degraded_ms,
    ...(tenant === undefined ? {} : { tenant }),
  };
  if (known && !known.reported && isSettled(known) && known.tenant === tenant && isKnown(known, data))
    return { events: [] };
  // A worker that returns from a restart holds no jobs.
  const restarted = known?.state === 'RESTARTING';
  const returned = restarted
    ? takeJobs(state, known, { code: 'worker_restarted', message: 'it was restarted', counts: false }, context)
    : [];
  return { events: [...returned, { type: 'WorkerRegistered', entity: worker_id, data }] };
}

const isSettled = (worker: WorkerRecord): boolean =>
  worker.state === 'IDLE' || worker.state === 'ACTIVE' || worker.state === 'DRAINING';

/** `given`, with null for each known field that it lacks, since applying merges them into the known ones. */
function replacing<T extends object>(known: T | undefined, given: T): T {
  const withdrawn = Object.entries(known ?? {}).flatMap(([name, value]) => (value === null ? [] : [[name, null]]));
  return { ...Object.fromEntries(withdrawn), ...given };
}

/** Whether the registration has nothing new. */
function isKnown(
  known: WorkerRecord,
  { instance_id, capabilities, location }: { instance_id: string | null; capabilities: object; location: object },
): boolean {
  const same = (one: unknown, other: unknown) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);
  const within = (part: object, whole: object) =>
    Object.entries(part).every(([name, value]) => same((whole as Record<string, unknown>)[name], value));
  return (
    known.instance_id === instance_id &&
    known.status === 'HEALTHY' &&
    within(capabilities, known.capabilities) &&
    within(location, known.location)
  );
}

export function launchWorker(state: State, body: Body<'launch_worker'>, { at_ms, policy }: Context): Decision {
  const { worker_id, launch, found } = body;
  if (found && isClaimed(state, found.instance_id)) return { events: [] };
  if (state.worker(worker_id)) return refuse('conflict', 'worker_exists', `worker ${worker_id} already exists`);
  return {
    events: [
      {
        type: 'WorkerLaunched',
        entity: worker_id,
        data: {
          capabilities: launch.capabilities ?? {},
          location: launch.location ?? {},
          check_ms: at_ms + policy.worker_start_ms,
          ...found,
        },
      },
    ],
  };
}

function isClaimed({ tables }: State, instance_id: string): boolean {
  for (const [, worker] of tables.workers.entries()) if (worker.instance_id === instance_id) return true;
  return false;
}

export function placeWorker(state: State, { worker_id, instance_id, location }: Body<'place_worker'>): Decision {
  const worker = state.worker(worker_id);
  if (worker?.state !== 'STARTING' || worker.instance_id === instance_id) return { events: [] };
  const data = { capabilities: {}, location, check_ms: worker.check_ms!, instance_id };
  return { events: [{ type: 'WorkerLaunched', entity: worker_id, data }] };
}

export function beat(state: State, body: Body<'beat'>, { at_ms, policy }: Context): Decision {
  const worker = state.worker(body.worker_id);
  if (!worker || worker.reported) return workerNotFound(body.worker_id);
  if (worker.state === 'TERMINATED') return workerTerminated(worker);
  const renewed = renewable(state, body.leases).filter((job_id) => !isKilled(state.job(job_id)!));
  const health = body.health ?? worker.health;
  return {
    events: [
      {
        type: 'WorkerBeat',
        entity: worker.worker_id,
        data: {
          health,
          status: suspended(worker) ? worse('DEGRADED', statusOf(health)) : statusOf(health),
          check_ms:
            worker.state === 'STARTING' || worker.state === 'RESTARTING'
              ? worker.check_ms!
              : at_ms + policy.worker_degraded_ms,
          renewed,
          expires_ms: at_ms + policy.lease_ms,
          ...(body.health === null ? { sign: true as const } : {}),
        },
      },
    ],
  };
}

/** The jobs whose current lease tokens are among `tokens`. */
export function renewable(state: State, tokens: readonly string[]): string[] {
  const job_ids: string[] = [];
  for (const token of tokens) {
    const job_id = token.split('.', 1)[0] ?? '';
    if (!('refusal' in heldJob(state, job_id, token))) job_ids.push(job_id);
  }
  return job_ids;
}

const FULL_PERCENT = 95;

export const isFull = (usage: number | null | undefined): boolean => (usage ?? 0) >= FULL_PERCENT;

/** The worse of the reported status and the status that the figures imply. */
export function statusOf(health: HealthReport): HealthStatus {
  const full = isFull(health.memory_usage) || isFull(health.disk_usage);
  return worse(full ? 'DEGRADED' : 'HEALTHY', health.status ?? 'HEALTHY');
}

/** HEALTH_STATUSES is ordered from best to worst. */
export function worse(a: HealthStatus, b: HealthStatus): HealthStatus {
  return HEALTH_STATUSES.indexOf(a) > HEALTH_STATUSES.indexOf(b) ? a : b;
}

export function drainWorker(state: State, { worker_id, drain = {} }: Body<'drain_worker'>): Decision {
  const worker = state.worker(worker_id);
  if (!worker) return workerNotFound(worker_id);
  if (worker.state === 'TERMINATED') return workerTerminated(worker);
  const known = worker.exit ?? { reason: null, replace: false };
  const { reason = known.reason, replace = known.replace } = drain;
  if (worker.state === 'DRAINING' && reason === known.reason && replace === known.replace) return { events: [] };
  const data = { ...(reason === null ? {} : { reason }), ...(replace ? { replace } : {}) };
  return { events: [{ type: 'WorkerDraining', entity: worker_id, data }] };
}

export function restartWorker(state: State, body: Body<'restart_worker'>, { at_ms, policy }: Context): Decision {
  const worker = state.worker(body.worker_id);
  if (!worker) return workerNotFound(body.worker_id);
  if (worker.state === 'TERMINATED') return workerTerminated(worker);
  if (worker.state === 'RESTARTING') return { events: [] };
  return {
    events: [
      { type: 'WorkerRestarting', entity: worker.worker_id, data: { check_ms: at_ms + policy.worker_start_ms } },
    ],
  };
}

export function terminateWorker(state: State, body: Body<'terminate_worker'>, context: Context): Decision {
  const worker = state.worker(body.worker_id);
  if (!worker) return workerNotFound(body.worker_id);
  if (worker.state === 'TERMINATED') return { events: [] };
  // One that drained leaves for the reason for which it drained.
  return { events: endWorker(state, worker, worker.exit?.reason ?? body.reason, context) };
}

/** Terminates the worker; its jobs return to their places, and the attempts do not count. */
export function endWorker(state: State, worker: WorkerRecord, reason: string, context: Context): Event[] {
  return [
    ...takeJobs(state, worker, { code: 'worker_terminated', message: reason, counts: false }, context),
    { type: 'WorkerTerminated', entity: worker.worker_id, data: { reason } },
  ];
}

/** Takes every job from the worker and ends the leases, so that late reports are refused. */
export function takeJobs(
  state: State,
  worker: WorkerRecord,
  { code, message, counts }: { code: string; message: string; counts: boolean },
  context: Context,
): Event[] {
  return worker.holds.flatMap(({ job_id }) => {
    const job = state.job(job_id);
    // A job that runs elsewhere ends when its source reports the end, unless it is CANCELLING.
    if (!job || (runsElsewhere(job) && job.state !== 'CANCELLING')) return [];
    return endAttempt(state, job, { code, message: `${worker.worker_id}: ${message}`, retryable: true }, context, {
      delay_ms: null,
      keeps_place: true,
      counts,
      batch_size: null,
    });
  });
}
