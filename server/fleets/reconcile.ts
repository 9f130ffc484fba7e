/**
 * How the monitor's workers and the fleet's instances differ, and when to believe it. Pure.
 *
 *     orphaned   a live worker claims an instance that does not exist    → the verdict on it; a policy terminates it
 *     missing    an instance of ours runs, and no worker is known        → the worker is known, as STARTING
 *
 * A listing may be stale or incomplete without any sign of it. A difference is ignored for the grace time after the
 * worker's last sign of life or the instance's launch, and is believed once every complete listing over a further grace
 * time has had it, at least two. An error shorter than the grace time has no effect.
 */
import { formatTime } from '../../protocol/time.ts';
import type { Location } from '../../protocol/worker.ts';
import type { Acting } from '../state-machine/decide/actions.ts';
import type { CommandBody } from '../state-machine/decide/commands.ts';
import type { WorkerRecord } from '../state-machine/state/records.ts';
import type { Instance, InstanceListing } from './fleet.ts';

export type Difference = {
  kind: 'orphaned' | 'missing';
  worker_id: string;
  instance_id: string;
  location: Location;
  /** The last sign that it might be otherwise. */
  since_ms: number;
  reason: string;
};

type Claiming = WorkerRecord & { instance_id: string };

/**
 * Whether a listing would include the worker's instance. It covers one region, and a worker that reports no region may
 * run in another cloud, unless its instance has been `seen` here.
 */
export function covers(listing: InstanceListing, seen: ReadonlySet<string>, worker: Claiming): boolean {
  const { instance_id, location, launched } = worker;
  if (!listing.isInstanceId(instance_id)) return false;
  const region = location.region ?? null;
  return region === null ? launched || seen.has(instance_id) : region === listing.region;
}

/**
 * `covers`: whether the listing would have the worker's instance. Workers for which it returns false are left alone.
 */
export function compare(
  workers: readonly WorkerRecord[],
  instances: readonly Instance[],
  covers: (worker: Claiming) => boolean,
): Difference[] {
  return [...orphaned(workers, instances, covers), ...missing(workers, instances)];
}

function orphaned(
  workers: readonly WorkerRecord[],
  instances: readonly Instance[],
  covers: (worker: Claiming) => boolean,
): Difference[] {
  const listed = new Map(instances.map((instance) => [instance.instance_id, instance]));
  const existing = instances.filter(({ state }) => state !== 'ended');
  const assigned = new Set(existing.map(({ worker_id }) => worker_id));
  return workers.filter(claimsInstance).flatMap((worker) => {
    const { worker_id, instance_id, location } = worker;
    const instance = listed.get(instance_id);
    if (instance && instance.state !== 'ended') return [];
    if (assigned.has(worker_id) || !covers(worker)) return [];
    const since_ms = worker.heartbeat_ms ?? worker.created_ms;
    const reason = `its instance ${instance_id} ${instance ? 'has ended' : 'does not exist'}`;
    return [{ kind: 'orphaned', worker_id, instance_id, location, since_ms, reason }];
  });
}

/** Workers known only from sightings are the business of their source. */
const claimsInstance = (worker: WorkerRecord): worker is Claiming =>
  worker.state !== 'TERMINATED' && !worker.reported && worker.instance_id !== null;

function missing(workers: readonly WorkerRecord[], instances: readonly Instance[]): Difference[] {
  // A TERMINATED worker is known too: its instance may take a while to end, or be kept on purpose.
  const known = new Set(workers.flatMap(({ worker_id, instance_id }) => [`worker ${worker_id}`, instance_id]));
  return instances.flatMap((instance) => {
    const { instance_id, ours, state, launched_ms: since_ms, location } = instance;
    const worker_id = instance.worker_id ?? `worker-${instance_id}`;
    if (!ours || state !== 'running' || known.has(instance_id) || known.has(`worker ${worker_id}`)) return [];
    const reason = `instance ${instance_id} runs, and no worker was known`;
    return [{ kind: 'missing', worker_id, instance_id, location, since_ms, reason }];
  });
}

/** When each difference was first seen, by log time, if every complete listing since has had it. */
export type Suspicions = ReadonlyMap<string, number>;

/** A listing was true at some time between its request and its response. */
export type Look = { began_ms: number; ended_ms: number };

export type Judged = {
  suspicions: Suspicions;
  confirmed: Difference[];
  /** `due_ms`: a complete listing from then on confirms it. */
  unconfirmed: (Difference & { due_ms: number })[];
};

/** Judges the differences of the newest complete listing. A failed listing is not judged. */
export function judge(
  earlier: Suspicions,
  differences: readonly Difference[],
  { began_ms, ended_ms }: Look,
  grace_ms: number,
): Judged {
  const suspicions = new Map<string, number>();
  const confirmed: Difference[] = [];
  const unconfirmed: Judged['unconfirmed'] = [];
  for (const difference of differences) {
    const key = JSON.stringify([difference.kind, difference.worker_id, difference.instance_id]);
    const settled_ms = difference.since_ms + grace_ms;
    const settled = began_ms >= settled_ms;
    const seen_ms = settled ? earlier.get(key) : undefined;
    if (settled) suspicions.set(key, seen_ms ?? ended_ms);
    const due_ms = Math.max(seen_ms ?? ended_ms, settled_ms) + grace_ms;
    if (seen_ms !== undefined && began_ms >= due_ms) confirmed.push(difference);
    else unconfirmed.push({ ...difference, due_ms });
  }
  return { suspicions, confirmed, unconfirmed };
}

/** The command without effect if the worker has changed since it was compared. A policy says what follows for an orphaned one. */
export function commandFor(
  { kind, worker_id, instance_id, location, since_ms, reason }: Difference,
  acting: Acting,
): CommandBody {
  if (kind === 'missing')
    return { type: 'launch_worker', worker_id, launch: { location }, found: { instance_id, reason } };
  const why = `${reason}; its last sign of life was at ${formatTime(since_ms)}`;
  return { type: 'judge_orphaned', worker_id, instance_id, since_ms, reason: why, ...acting };
}
