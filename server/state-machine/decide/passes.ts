/** Passes: issue one for a key, record that it is used, and end it. */
import { PASSES_MAX, usedAt } from '../state/passes.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import { type Context, type Decision, refuse } from './decision.ts';

type Body<T extends CommandBody['type']> = CommandBody & { type: T };

export function issuePass(state: State, { type: _, pass_id, ...data }: Body<'issue_pass'>): Decision {
  if (state.tables.passes.size >= PASSES_MAX) {
    return refuse('busy', 'too_many_passes', `there are ${PASSES_MAX} sessions, tickets and tokens already`, {
      hint: 'Try again when some have expired.',
    });
  }
  return { events: [{ type: 'PassIssued', entity: pass_id, data }] };
}

export function usePass(state: State, { pass_id, every_ms }: Body<'use_pass'>, { at_ms }: Context): Decision {
  const pass = state.tables.passes.get(pass_id);
  if (!pass || at_ms >= pass.expires_ms || at_ms - usedAt(pass) < every_ms) return { events: [] };
  return { events: [{ type: 'PassUsed', entity: pass_id, data: {} }] };
}

/** `once`: refuses a pass that has ended, so that a ticket opens one connection on one instance. */
export function endPass(state: State, { pass_id, once }: Body<'end_pass'>, { at_ms }: Context): Decision {
  const pass = state.tables.passes.get(pass_id);
  if (pass && at_ms < pass.expires_ms) return { events: [{ type: 'PassEnded', entity: pass_id, data: {} }] };
  return once ? refuse('unauthenticated', 'ticket_used', 'this ticket was used or has expired') : { events: [] };
}
