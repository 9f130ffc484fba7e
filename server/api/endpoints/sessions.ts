/** The browsers that are signed in, for administrators: list them, end one. */
import { Type } from 'typebox';
import { MonitorError } from '../../../protocol/errors.ts';
import { Id } from '../../../protocol/ids.ts';
import { OpenSession } from '../../../protocol/session.ts';
import { formatTime } from '../../../protocol/time.ts';
import type { PassRecord } from '../../state-machine/state/passes.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { endpoint } from '../endpoint.ts';
import { freshCommandOf } from './command.ts';
import { pageOf } from './jobs.ts';

export const sessionsEndpoints = [
  endpoint({
    method: 'GET',
    path: '/sessions',
    operation: 'sessions.list',
    permission: 'admin',
    summary: 'List the browsers that are signed in, with whose name and role, the newest first',
    responses: { 200: pageOf(OpenSession) },
    async run(context, { caller }) {
      const open = [...context.engine.state.tables.passes.values()].filter((pass) => isOpen(context, pass));
      open.sort((a, b) => (b.issued_ms ?? 0) - (a.issued_ms ?? 0) || (a.id < b.id ? -1 : 1));
      return { items: open.map((pass) => documentOf(context, caller, pass)), next_cursor: null };
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/sessions/:session_id',
    operation: 'sessions.revoke',
    permission: 'admin',
    summary: 'End a session: its browser is signed out and its open connections are closed',
    params: Type.Object({ session_id: Id }),
    responses: { 200: OpenSession },
    async run(context, { params: { session_id }, caller }) {
      const pass = context.engine.state.tables.passes.get(session_id);
      if (!pass || !isOpen(context, pass)) {
        throw new MonitorError('not_found', 'session_not_found', `there is no session ${session_id}`, {
          hint: 'It may have ended. tmon sessions lists those that are open.',
        });
      }
      await context.engine.submit(freshCommandOf(caller, { type: 'end_pass', pass_id: session_id, once: false }));
      return documentOf(context, caller, pass);
    },
  }),
];

const isOpen = ({ access }: ApiContext, pass: PassRecord): boolean =>
  pass.kind === 'session' && access.passCounts(pass);

function documentOf(
  { engine }: ApiContext,
  { subject }: Caller,
  { id, key_id, person, issued_ms, expires_ms }: PassRecord,
): OpenSession {
  const key = key_id === null ? undefined : engine.state.tables.keys.get(key_id);
  return {
    id,
    name: person?.name ?? key?.name ?? '',
    // A key that is not in the store is the admin's of the settings.
    role: person?.role ?? key?.role ?? 'admin',
    tenant: person?.tenant ?? key?.tenant ?? null,
    key_id,
    issuer: person?.issuer ?? null,
    signed_in_at: issued_ms === null ? null : formatTime(issued_ms),
    expires_at: formatTime(expires_ms),
    own: subject.pass_id === id,
  };
}
