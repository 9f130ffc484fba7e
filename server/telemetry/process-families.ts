/** Metrics of the process and of Node, shared by all monitors in the process. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Family } from './family.ts';

let ofThisProcess: Registry | undefined;

/** Gauges whose names end as only those of counters may, and which Node is about to remove. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/**
 * Collected once per process: their observer of garbage collections can't be removed, and would keep every stopped
 * monitor in memory.
 */
export function processFamilies(): Promise<Family[]> {
  return processRegistry().getMetricsAsJSON() as Promise<unknown> as Promise<Family[]>;
}

/** Begins to collect them. */
export function processRegistry(): Registry {
  if (!ofThisProcess) {
    ofThisProcess = new Registry();
    collectDefaultMetrics({ register: ofThisProcess });
    for (const name of MISNAMED) ofThisProcess.removeSingleMetric(name);
  }
  return ofThisProcess;
}
