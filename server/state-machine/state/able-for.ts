/** Whether a worker can be counted on for a job. */
import { able } from './able.ts';
import { meets, type Requirement } from './requirement.ts';
import type { State } from './state.ts';

const NONE: ReadonlySet<string> = new Set();

/**
 * Whether there is one for jobs of this tenant with this requirement, besides these workers. Constant time without a
 * requirement; otherwise it looks at workers until it finds one.
 */
export function isAble(state: State, tenant: string, requirement: Requirement, besides = NONE): boolean {
  if (requirement === '') {
    let others = state.ableFor(tenant);
    for (const id of besides) {
      const worker = state.worker(id);
      if (worker && able(worker) && serves(worker, tenant)) others -= 1;
    }
    return others > 0;
  }
  for (const worker of state.tables.workers.values()) {
    if (able(worker) && serves(worker, tenant) && meets(worker, requirement) && !besides.has(worker.worker_id)) {
      return true;
    }
  }
  return false;
}

const serves = (worker: { tenant?: string }, tenant: string): boolean =>
  worker.tenant === undefined || worker.tenant === tenant;
