/** The state of the fleet for `tmon top`: the feed's first messages and the changes since. */
import type { Alert } from '../../protocol/alert.ts';
import type {
  AlertChanged,
  AlertsNow,
  FeedEvent,
  JobChanged,
  JobNow,
  JobReported,
  JobsNow,
  QueueNow,
  SystemNow,
  WorkerChanged,
  WorkersNow,
} from '../../protocol/feed-messages.ts';
import type { Worker } from '../../protocol/worker.ts';

export type FleetJob = {
  job_id: string;
  state: JobNow['state'];
  percentage: number;
  stage: string | null;
  eta_seconds: number | null;
  worker_id: string | null;
  attempt: number;
  /** When it begins, or ends if it runs, in nine of ten cases, as expected when it was queued or began; null if unknown. */
  expected_by: string | null;
  /** What is wrong with it; null if it is on track. */
  verdict: string | null;
  /** The reason, if it failed. */
  details: string | null;
};

export type FleetWorker = Pick<Worker, 'worker_id' | 'state' | 'health'> & { model: string | null };

/** The number of ended jobs still shown. */
const ENDED_MAX = 20;
const ENDS = new Set<string>(['COMPLETED', 'FAILED', 'CANCELLED']);

export class Fleet {
  /** Unfinished jobs, in the order of their arrival. */
  readonly jobs = new Map<string, FleetJob>();
  /** Jobs that ended while watched, newest first. */
  ended: FleetJob[] = [];
  readonly workers = new Map<string, FleetWorker>();
  readonly alerts = new Map<string, Pick<Alert, 'id' | 'rule' | 'severity' | 'message'>>();
  queue: QueueNow | null = null;
  system: SystemNow | null = null;

  apply(event: FeedEvent): void {
    switch (event.resource) {
      case 'jobs':
        return this.#begin(event);
      case 'job':
        return this.#changeJob(event);
      case 'workers':
        return this.#beginWorkers(event);
      case 'worker':
        return event.type === 'update' ? this.#changeWorker(event) : undefined;
      case 'alerts':
        return this.#beginAlerts(event);
      case 'alert':
        return this.#changeAlert(event);
      case 'queue':
        this.queue = event;
        return;
      case 'system':
        this.system = event;
        return;
    }
  }

  /** Jobs that workers hold, by worker. */
  held(): Map<string, FleetJob[]> {
    const held = new Map<string, FleetJob[]>();
    for (const job of this.jobs.values()) {
      if (job.worker_id === null || (job.state !== 'PROCESSING' && job.state !== 'CANCELLING')) continue;
      held.set(job.worker_id, [...(held.get(job.worker_id) ?? []), job]);
    }
    return held;
  }

  #begin({ items }: JobsNow): void {
    this.jobs.clear();
    // Sent newest first, shown oldest first.
    for (const item of items.toReversed()) this.#changeJob(item);
  }

  #changeJob(event: JobNow | JobChanged | JobReported): void {
    const { job_id, state, stage, percentage, eta_seconds = null, worker_id, attempt, details = null } = event;
    const before = this.jobs.get(job_id);
    // An event about the verdict alone says nothing of the progress.
    const judged = 'event' in event && event.event === 'JobJudged';
    const again = before !== undefined && attempt !== undefined && attempt !== before.attempt;
    const job: FleetJob = {
      job_id,
      state,
      percentage: percentage ?? before?.percentage ?? 0,
      stage: stage ?? (again ? null : (before?.stage ?? null)),
      eta_seconds: judged ? (before?.eta_seconds ?? null) : eta_seconds,
      worker_id: worker_id === undefined ? (before?.worker_id ?? null) : worker_id,
      attempt: attempt ?? before?.attempt ?? 1,
      expected_by: expectedBy(before, event),
      verdict: verdictAfter(before, event),
      details: state === 'FAILED' ? details : null,
    };
    if (!ENDS.has(state)) {
      this.jobs.set(job_id, job);
      return;
    }
    this.jobs.delete(job_id);
    this.ended = [job, ...this.ended.filter((other) => other.job_id !== job_id)].slice(0, ENDED_MAX);
  }

  #beginWorkers({ items }: WorkersNow): void {
    this.workers.clear();
    for (const { worker_id, state, health, capabilities } of items)
      this.workers.set(worker_id, { worker_id, state, health, model: capabilities.model });
  }

  #changeWorker({ worker_id, event, state, health, capabilities }: WorkerChanged): void {
    if (state === 'TERMINATED') {
      this.workers.delete(worker_id);
      return;
    }
    const before = this.workers.get(worker_id) ?? NEW_WORKER;
    const arrived = event === 'WorkerRegistered' && before.state !== 'DRAINING';
    this.workers.set(worker_id, {
      worker_id,
      state: state ?? (arrived ? 'IDLE' : before.state),
      health: { ...before.health, ...(arrived ? { status: 'HEALTHY' as const } : {}), ...health },
      model: capabilities?.model ?? before.model,
    });
  }

  #beginAlerts({ items }: AlertsNow): void {
    this.alerts.clear();
    for (const { id, rule, severity, message } of items) this.alerts.set(id, { id, rule, severity, message });
  }

  #changeAlert({ alert_id: id, rule, severity, message }: AlertChanged): void {
    if (rule === undefined || severity === undefined || message === undefined) this.alerts.delete(id);
    else this.alerts.set(id, { id, rule, severity, message });
  }
}

/** An event without it says nothing new while the job stays in its state. */
function expectedBy(before: FleetJob | undefined, event: JobNow | JobChanged | JobReported): string | null {
  const expected = event.state === 'QUEUED' ? event.expected_start : event.expected_completion;
  return expected?.p90 ?? (before?.state === event.state ? before.expected_by : null);
}

/** It lasts while the job stays in its state and attempt. */
function verdictAfter(before: FleetJob | undefined, event: JobNow | JobChanged | JobReported): string | null {
  const { verdict, state, attempt = before?.attempt } = event;
  if (verdict != null) return verdict.status === 'on_track' ? null : verdict.status;
  return before?.state === state && before.attempt === attempt ? before.verdict : null;
}

const NEW_WORKER: Omit<FleetWorker, 'worker_id'> = {
  state: 'IDLE',
  health: { status: 'HEALTHY', reason: null, cpu_usage: null, memory_usage: null, gpu_usage: null, disk_usage: null },
  model: null,
};
