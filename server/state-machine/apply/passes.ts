/** Applies events to passes. */
import type { PassEvent } from '../events.ts';
import type { State } from '../state/state.ts';

export function applyPassEvent(state: State, event: PassEvent): void {
  if (event.type === 'PassEnded') return state.removePass(event.entity);
  if (event.type === 'PassUsed') {
    const pass = state.tables.passes.get(event.entity);
    if (pass) state.putPass({ ...pass, used_ms: state.at_ms });
    return;
  }
  const {
    kind,
    key_id,
    key_hash,
    person = null,
    session_id = null,
    secret_hash,
    job_id,
    limits,
    expires_ms,
  } = event.data;
  state.forgetPassesEndedBy(state.at_ms);
  state.putPass({
    id: event.entity,
    kind,
    key_id,
    key_hash,
    person,
    session_id,
    issued_ms: state.at_ms,
    secret_hash,
    job_id,
    ...(limits === undefined ? {} : { limits }),
    expires_ms,
  });
}
