/** The system as a whole: health, current metrics, and the sums of an hour or a day. */
import type { Queue } from '../../protocol/queue.ts';
import type { CurrentMetrics, MetricsPeriod, SystemHealth } from '../../protocol/system.ts';
import { DAY_MS, formatTime, HOUR_MS, MINUTE_MS } from '../../protocol/time.ts';
import type { HealthStatus } from '../../protocol/worker.ts';
import { statusShown, waits } from '../state-machine/state/able.ts';
import { gaugesNow, NO_GAUGES } from '../state-machine/state/gauges.ts';
import { EMPTY_PERIOD, sumPeriods } from '../state-machine/state/periods.ts';
import { accuracyOf, type PromiseKind } from '../state-machine/state/promises.ts';
import type { Gauges, PeriodRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { microUsd } from '../state-machine/state/sums.ts';
import { activeAlerts } from './alerts.ts';
import { round, seconds } from './figures.ts';
import { mainQueueDocument } from './queues.ts';

/** The queue is DEGRADED, and UNHEALTHY, when its oldest job has waited for this long. */
const QUEUE_SLOW_MS = 5 * MINUTE_MS;
const QUEUE_STUCK_MS = 30 * MINUTE_MS;

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
    if (worker.state !== 'TERMINATED') cost_micro_usd += microUsd(worker.location.spot_price ?? 0);
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
    hour: currentPeriod(state, 'hour'),
    day: currentPeriod(state, 'day'),
    estimates: {
      start: inTime(state, 'start'),
      completion: inTime(state, 'end'),
      run_completion: inTime(state, 'run'),
    },
    as_of_seq: state.seq,
  };
}

function inTime(state: State, kind: PromiseKind) {
  const { jobs, within_p50, within_p90 } = accuracyOf(state, kind);
  const shown = (part: number | null) => (part === null ? null : round(part, 1e4));
  return { jobs, within_p50: shown(within_p50), within_p90: shown(within_p90) };
}

/** The open hour or day, measured up to now. */
export function currentPeriod(state: State, step: Step): MetricsPeriod {
  const period = Math.floor(state.at_ms / STEP_MS[step]);
  const sums = periodsOf(state, step).get(period) ?? EMPTY_PERIOD;
  const gauges = gaugesNow(state)?.[step];
  return recordDocument(gauges ? { ...sums, gauges } : sums, period * STEP_MS[step]);
}

export type Step = 'hour' | 'day';
export const STEP_MS = { hour: HOUR_MS, day: DAY_MS } as const;
export const periodsOf = ({ tables }: State, step: Step) => (step === 'hour' ? tables.hours : tables.days);

/** One period of the time series; `length_ms` is that of an hour or a day. */
export function periodDocument(table: State['tables']['hours'], period: number, length_ms: number): MetricsPeriod {
  return recordDocument(table.get(period) ?? EMPTY_PERIOD, period * length_ms);
}

function recordDocument(sums: PeriodRecord, start_ms: number): MetricsPeriod {
  const mean = (total_ms: number) => (sums.completed > 0 ? seconds(total_ms / sums.completed) : null);
  return {
    period_start: formatTime(start_ms),
    jobs_submitted: sums.submitted,
    jobs_completed: sums.completed,
    jobs_failed: sums.failed,
    jobs_cancelled: sums.cancelled,
    average_processing_time: mean(sums.processing_ms),
    average_queue_time: mean(sums.queue_ms),
    audio_seconds: seconds(sums.audio_ms),
    cost_total: round(sums.cost_usd, 1e6),
    success_rate: successRate(sums),
    audio_hours: round(sums.audio_ms / HOUR_MS, 1e4),
    ...measured(sums.gauges),
    as_of_seq: sums.version,
  };
}

function measured(gauges: Gauges | undefined) {
  const { measured_ms, depth, depth_max, depth_ms, oldest_max_ms, paid_ms, busy_ms, idle_ms } = gauges ?? NO_GAUGES;
  return {
    queue_depth: depth,
    queue_depth_max: gauges ? depth_max : null,
    queue_depth_mean: measured_ms > 0 ? round(depth_ms / measured_ms, 1e4) : null,
    age_oldest_message_max: depth_max > 0 ? seconds(oldest_max_ms) : null,
    worker_seconds_paid: gauges ? seconds(paid_ms) : null,
    worker_seconds_busy: gauges ? seconds(busy_ms) : null,
    worker_seconds_idle: gauges ? seconds(idle_ms) : null,
    measured_seconds: seconds(measured_ms),
  };
}

function countWorkers(state: State) {
  const counts = { total: 0, healthy: 0, active: 0, idle: 0, live: 0 };
  for (const worker of state.tables.workers.values()) {
    if (worker.state === 'TERMINATED') continue;
    counts.total += 1;
    if (statusShown(worker) === 'HEALTHY') counts.healthy += 1;
    if (worker.status !== 'UNHEALTHY' && !worker.reported) counts.live += 1;
    if (worker.holds.length > 0) counts.active += 1;
    if (waits(worker)) counts.idle += 1;
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
