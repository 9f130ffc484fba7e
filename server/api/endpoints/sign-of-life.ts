/**
 * Every request of a worker is a sign of life: a claim, a registration, and a report under a lease, which also renews
 * that lease. It becomes a soft heartbeat without health, unless a recent one makes that redundant, so heartbeats cost
 * no additional writes.
 */
import { heldJob } from '../../state-machine/decide/jobs.ts';
import type { JobRecord, Run } from '../../state-machine/state/records.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { softCommandOf } from './command.ts';

/** A sign of life is recorded again after this part of `worker_degraded_ms`. */
const SILENCE_PART = 1 / 3;
/** Reports renew a lease once this part of it has passed. */
const LEASE_PART = 1 / 4;

/** Records a sign of life; `run` is the attempt whose lease it renews. */
export function noteAlive({ engine }: ApiContext, caller: Caller, worker_id: string, run: Run | null = null): void {
  const { state, policy } = engine;
  const worker = state.worker(worker_id);
  if (!worker || worker.state === 'TERMINATED' || worker.reported) return;
  const now_ms = engine.journal.now();
  const recent = now_ms - (worker.heartbeat_ms ?? 0) < policy.worker_degraded_ms * SILENCE_PART;
  const leased = run?.expires_ms == null || run.expires_ms - now_ms > policy.lease_ms * (1 - LEASE_PART);
  if (recent && leased) return;
  const leases = run?.token ? [run.token] : [];
  engine.submitSoft(softCommandOf(caller, { type: 'beat', worker_id, health: null, leases }));
}

/** Records a report on a job as a sign of life of the worker that holds its lease. */
export function noteHolder(context: ApiContext, caller: Caller, { run }: JobRecord): void {
  if (!run) return;
  const { journal, policy } = context.engine;
  const fresh_ms = Math.min(policy.lease_ms * LEASE_PART, policy.worker_degraded_ms * SILENCE_PART);
  // Most reports end here: the worker showed life when the lease was granted or renewed.
  if (run.expires_ms !== null && journal.now() - (run.expires_ms - policy.lease_ms) < fresh_ms) return;
  noteAlive(context, caller, run.worker_id, run);
}

/** Records a report under a lease as a sign of life of its worker, unless the lease has ended. */
export function noteReport(context: ApiContext, caller: Caller, job_id: string, lease_token: string): void {
  const job = heldJob(context.engine.state, job_id, lease_token);
  if (!('refusal' in job)) noteHolder(context, caller, job);
}
