/** What every line of claims needs to know of the fold: how many jobs may be claimed, and which workers get none. */
import type { AppliedSegment } from '../engine.ts';
import type { State } from '../state-machine/state/state.ts';

/** Events after which a worker gets no more jobs. */
const STOPPING: ReadonlySet<string> = new Set(['WorkerDraining', 'WorkerRestarting', 'WorkerTerminated']);

export function claimableJobs(state: State): number {
  const { high, normal, low } = state.tables.waiting;
  return high.size + normal.size + low.size;
}

/** A stopping worker gets no jobs; its heartbeats have the reason. For a terminated one, `claim` itself is refused. */
export function isStopping(state: State, worker_id: string): boolean {
  const worker = state.worker(worker_id);
  return worker?.state === 'DRAINING' || worker?.state === 'RESTARTING';
}

/** Which workers are stopping since this segment; null if none. */
export function stoppedIn(state: State, segment: AppliedSegment | null): ((worker_id: string) => boolean) | null {
  if (segment === null) return (worker_id) => isStopping(state, worker_id);
  const stopped = segment.events.filter(({ type }) => STOPPING.has(type)).map(({ entity }) => entity);
  return stopped.length === 0 ? null : (worker_id) => stopped.includes(worker_id);
}
