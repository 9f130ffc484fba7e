/** What the workers that are alive can do for a waiting job; looked at once a tenant for all jobs of a tick. */
import { suspended } from '../state-machine/state/able.ts';
import type { State } from '../state-machine/state/state.ts';

export type FleetView = {
  live: number;
  /** Workers that will soon be there: launched, or restarting. */
  coming: number;
  draining: number;
  suspended: number;
  /** The worker that is gone and was heard last, and when that was; null and 0 if there is none. */
  last_able: string | null;
  able_until_ms: number;
  /** Why none can, if none can. */
  why: string;
};

const NOTHING: FleetView = {
  live: 0,
  coming: 0,
  draining: 0,
  suspended: 0,
  last_able: null,
  able_until_ms: 0,
  why: '',
};

/** Returns what the workers can do for jobs of a tenant. Costs nothing while one of them is able. */
export function fleetOf(state: State): (tenant: string) => FleetView {
  const views = new Map<string, FleetView>();
  return (tenant) => {
    if (state.ableFor(tenant) > 0) return NOTHING;
    const known = views.get(tenant) ?? viewOf(state, tenant);
    views.set(tenant, known);
    return known;
  };
}

function viewOf(state: State, tenant: string): FleetView {
  const view = { ...NOTHING };
  let [live, silent, unwilling] = [0, 0, 0];
  for (const worker of state.tables.workers.values()) {
    if (worker.reported || (worker.tenant !== undefined && worker.tenant !== tenant)) continue;
    const gone = worker.state === 'TERMINATED' || worker.status === 'UNHEALTHY';
    if (gone && (worker.heartbeat_ms ?? 0) > view.able_until_ms) {
      view.able_until_ms = worker.heartbeat_ms!;
      view.last_able = worker.worker_id;
    }
    if (worker.state === 'TERMINATED') continue;
    live += 1;
    if (worker.state === 'STARTING' || worker.state === 'RESTARTING') view.coming += 1;
    else if (worker.state === 'DRAINING') view.draining += 1;
    else if (suspended(worker)) view.suspended += 1;
    else if (worker.status === 'UNHEALTHY') silent += 1;
    else if (worker.health.reason != null) unwilling += 1;
  }
  view.live = live;
  const parts = [
    ...(silent > 0 ? [`${silent} silent`] : []),
    ...(view.draining > 0 ? [`${view.draining} draining`] : []),
    ...(view.suspended > 0 ? [`${view.suspended} suspended after failed attempts`] : []),
    ...(unwilling > 0 ? [`${unwilling} that take no jobs for now`] : []),
  ];
  view.why = live === 0 ? 'none is alive' : parts.join(', ');
  return view;
}
