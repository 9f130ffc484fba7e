/** Makes a pass of the key, or of the sign-in, of a caller. */
import { MonitorError } from '../../../protocol/errors.ts';
import type { PassKind, PassLimits } from '../../state-machine/state/passes.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { freshCommandOf } from './command.ts';

export type Issued = { pass_id: string; text: string; expires_ms: number };

/** Throws MonitorError `no_keys`, `key_needed`; Refused `too_many_passes`. */
export async function issuePass(
  context: ApiContext,
  caller: Caller,
  {
    kind,
    lifetime_ms,
    job_id = null,
    limits,
  }: { kind: PassKind; lifetime_ms: number; job_id?: string | null; limits?: PassLimits },
): Promise<Issued> {
  const { access, engine } = context;
  const { key, person, pass_id: by_pass } = caller.subject;
  if (!access.required) {
    throw new MonitorError('conflict', 'no_keys', 'this monitor has no keys: everybody may do everything', {
      hint: 'Create one with: tmon keys create --role admin',
    });
  }
  // A pass makes tickets for its own page; it does not prolong itself.
  if ((key === null && person === null) || (by_pass !== null && kind !== 'ticket')) {
    throw new MonitorError('forbidden', 'key_needed', 'this needs the key itself, not what was made from one');
  }
  const expires_ms = engine.journal.now() + lifetime_ms;
  const link = kind === 'transcript' || kind === 'upload';
  const { text, pass_id, secret_hash } = link ? access.newLink() : access.newPass();
  await engine.submit(
    freshCommandOf(caller, {
      type: 'issue_pass',
      pass_id,
      kind,
      key_id: key?.id ?? null,
      key_hash: key?.hash ?? null,
      ...(person === null ? {} : { person }),
      ...(by_pass === null ? {} : { session_id: by_pass }),
      secret_hash,
      job_id,
      ...(limits === undefined ? {} : { limits }),
      expires_ms,
    }),
  );
  return { pass_id, text, expires_ms };
}
