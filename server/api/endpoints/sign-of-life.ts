/**
 * Every act of a worker is a sign of life: a claim, a registration, and each report under a lease, which also renews that lease. It
 * becomes a soft heartbeat without health, and only if it says something new, so a fleet that beats for itself writes nothing more.
 */
import { heldJob } from '../../state-machine/decide/jobs.ts';
import type { Run } from '../../state-machine/state/records.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { softCommandOf } from './command.ts';

/** The worker is noted again after this part of the time after which its silence shows. */
const HEARD_PART = 1 / 3;
/** A lease is renewed by reports once this part of it has passed. */
const LEASE_PART = 1 / 4;

/** The worker does something; `run`: under the lease of this attempt. */
export function noteAlive({ engine }: ApiContext, caller: Caller, worker_id: string, run: Run | null = null): void {
  const { state, policy } = engine;
  const worker = state.worker(worker_id);
  if (!worker || worker.state === 'TERMINATED' || worker.reported) return;
  const now_ms = engine.journal.now();
  const heard = now_ms - (worker.heartbeat_ms ?? 0) < policy.worker_degraded_ms * HEARD_PART;
  const leased = run?.expires_ms == null || run.expires_ms - now_ms > policy.lease_ms * (1 - LEASE_PART);
  if (heard && leased) return;
  const leases = run?.token ? [run.token] : [];
  engine.submitSoft(softCommandOf(caller, { type: 'beat', worker_id, health: null, leases }));
}

/** The worker that holds this lease reports under it. A lease that has ended notes nothing. */
export function noteReport(context: ApiContext, caller: Caller, job_id: string, lease_token: string): void {
  const job = heldJob(context.engine.state, job_id, lease_token);
  if (!('refusal' in job) && job.run) noteAlive(context, caller, job.run.worker_id, job.run);
}
