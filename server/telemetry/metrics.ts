/** All metrics of a monitor, as families of one moment. */
import { type Family, gauge } from './family.ts';
import { foldFamilies } from './fold-families.ts';
import { type InstanceParts, instanceFamilies } from './instance-families.ts';
import type { Meters } from './meters.ts';
import { processFamilies, processRegistry } from './process-families.ts';
import { workerFamilies } from './worker-families.ts';

export type Metrics = () => Promise<Family[]>;

export function monitorMetrics(parts: InstanceParts & { meters: Meters }): Metrics {
  return async () => {
    const { state } = parts.engine;
    return [
      ...foldFamilies(state),
      ...workerFamilies(state),
      ...(await instanceFamilies(parts)),
      ...(await parts.meters.families()),
    ];
  };
}

/** Those that a monitor has even before it has read its journal; collected from this call on. */
export function programMetrics(version: string): Metrics {
  processRegistry();
  const labels = { version, node: process.version };
  return async () => [gauge('build_info', 'The running version', [{ value: 1, labels }]), ...(await processFamilies())];
}
