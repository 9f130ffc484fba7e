/** For tests of reconciliation: instances, and the differences that a listing of them shows. */
import { MINUTE_MS } from '../../protocol/time.ts';
import type { WorkerRecord } from '../state-machine/state/records.ts';
import type { Monitor } from '../state-machine/testing.ts';
import type { Instance } from './fleet.ts';
import { compare, covers, type Difference } from './reconcile.ts';

export const GRACE_MS = 5 * MINUTE_MS;
const LISTING = {
  region: 'us-east-1',
  isInstanceId: (id: string) => id.startsWith('i-'),
  list: async () => [],
};
export const HERE = { region: 'us-east-1' };

const workersOf = (monitor: Monitor): WorkerRecord[] =>
  [...monitor.state.tables.workers.entries()].map(([, worker]) => worker);
const seen = new Set<string>();
export const compared = (monitor: Monitor, instances: Instance[]): Difference[] =>
  compare(workersOf(monitor), instances, (worker) => covers(LISTING, seen, worker));

export const running = (instance_id: string, more: Partial<Instance> = {}): Instance => ({
  instance_id,
  worker_id: null,
  state: 'running',
  ours: true,
  launched_ms: 0,
  location: HERE,
  ...more,
});
