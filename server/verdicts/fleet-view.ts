/** What the workers that are alive can do for a waiting job; looked at once a tenant and requirement for all jobs of a tick. */
import { suspended } from '../state-machine/state/able.ts';
import { isAble } from '../state-machine/state/able-for.ts';
import { missing, type Requirement } from '../state-machine/state/requirement.ts';
import type { State } from '../state-machine/state/state.ts';

export type FleetView = {
  /** Whether one can be counted on. */
  able: boolean;
  live: number;
  /** Workers that will soon be there: launched, or restarting. */
  coming: number;
  draining: number;
  suspended: number;
  /** Workers that could take jobs, but not one that requires this. */
  unfit: number;
  /** The worker that is gone and was heard last, and when that was; null and 0 if there is none. */
  last_able: string | null;
  able_until_ms: number;
  /** Why none can, if none can. */
  why: string;
};

const NOTHING: FleetView = {
  able: false,
  live: 0,
  coming: 0,
  draining: 0,
  suspended: 0,
  unfit: 0,
  last_able: null,
  able_until_ms: 0,
  why: '',
};

const ABLE: FleetView = { ...NOTHING, able: true };

/** Returns what the workers can do for jobs of a tenant with a requirement. Costs little while one of them is able. */
export function fleetOf(state: State): (tenant: string, requirement: Requirement) => FleetView {
  const views = new Map<string, FleetView>();
  return (tenant, requirement) => {
    const name = `${tenant}|${requirement}`;
    const known = views.get(name) ?? (isAble(state, tenant, requirement) ? ABLE : viewOf(state, tenant, requirement));
    views.set(name, known);
    return known;
  };
}

function viewOf(state: State, tenant: string, requirement: Requirement): FleetView {
  const view = { ...NOTHING };
  let [live, silent, unwilling] = [0, 0, 0];
  const lacking = new Map<string, number>();
  for (const worker of state.tables.workers.values()) {
    if (worker.reported || (worker.tenant !== undefined && worker.tenant !== tenant)) continue;
    const lacks = requirement === '' ? null : missing(worker, requirement);
    const gone = worker.state === 'TERMINATED' || worker.status === 'UNHEALTHY';
    if (gone && lacks === null && (worker.heartbeat_ms ?? 0) > view.able_until_ms) {
      view.able_until_ms = worker.heartbeat_ms!;
      view.last_able = worker.worker_id;
    }
    if (worker.state === 'TERMINATED') continue;
    live += 1;
    if (lacks !== null) lacking.set(lacks, (lacking.get(lacks) ?? 0) + 1);
    else if (worker.state === 'STARTING' || worker.state === 'RESTARTING') view.coming += 1;
    else if (worker.state === 'DRAINING') view.draining += 1;
    else if (suspended(worker)) view.suspended += 1;
    else if (worker.status === 'UNHEALTHY') silent += 1;
    else if (worker.health.reason != null) unwilling += 1;
  }
  view.live = live;
  for (const count of lacking.values()) view.unfit += count;
  const parts = [
    ...[...lacking].map(([what, count]) => `${count} without ${what}`),
    ...(silent > 0 ? [`${silent} silent`] : []),
    ...(view.draining > 0 ? [`${view.draining} draining`] : []),
    ...(view.suspended > 0 ? [`${view.suspended} suspended after failed attempts`] : []),
    ...(unwilling > 0 ? [`${unwilling} that take no jobs for now`] : []),
  ];
  view.why = live === 0 ? 'none is alive' : parts.join(', ');
  return view;
}
