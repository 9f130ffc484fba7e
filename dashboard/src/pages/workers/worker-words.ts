/** A worker in words and figures: its state and tone, what it costs, and what of that it was idle. */
import type { Worker } from '../../../../protocol/worker.ts';
import type { Tone } from '../../parts/job-words.ts';

/** The state in a word, with the health where that matters more. */
export function workerState({ state, health }: Pick<Worker, 'state' | 'health'>): { word: string; tone: Tone } {
  if (state === 'TERMINATED') return { word: 'terminated', tone: 'idle' };
  if (health.status === 'UNHEALTHY') return { word: 'lost', tone: 'bad' };
  if (health.status === 'DEGRADED') return { word: 'degraded', tone: 'warn' };
  if (state === 'ACTIVE') return { word: 'busy', tone: 'ok' };
  if (state === 'IDLE') return { word: 'idle', tone: 'idle' };
  return { word: state.toLowerCase(), tone: 'warn' };
}

export type WorkerCost = { paid_usd: number; busy_usd: number; idle_usd: number; idle_share: number };

/**
 * What it has cost since it began, by its price now. `busy`: attempts that have ended, and the current one. Null without a price.
 */
export function costOf({ created_at, current_job, performance, location }: Worker, now_ms: number): WorkerCost | null {
  const { spot_price } = location;
  if (spot_price === null) return null;
  const age_seconds = Math.max(0, (now_ms - Date.parse(created_at)) / 1000);
  const current = current_job === null ? 0 : Math.max(0, (now_ms - Date.parse(current_job.started_at)) / 1000);
  const busy_seconds = Math.min(age_seconds, performance.total_runtime_seconds + current);
  const usd = (seconds: number) => (seconds * spot_price) / 3600;
  const idle_seconds = age_seconds - busy_seconds;
  return {
    paid_usd: usd(age_seconds),
    busy_usd: usd(busy_seconds),
    idle_usd: usd(idle_seconds),
    idle_share: age_seconds === 0 ? 0 : idle_seconds / age_seconds,
  };
}

export type FleetSums = { live: number; busy: number; idle: number; trouble: number; usd: number; idle_usd: number };

export function sumsOf(workers: Iterable<Worker>): FleetSums {
  const sums = { live: 0, busy: 0, idle: 0, trouble: 0, usd: 0, idle_usd: 0 };
  for (const { state, health, current_job, location } of workers) {
    if (state === 'TERMINATED') continue;
    const price = location.spot_price ?? 0;
    sums.live += 1;
    sums.usd += price;
    if (health.status !== 'HEALTHY') sums.trouble += 1;
    if (current_job !== null) sums.busy += 1;
    else {
      sums.idle += 1;
      sums.idle_usd += price;
    }
  }
  return sums;
}

export const GROUPINGS = ['none', 'state', 'instance type', 'model', 'region'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export function groupOf(worker: Worker, by: Grouping): string {
  switch (by) {
    case 'state':
      return workerState(worker).word;
    case 'instance type':
      return worker.location.instance_type ?? 'unknown';
    case 'model':
      return worker.capabilities.model ?? 'unknown';
    case 'region':
      return worker.location.region ?? 'unknown';
    default:
      return '';
  }
}

/** Whether a worker matches the text that was typed: its id, machine, model or place. */
export function matchesText({ worker_id, instance_id, capabilities, location }: Worker, text: string): boolean {
  const parts = [worker_id, instance_id, capabilities.model, location.instance_type, location.availability_zone];
  return parts.join(' ').toLowerCase().includes(text.trim().toLowerCase());
}
