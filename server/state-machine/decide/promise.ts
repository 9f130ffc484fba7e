/** What a job is promised when it enters the queue: when it is expected to begin and to end. */
import type { Priority } from '../../../protocol/job.ts';
import { expectation } from '../../verdicts/expected.ts';
import type { JobEvent } from '../events.ts';
import { pad } from '../state/job-indexes.ts';
import { type JobRecord, tenantOf } from '../state/records.ts';
import type { State } from '../state/state.ts';
import { hasTenants, holderIn, holderOf, jobsIn, linesOf, mayRun, newTenant, readyKey } from '../state/tenants.ts';

type Promised = Pick<(JobEvent & { type: 'JobQueued' })['data'], 'start_by_ms' | 'promise'>;
type Work = { duration_seconds: number | null; tenant?: string };

/** `before`: jobs in its way besides those that wait. */
export function promised(state: State, job: Work, priority: Priority, before: number): Promised {
  if (!hasTenants(state)) return promisedWith(state, job, waitingBefore(state, priority) + before, state.at_ms);
  const own = state.tables.waiting_of.get(`${tenantOf(job)}|${priority}`) ?? 0;
  return promisedIn(state, { ...job, priority }, own + before, state.at_ms);
}

/** The same for a job that returns to its place. */
export function promisedAgain(state: State, job: JobRecord, from_ms: number): Promised {
  if (hasTenants(state)) {
    let own = 0;
    for (const line of linesOf(state, tenantOf(job), job.priority)) {
      if (holderIn(line) !== holderOf(job)) continue;
      for (const [place] of jobsIn(state, line, job.priority)) {
        if (place >= pad(job.place) || own === COUNTED_MAX) break;
        own += 1;
      }
    }
    return promisedIn(state, job, own, from_ms);
  }
  let before = 0;
  for (const other of state.tables.waiting[job.priority].keys()) {
    if (other >= job.place || before === COUNTED_MAX) break;
    before += 1;
  }
  return promisedWith(state, job, before, from_ms);
}

/** It was near the head when it began. */
const COUNTED_MAX = 500;

/**
 * With so many jobs of its tenant before it: the tenants that are ready are served by their weights. Nothing is promised while
 * a limit or a pause holds the tenant back.
 */
function promisedIn(state: State, job: Work & { priority: Priority }, own: number, from_ms: number): Promised {
  const { tables } = state;
  const { priority } = job;
  const tenant = tables.tenants.get(tenantOf(job)) ?? newTenant(tenantOf(job), state.seq);
  if (!mayRun(state, tenant)) return {};
  const ready = tables.ready[priority].has(readyKey(tenant, priority));
  const weights = (tables.ready_weights.get(priority) ?? 0) + (ready ? 0 : tenant.weight);
  const { high, normal } = tables.waiting;
  const above = priority === 'high' ? 0 : high.size + (priority === 'low' ? normal.size : 0);
  const among = Math.min(tables.waiting[priority].size + own, Math.round((own * weights) / tenant.weight));
  return promisedWith(state, job, above + among, from_ms);
}

function promisedWith(state: State, job: Work, before: number, from_ms: number): Promised {
  const expected = expectation(state, job, before, from_ms);
  if (expected === null) return {};
  const { plain, group, start, end } = expected;
  return { start_by_ms: plain.p90_ms, promise: end === null ? { group, start } : { group, start, end } };
}

function waitingBefore({ tables }: State, priority: Priority): number {
  const { high, normal, low } = tables.waiting;
  if (priority === 'high') return high.size;
  return high.size + normal.size + (priority === 'low' ? low.size : 0);
}
