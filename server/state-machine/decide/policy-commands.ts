/** Commands about policies: what a fleet has done, and the end of a pause. */
import { actionId } from '../state/actions.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import type { Decision } from './decision.ts';

export function settleAction(state: State, body: CommandBody & { type: 'settle_action' }): Decision {
  const { ordinal, done, details } = body;
  if (state.tables.actions.get(ordinal)?.machine?.state !== 'pending') return { events: [] };
  return { events: [{ type: 'ActionSettled', entity: actionId(ordinal), data: { done, details } }] };
}

export function resumePolicies(state: State, { by }: CommandBody & { type: 'resume_policies' }): Decision {
  if (state.scalars.policies_paused === null) return { events: [] };
  return { events: [{ type: 'PoliciesResumed', entity: 'policies', data: { by } }] };
}
