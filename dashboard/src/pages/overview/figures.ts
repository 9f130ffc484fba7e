/** The six figures of the overview, from the state now and the hours of the last two days. */
import type { MetricsPeriod } from '../../../../protocol/system.ts';
import type { Worker } from '../../../../protocol/worker.ts';
import type { Trend } from '../../parts/figure.tsx';

const HOUR_MS = 3_600_000;
const THEN_MIN = 10;

/** Sums of the periods that begin in `[from_ms, to_ms)`. */
export function sumsOf(periods: readonly MetricsPeriod[], from_ms: number, to_ms: number) {
  const sums = { completed: 0, failed: 0, audio_seconds: 0, cost_usd: 0, busy_seconds: 0 };
  for (const period of periods) {
    const start_ms = Date.parse(period.period_start);
    if (start_ms < from_ms || start_ms >= to_ms) continue;
    sums.completed += period.jobs_completed;
    sums.failed += period.jobs_failed;
    sums.audio_seconds += period.audio_seconds;
    sums.cost_usd += period.cost_total;
    sums.busy_seconds += (period.average_processing_time ?? 0) * period.jobs_completed;
  }
  return sums;
}

/** `+6 %`, against the same hour yesterday; null if that had too few to compare with. */
export function throughputTrend(now: number, periods: readonly MetricsPeriod[], at_ms: number): Trend | null {
  const hour_ms = Math.floor(at_ms / HOUR_MS) * HOUR_MS;
  // The sixty minutes up to now are parts of two hours.
  const part = (at_ms - hour_ms) / HOUR_MS;
  const yesterday_ms = hour_ms - 24 * HOUR_MS;
  const of = (start_ms: number) => sumsOf(periods, start_ms, start_ms + HOUR_MS).completed;
  const then = of(yesterday_ms) * part + of(yesterday_ms - HOUR_MS) * (1 - part);
  if (then < THEN_MIN) return null;
  const change = Math.round((now / then - 1) * 100);
  if (change === 0) return { text: '±0 %', good: null };
  return { text: `${change > 0 ? '+' : '−'}${Math.abs(change)} %`, good: change > 0 };
}

/** Audio hours transcribed in the last hour, as a share of the hour before and all of this one. */
export function audioPerHour(periods: readonly MetricsPeriod[], at_ms: number): number {
  const hour_ms = Math.floor(at_ms / HOUR_MS) * HOUR_MS;
  const part = (at_ms - hour_ms) / HOUR_MS;
  const of = (start_ms: number) => sumsOf(periods, start_ms, start_ms + HOUR_MS).audio_seconds;
  return (of(hour_ms) + of(hour_ms - HOUR_MS) * (1 - part)) / 3600;
}

/** Points of the success rate of a day, against the day before. */
export function successTrend(rate: number | null, periods: readonly MetricsPeriod[], at_ms: number): Trend | null {
  const { completed, failed } = sumsOf(periods, at_ms - 48 * HOUR_MS, at_ms - 24 * HOUR_MS);
  if (rate === null || completed + failed === 0) return null;
  const points = (rate - completed / (completed + failed)) * 100;
  if (Math.abs(points) < 0.05) return { text: '±0', good: null };
  return { text: `${points > 0 ? '+' : '−'}${Math.abs(points).toFixed(1)}`, good: points > 0 };
}

/** Mean use of the GPUs, or of the CPUs in a fleet without one; what idle workers cost. */
export function fleetUse(workers: Iterable<Worker>) {
  let [gpu, gpus, cpu, cpus, idle_usd] = [0, 0, 0, 0, 0];
  for (const { state, health, location } of workers) {
    if (state === 'TERMINATED') continue;
    if (health.gpu_usage !== null) [gpu, gpus] = [gpu + health.gpu_usage, gpus + 1];
    if (health.cpu_usage !== null) [cpu, cpus] = [cpu + health.cpu_usage, cpus + 1];
    if (state === 'IDLE') idle_usd += location.spot_price ?? 0;
  }
  const kind = gpus > 0 ? ('GPU' as const) : ('CPU' as const);
  const mean = gpus > 0 ? gpu / gpus : cpus > 0 ? cpu / cpus : null;
  return { kind, mean, idle_usd };
}
