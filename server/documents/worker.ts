/** Workers as users see them. */
import { formatTime } from '../../protocol/time.ts';
import type { Worker, WorkerVerdict } from '../../protocol/worker.ts';
import { isFull, statusOf, worse } from '../state-machine/decide/workers.ts';
import { rowOf, statusShown, suspended } from '../state-machine/state/able.ts';
import type { WorkerRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { round, seconds, time } from './figures.ts';
import { jobDocument } from './job.ts';
import { actionsTaken } from './policies.ts';

export function workerDocument(state: State, worker: WorkerRecord): Worker {
  const hold = worker.holds[0];
  const job = hold ? state.job(hold.job_id) : undefined;
  const attempts = worker.jobs_completed + worker.jobs_failed;
  return {
    worker_id: worker.worker_id,
    instance_id: worker.instance_id,
    state: worker.state,
    reason: worker.exit?.reason ?? null,
    created_at: formatTime(worker.created_ms),
    last_heartbeat: time(worker.heartbeat_ms),
    health: healthOf(worker),
    capabilities: {
      model: worker.capabilities.model ?? null,
      device: worker.capabilities.device ?? null,
      gpu_optimized: worker.capabilities.gpu_optimized ?? null,
      batch_size: worker.capabilities.batch_size ?? null,
      ...declared(worker.capabilities),
    },
    current_job: hold
      ? {
          job_id: hold.job_id,
          started_at: formatTime(hold.assigned_ms),
          estimated_completion: job ? jobDocument(job).estimated_completion : null,
        }
      : null,
    performance: {
      jobs_completed: worker.jobs_completed,
      jobs_failed: worker.jobs_failed,
      total_runtime_seconds: seconds(worker.runtime_ms),
      average_job_time: worker.jobs_completed > 0 ? seconds(worker.completed_runtime_ms / worker.jobs_completed) : null,
      success_rate: attempts > 0 ? round(worker.jobs_completed / attempts, 1e4) : null,
    },
    location: {
      region: worker.location.region ?? null,
      availability_zone: worker.location.availability_zone ?? null,
      instance_type: worker.location.instance_type ?? null,
      spot_price: worker.location.spot_price ?? null,
    },
    ...(worker.tenant === undefined ? {} : { tenant: worker.tenant }),
    verdict: workerVerdictOf(worker),
    actions: actionsTaken(worker.actions),
    as_of_seq: workerVersion(state, worker),
  };
}

/** What it has declared besides what every document shows. */
function declared({ options, models, languages, tags }: WorkerRecord['capabilities']): Partial<Worker['capabilities']> {
  const lists = Object.entries({ options, models, languages, tags });
  return Object.fromEntries(lists.filter(([, list]) => list != null));
}

/** Null of a TERMINATED worker, and of one that is known from sightings alone. */
export function workerVerdictOf(worker: WorkerRecord): WorkerVerdict | null {
  if (worker.state === 'TERMINATED' || worker.reported) return null;
  const { verdict } = worker;
  if (verdict === undefined) {
    return { status: 'ok', reason: 'Nothing is wrong.', since: formatTime(worker.created_ms), evidence: {} };
  }
  const { status, reason, since_ms, evidence } = verdict;
  return { status, reason, since: formatTime(since_ms), evidence: { ...evidence } };
}

/** The last segment that changed the document, which includes the estimate of the current job. */
export function workerVersion(state: State, worker: WorkerRecord): number {
  const job_id = worker.state === 'TERMINATED' ? undefined : worker.holds[0]?.job_id;
  return Math.max(worker.version, job_id === undefined ? 0 : (state.job(job_id)?.version ?? 0));
}

/** Why it is not HEALTHY; null if it is, or nobody said why. */
function reasonOf(worker: WorkerRecord): string | null {
  const { status, faults, health } = worker;
  if (worker.state === 'TERMINATED') return null;
  const own = statusOf(health);
  const isSuspended = suspended(worker);
  // Worse than it says: it says nothing any more.
  if (worse(status, own) !== own && !(isSuspended && status === 'DEGRADED')) return silence(worker);
  if (isSuspended) return `${rowOf(faults!)}; it may have one job on trial from ${formatTime(faults!.trial_ms)}`;
  if (health.reason != null) return health.reason;
  return status === 'HEALTHY' ? null : fullness(health);
}

function silence({ heartbeat_ms, created_ms }: WorkerRecord): string {
  return `silent since ${formatTime(heartbeat_ms ?? created_ms)}`;
}

function fullness({ memory_usage, disk_usage }: WorkerRecord['health']): string | null {
  const full = [
    ...(isFull(memory_usage) ? [`memory use is ${memory_usage} %`] : []),
    ...(isFull(disk_usage) ? [`disk use is ${disk_usage} %`] : []),
  ];
  return full.length === 0 ? null : full.join(', ');
}

function healthOf(worker: WorkerRecord): Worker['health'] {
  const { cpu_usage = null, memory_usage = null, gpu_usage = null, disk_usage = null } = worker.health;
  return { status: statusShown(worker), reason: reasonOf(worker), cpu_usage, memory_usage, gpu_usage, disk_usage };
}

export function heartbeatDocument(worker: WorkerRecord) {
  return {
    worker_id: worker.worker_id,
    last_heartbeat: time(worker.heartbeat_ms),
    health: healthOf(worker),
    as_of_seq: worker.version,
  };
}
