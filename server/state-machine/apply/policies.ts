/** Applies decisions of policies: the log of them, their notes on jobs and workers, and the pause of the circuit breaker. */
import type { PolicyEvent } from '../events.ts';
import { type ActionNote, countDecision, noted } from '../state/actions.ts';
import type { State } from '../state/state.ts';
import { countBy } from '../state/tallies.ts';

export function applyPolicyEvent(state: State, event: PolicyEvent): void {
  switch (event.type) {
    case 'ActionDecided':
      return decided(state, event);
    case 'ActionSettled': {
      const action = state.tables.actions.get(Number(event.entity.replace('action-', '')));
      if (action?.machine?.state !== 'pending') return;
      const { done, details } = event.data;
      return state.putAction({ ...action, machine: { state: done ? 'done' : 'failed', details } });
    }
    case 'PoliciesPaused': {
      const { until_ms, reason } = event.data;
      state.scalars.policies_paused = { since_ms: state.at_ms, until_ms, reason };
      return;
    }
    case 'PoliciesResumed':
      state.scalars.policies_paused = null;
      // After the time alone, the same that paused them may pause them again.
      if (event.data.by !== BY_TIME) state.scalars.policies_resumed_ms = state.at_ms;
  }
}

/** Nobody resumed them: their time was over. */
export const BY_TIME = 'time';

function decided(state: State, { entity, data }: PolicyEvent & { type: 'ActionDecided' }): void {
  const { of, policy, verdict, action, mode, outcome, reason, evidence, worker_id, by, machine } = data;
  const note: ActionNote = { at_ms: state.at_ms, policy, verdict, action, outcome, reason };
  const job = of === 'job' ? state.job(entity) : undefined;
  const worker = of === 'worker' ? state.worker(entity) : undefined;
  if (job) {
    const run = job.run && data.kill_ms !== undefined ? { ...job.run, expires_ms: data.kill_ms } : job.run;
    const kill_ms = data.kill_ms ?? job.kill_ms;
    state.putJob({ ...job, run, kill_ms, actions: noted(job.actions, note), version: state.seq }, job);
  }
  if (worker) state.putWorker({ ...worker, actions: noted(worker.actions, note), version: state.seq });
  countBy(state, 'decided', outcome);
  if (outcome === 'acted') countBy(state, 'acted', action);
  if (outcome === 'acted' || outcome === 'dry_run') countDecision(state, policy, outcome);
  state.putAction({
    ...note,
    ordinal: state.nextOrdinal(),
    job_id: of === 'job' ? entity : null,
    worker_id: of === 'worker' ? entity : worker_id,
    launched_worker_id: data.launched_worker_id ?? null,
    mode,
    evidence,
    machine: machine === true ? { state: 'pending', details: null } : null,
    by,
  });
}
