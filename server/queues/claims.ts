/** The facts of the fold that every line of claims needs: how many jobs may be claimed, and which workers get none. */
import type { AppliedSegment } from '../engine.ts';
import { couldClaim, mayTake } from '../state-machine/decide/claims.ts';
import type { Policy } from '../state-machine/decide/policy.ts';
import { allowance } from '../state-machine/state/able.ts';
import { Room } from '../state-machine/state/fair-line.ts';
import type { State } from '../state-machine/state/state.ts';

/** Events after which a worker gets no more jobs. */
const STOPPING: ReadonlySet<string> = new Set(['WorkerDraining', 'WorkerRestarting', 'WorkerTerminated']);

/** The engine, as far as it matters for who gets a job. */
type Claiming = {
  readonly state: State;
  readonly policy: Policy;
  readonly journal: { now(): number };
};

/** Whether a claim of the worker would get a job now. */
export function wouldGet({ state, policy, journal }: Claiming, worker_id: string): boolean {
  return couldClaim(state, worker_id, { at_ms: journal.now(), policy });
}

/** Of these messages those that the worker may have now, as far as tenants and keys are not at their limits, at most `max`. */
export function messagesFor<M extends { job_id: string }>(
  { state, policy, journal }: Claiming,
  { worker_id, max_jobs }: { worker_id: string; max_jobs: number },
  messages: readonly M[],
): M[] {
  const worker = state.worker(worker_id);
  if (!worker) return messages.slice(0, max_jobs);
  const at_ms = journal.now();
  const room = new Room(state);
  const may = ({ job_id }: M) => {
    const job = state.job(job_id);
    if (job === undefined || !mayTake(state, worker, job, { at_ms, policy }) || !room.has(job)) return false;
    room.take(job);
    return true;
  };
  return messages.filter(may).slice(0, allowance(worker, max_jobs, at_ms));
}

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
