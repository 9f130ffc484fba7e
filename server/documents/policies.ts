/** Policies and their decisions as users see them. */
import type { ActionTaken, DecidedAction, EffectivePolicies } from '../../protocol/policies.ts';
import { formatTime } from '../../protocol/time.ts';
import type { Policies } from '../policies/policies.ts';
import { type ActionNote, type ActionRecord, actionId, lastHour } from '../state-machine/state/actions.ts';
import type { State } from '../state-machine/state/state.ts';

/** In the document of a job or a worker. */
export function actionsTaken(notes: readonly ActionNote[] | null | undefined): ActionTaken[] {
  return (notes ?? []).map(({ at_ms, policy, verdict, action, outcome, reason }) => ({
    at: formatTime(at_ms),
    policy,
    verdict,
    action,
    outcome,
    reason,
  }));
}

export function actionDocument(action: ActionRecord): DecidedAction {
  const { ordinal, job_id, worker_id, launched_worker_id, mode, evidence, machine } = action;
  const [taken] = actionsTaken([action]);
  return {
    id: actionId(ordinal),
    ...taken!,
    job_id,
    worker_id,
    launched_worker_id,
    mode,
    evidence: { ...evidence },
    machine: machine && { ...machine },
  };
}

export function policiesDocument(
  state: State,
  { policies, breaker }: Policies,
  now_ms: number,
): Omit<EffectivePolicies, 'problem'> {
  const { policies_paused: paused } = state.scalars;
  const count = (name: string, outcome: 'acted' | 'dry_run') => lastHour(state, name, outcome, now_ms).length;
  return {
    policies: policies.map(({ name, verdict, where, action, mode, after_ms, per_hour }) => ({
      name,
      verdict,
      where: [...where],
      action,
      mode,
      after_seconds: after_ms / 1000,
      per_hour,
      last_hour: { acted: count(name, 'acted'), dry_run: count(name, 'dry_run') },
    })),
    circuit_breaker: {
      actions: breaker.actions,
      share: breaker.share,
      within_seconds: breaker.within_ms / 1000,
      pause_seconds: breaker.pause_ms / 1000,
    },
    paused: paused && {
      since: formatTime(paused.since_ms),
      until: formatTime(paused.until_ms),
      reason: paused.reason,
    },
  };
}
