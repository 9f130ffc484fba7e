/** How a worker looks among the squares, and what it says on hover. */
import type { Worker } from '../../../protocol/worker.ts';

export type Look = 'busy' | 'idle' | 'late' | 'lost' | 'leaving';

/** `strength`: of the colour, percent. A busy worker is never as pale as an idle one. */
export function lookOf({ state, health }: Pick<Worker, 'state' | 'health'>): { look: Look; strength: number } {
  if (health.status === 'UNHEALTHY') return { look: 'lost', strength: 100 };
  if (health.status === 'DEGRADED') return { look: 'late', strength: 100 };
  if (state === 'ACTIVE') {
    const use = health.gpu_usage ?? health.cpu_usage ?? 60;
    return { look: 'busy', strength: Math.round(35 + 0.65 * use) };
  }
  if (state === 'DRAINING' || state === 'RESTARTING') return { look: 'leaving', strength: 50 };
  return { look: 'idle', strength: 0 };
}

/** `gpu-east-07: active, GPU 83 %`. */
export function sentenceOf({ worker_id, state, health }: Pick<Worker, 'worker_id' | 'state' | 'health'>): string {
  const use =
    health.gpu_usage !== null
      ? `, GPU ${Math.round(health.gpu_usage)} %`
      : health.cpu_usage !== null
        ? `, CPU ${Math.round(health.cpu_usage)} %`
        : '';
  const trouble =
    health.status === 'HEALTHY' ? '' : `, ${health.status.toLowerCase()}${health.reason ? `: ${health.reason}` : ''}`;
  return `${worker_id}: ${state.toLowerCase()}${use}${trouble}`;
}
