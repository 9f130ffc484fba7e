/**
 * Documents: the fold's records in the shapes that users see, one function a shape. Pure, and of the state alone: a time
 * in a document is a log time, so that the same segments give the same bytes on every instance and at every rebuild.
 */
import type { Alert } from '../../protocol/alert.ts';
import type { Job, JobProgress } from '../../protocol/job.ts';
import type { Queue } from '../../protocol/queue.ts';
import type { CurrentMetrics, MetricsPeriod, SystemHealth } from '../../protocol/system.ts';
import { formatTime } from '../../protocol/time.ts';
import type { HealthStatus, Worker } from '../../protocol/worker.ts';
import { oldestWaiting, QUEUE_SLOW_MS, QUEUE_STUCK_MS } from './decide-alerts.ts';
import { DAY_MS, EMPTY_PERIOD, HOUR_MS, MINUTE_MS, sumPeriods } from './periods.ts';
import type { AlertRecord, JobRecord, PeriodRecord, WorkerRecord } from './records.ts';
import { finished } from './records.ts';
import type { State } from './state.ts';

export function jobDocument(job: JobRecord): Job {
  const progress = progressOf(job);
  const { run } = job;
  const processing_ms = processingTime(job);
  return {
    job_id: job.job_id,
    state: job.state,
    created_at: formatTime(job.created_ms),
    updated_at: formatTime(job.updated_ms),
    started_at: run ? formatTime(run.assigned_ms) : null,
    completed_at: time(job.completed_ms),
    estimated_completion: estimatedCompletion(job, progress.eta_seconds),
    priority: job.priority,
    output_format: job.output_format,
    tags: [...job.tags],
    metadata: { ...job.metadata },
    input: {
      s3_path: withoutQuery(job.audio_url),
      duration_seconds: job.duration_seconds,
      file_size_bytes: job.file_size_bytes,
    },
    output: job.output ?? { s3_path: null, segments_count: 0, confidence_score: null },
    worker: run
      ? {
          worker_id: run.worker_id,
          instance_id: run.instance_id,
          assigned_at: formatTime(run.assigned_ms),
          gpu_usage: run.gpu_usage === null ? null : round(run.gpu_usage, 10),
        }
      : null,
    progress,
    performance: {
      queue_time_seconds: run || job.queue_ms > 0 ? seconds(job.queue_ms) : null,
      processing_time_seconds: processing_ms === null ? null : seconds(processing_ms),
      throughput_factor: throughputFactor(job, progress.percentage, processing_ms),
      download_time_seconds: run && run.downloaded_ms !== null ? seconds(run.downloaded_ms - run.assigned_ms) : null,
    },
    state_history: historyOf(job),
    retry_info: {
      attempt: job.attempt,
      max_attempts: job.max_attempts,
      last_error: job.last_error,
      next_attempt_at: time(job.not_before_ms),
    },
    cost_tracking: {
      estimated_cost_usd: job.estimated_cost_usd,
      actual_cost_usd: job.actual_cost_usd === null ? null : round(job.actual_cost_usd, 1e6),
      instance_time_seconds: seconds(job.instance_ms + (run?.ended_ms === null ? (processing_ms ?? 0) : 0)),
    },
    as_of_seq: job.version,
  };
}

/** A query string is often a signature: no document shows it. */
function withoutQuery(audio_url: string): string {
  const at = audio_url.indexOf('?');
  return at < 0 || audio_url.startsWith('s3:') ? audio_url : audio_url.slice(0, at);
}

function historyOf(job: JobRecord): Job['state_history'] {
  return job.history.map(({ state, at_ms, details }) => ({ state, timestamp: formatTime(at_ms), details }));
}

function progressOf(job: JobRecord): JobProgress {
  const { progress } = job;
  return {
    percentage: progress?.percentage ?? 0,
    stage: progress?.stage ?? null,
    current_chunk: progress?.current_chunk ?? null,
    total_chunks: progress?.total_chunks ?? null,
    eta_seconds: progress ? (progress.eta_seconds ?? recentEta(progress.marks)) : null,
  };
}

/** What is left ÷ the rate between the oldest and the newest of the last few reports. */
function recentEta(marks: readonly number[]): number | null {
  const [from_ms, from, to_ms, to] = [marks[0], marks[1], marks.at(-2), marks.at(-1)];
  if (from_ms === undefined || from === undefined || to_ms === undefined || to === undefined) return null;
  if (to <= from || to_ms <= from_ms) return null;
  return Math.round(((100 - to) / (to - from)) * ((to_ms - from_ms) / 1000));
}

/** From assignment to the attempt's end, or to its last report. */
function processingTime({ run, progress }: JobRecord): number | null {
  if (!run) return null;
  return (run.ended_ms ?? Math.max(run.assigned_ms, progress?.at_ms ?? 0)) - run.assigned_ms;
}

function throughputFactor(job: JobRecord, percentage: number, processing_ms: number | null): number | null {
  if (job.duration_seconds === null || processing_ms === null || processing_ms <= 0) return null;
  return round((job.duration_seconds * (percentage / 100)) / (processing_ms / 1000), 1000);
}

function estimatedCompletion(job: JobRecord, eta_seconds: number | null): string | null {
  if (finished(job.state) || !job.progress || eta_seconds === null) return null;
  return formatTime(job.progress.at_ms + Math.round(eta_seconds * 1000));
}

export function progressDocument(job: JobRecord) {
  return {
    job_id: job.job_id,
    state: job.state,
    updated_at: formatTime(job.updated_ms),
    ...progressOf(job),
    as_of_seq: job.version,
  };
}

export function timelineDocument(job: JobRecord) {
  return {
    job_id: job.job_id,
    state: job.state,
    state_history: historyOf(job),
    as_of_seq: job.version,
  };
}

/** `jobs/active/{job_id}/worker.json`: who has it, and by which attempt. */
export function assignmentDocument(job: JobRecord) {
  return { job_id: job.job_id, attempt: job.attempt, worker: jobDocument(job).worker, as_of_seq: job.version };
}

/** A job in a worker's history. */
export function workerJobDocument(job: JobRecord, worker_id: string) {
  const last = job.history.findLast((entry) => entry.worker_id === worker_id);
  return {
    job_id: job.job_id,
    worker_id,
    attempt: job.attempt,
    state: job.state,
    assigned_at: formatTime(last?.at_ms ?? job.run?.assigned_ms ?? job.created_ms),
    as_of_seq: job.version,
  };
}

export function workerDocument(state: State, worker: WorkerRecord): Worker {
  const hold = worker.holds[0];
  const job = hold ? state.job(hold.job_id) : undefined;
  const attempts = worker.jobs_completed + worker.jobs_failed;
  return {
    worker_id: worker.worker_id,
    instance_id: worker.instance_id,
    state: worker.state,
    created_at: formatTime(worker.created_ms),
    last_heartbeat: time(worker.heartbeat_ms),
    health: healthOf(worker),
    capabilities: {
      model: worker.capabilities.model ?? null,
      device: worker.capabilities.device ?? null,
      gpu_optimized: worker.capabilities.gpu_optimized ?? null,
      batch_size: worker.capabilities.batch_size ?? null,
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
    as_of_seq: workerVersion(state, worker),
  };
}

/** The last segment that changed what the document shows: the estimate is of the job that it is on. */
export function workerVersion(state: State, worker: WorkerRecord): number {
  const job_id = worker.state === 'TERMINATED' ? undefined : worker.holds[0]?.job_id;
  return Math.max(worker.version, job_id === undefined ? 0 : (state.job(job_id)?.version ?? 0));
}

function healthOf(worker: WorkerRecord): Worker['health'] {
  const { cpu_usage = null, memory_usage = null, gpu_usage = null, disk_usage = null } = worker.health;
  return { status: worker.status, cpu_usage, memory_usage, gpu_usage, disk_usage };
}

export function heartbeatDocument(worker: WorkerRecord) {
  return {
    worker_id: worker.worker_id,
    last_heartbeat: time(worker.heartbeat_ms),
    health: healthOf(worker),
    as_of_seq: worker.version,
  };
}

export function alertDocument(alert: AlertRecord): Alert {
  return {
    id: alert.id,
    rule: alert.rule,
    subject: alert.subject,
    severity: alert.severity,
    message: alert.message,
    created_at: formatTime(alert.created_ms),
    resolved_at: time(alert.resolved_ms),
    resolved_by: alert.resolved_by,
    as_of_seq: alert.version,
  };
}

/** Alerts that are not resolved, oldest first. */
export function activeAlerts(state: State): AlertRecord[] {
  const active: AlertRecord[] = [];
  for (const id of state.tables.alert_conditions.values()) {
    const alert = state.tables.alerts.get(id);
    if (alert && alert.resolved_ms === null) active.push(alert);
  }
  return active.sort((a, b) => a.created_ms - b.created_ms || (a.id < b.id ? -1 : 1));
}

export function mainQueueDocument(state: State): Queue {
  const { waiting, waiting_elsewhere, jobs_by_state } = state.tables;
  const visible = waiting.high.size + waiting.normal.size + waiting.low.size;
  const oldest_ms = oldestWaiting(state);
  return {
    queue: 'main',
    messages_visible: visible,
    messages_inflight: jobs_by_state.PROCESSING.size + jobs_by_state.CANCELLING.size,
    messages_delayed: jobs_by_state.QUEUED.size - visible - waiting_elsewhere.size,
    age_oldest_message: oldest_ms === null ? null : seconds(state.at_ms - oldest_ms),
    by_priority: { high: waiting.high.size, normal: waiting.normal.size, low: waiting.low.size },
    updated_at: formatTime(state.at_ms),
    as_of_seq: state.seq,
  };
}

export function deadLetterQueueDocument(state: State): Queue {
  const by_priority = { high: 0, normal: 0, low: 0 };
  let oldest_ms: number | null = null;
  for (const job_id of state.tables.dead.values()) {
    const job = state.job(job_id);
    if (!job) continue;
    by_priority[job.priority] += 1;
    oldest_ms ??= job.completed_ms;
  }
  return {
    queue: 'dlq',
    messages_visible: state.tables.dead.size,
    messages_inflight: 0,
    messages_delayed: 0,
    age_oldest_message: oldest_ms === null ? null : seconds(state.at_ms - oldest_ms),
    by_priority,
    updated_at: formatTime(state.at_ms),
    as_of_seq: state.seq,
  };
}

export function healthDocument(state: State): SystemHealth {
  const queue = mainQueueDocument(state);
  const workers = countWorkers(state);
  const day = sumPeriods(state.tables.minutes, minute(state) - 24 * 60 + 1, minute(state));
  const { jobs_by_state } = state.tables;
  const success_rate_24h = successRate(day);
  const components = {
    queue: {
      status: queueStatus(queue, workers.live),
      messages_visible: queue.messages_visible,
      messages_inflight: queue.messages_inflight,
      age_oldest_message: queue.age_oldest_message,
    },
    workers: {
      status: workerStatus(workers),
      total_count: workers.total,
      healthy_count: workers.healthy,
      active_count: workers.active,
      idle_count: workers.idle,
    },
    jobs: {
      status: rateStatus(success_rate_24h),
      total_active:
        jobs_by_state.SUBMITTED.size +
        jobs_by_state.QUEUED.size +
        jobs_by_state.PROCESSING.size +
        jobs_by_state.CANCELLING.size,
      success_rate_24h,
      average_completion_time: day.completed > 0 ? seconds(day.turnaround_ms / day.completed) : null,
    },
  };
  return {
    timestamp: formatTime(state.at_ms),
    overall_status: worst([components.queue.status, components.workers.status, components.jobs.status]),
    components,
    alerts: activeAlerts(state).map(({ id, severity, message, created_ms }) => ({
      id,
      severity,
      message,
      created_at: formatTime(created_ms),
    })),
    metrics: systemMetrics(state),
    as_of_seq: state.seq,
  };
}

function systemMetrics(state: State): SystemHealth['metrics'] {
  const hour = sumPeriods(state.tables.minutes, minute(state) - 59, minute(state));
  let cost_micro_usd = 0;
  let paid_ms = 0;
  const since_ms = state.at_ms - HOUR_MS;
  for (const worker of state.tables.workers.values()) {
    const until_ms = worker.terminated_ms ?? state.at_ms;
    paid_ms += Math.max(0, until_ms - Math.max(worker.created_ms, since_ms));
    if (worker.state !== 'TERMINATED') cost_micro_usd += Math.round((worker.location.spot_price ?? 0) * 1e6);
  }
  return {
    throughput_jobs_per_hour: hour.completed,
    cost_per_hour_usd: cost_micro_usd / 1e6,
    efficiency_score: paid_ms > 0 ? round(Math.min(1, hour.processing_ms / paid_ms), 1e4) : null,
  };
}

export function metricsDocument(state: State): CurrentMetrics {
  const jobs: Record<string, number> = {};
  for (const [name, ids] of Object.entries(state.tables.jobs_by_state)) jobs[name] = ids.size;
  return {
    timestamp: formatTime(state.at_ms),
    ...systemMetrics(state),
    jobs,
    hour: periodDocument(state.tables.hours, Math.floor(state.at_ms / HOUR_MS), HOUR_MS),
    day: periodDocument(state.tables.days, Math.floor(state.at_ms / DAY_MS), DAY_MS),
    as_of_seq: state.seq,
  };
}

/** One hour (`length_ms` an hour) or one day of the time series. */
export function periodDocument(table: State['tables']['hours'], period: number, length_ms: number): MetricsPeriod {
  const sums: PeriodRecord = table.get(period) ?? EMPTY_PERIOD;
  const mean = (total_ms: number) => (sums.completed > 0 ? seconds(total_ms / sums.completed) : null);
  return {
    period_start: formatTime(period * length_ms),
    jobs_submitted: sums.submitted,
    jobs_completed: sums.completed,
    jobs_failed: sums.failed,
    jobs_cancelled: sums.cancelled,
    average_processing_time: mean(sums.processing_ms),
    average_queue_time: mean(sums.queue_ms),
    audio_seconds: seconds(sums.audio_ms),
    cost_total: round(sums.cost_usd, 1e6),
    success_rate: successRate(sums),
    as_of_seq: sums.version,
  };
}

function countWorkers(state: State) {
  const counts = { total: 0, healthy: 0, active: 0, idle: 0, live: 0 };
  for (const worker of state.tables.workers.values()) {
    if (worker.state === 'TERMINATED') continue;
    counts.total += 1;
    if (worker.status === 'HEALTHY') counts.healthy += 1;
    if (worker.status !== 'UNHEALTHY' && !worker.reported) counts.live += 1;
    if (worker.holds.length > 0) counts.active += 1;
    if (worker.state === 'IDLE') counts.idle += 1;
  }
  return counts;
}

function queueStatus(queue: Queue, live: number): HealthStatus {
  const age_ms = (queue.age_oldest_message ?? 0) * 1000;
  if (age_ms >= QUEUE_STUCK_MS || (queue.messages_visible > 0 && live === 0)) return 'UNHEALTHY';
  return age_ms >= QUEUE_SLOW_MS ? 'DEGRADED' : 'HEALTHY';
}

function workerStatus({ total, healthy }: { total: number; healthy: number }): HealthStatus {
  if (total === healthy) return 'HEALTHY';
  return healthy === 0 ? 'UNHEALTHY' : 'DEGRADED';
}

function rateStatus(success_rate: number | null): HealthStatus {
  if (success_rate === null || success_rate >= 0.95) return 'HEALTHY';
  return success_rate < 0.5 ? 'UNHEALTHY' : 'DEGRADED';
}

export function worst(statuses: HealthStatus[]): HealthStatus {
  if (statuses.includes('UNHEALTHY')) return 'UNHEALTHY';
  return statuses.includes('DEGRADED') ? 'DEGRADED' : 'HEALTHY';
}

function successRate({ completed, failed }: PeriodRecord): number | null {
  return completed + failed > 0 ? round(completed / (completed + failed), 1e4) : null;
}

const minute = (state: State): number => Math.floor(state.at_ms / MINUTE_MS);
const time = (at_ms: number | null): string | null => (at_ms === null ? null : formatTime(at_ms));
const seconds = (duration_ms: number): number => Math.round(duration_ms) / 1000;
const round = (value: number, parts: number): number => Math.round(value * parts) / parts;
