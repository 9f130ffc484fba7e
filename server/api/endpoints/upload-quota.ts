/**
 * Uploads and the quotas of their tenants and keys. The bytes of an upload are no part of the journal, so what it uses is an
 * event of its own: one more commit, where somebody counts.
 */
import { DEFAULT_TENANT } from '../../../protocol/tenant-id.ts';
import type { Subject } from '../../access/subject.ts';
import { Refused } from '../../engine.ts';
import { quotaRefusal } from '../../state-machine/decide/tenants.ts';
import { NOTHING_USED, overQuota } from '../../state-machine/state/usage.ts';
import type { Caller } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { commandOf } from './command.ts';

/** Throws Refused `quota_exceeded` before anything is read, if so much is too much already. */
export function assertUploadQuota({ engine }: ApiContext, subject: Subject, upload_bytes: number): void {
  const counted = { tenant: subject.tenant ?? DEFAULT_TENANT, key_id: subject.key?.id ?? null };
  const at_ms = engine.journal.now();
  const over = overQuota(engine.state, counted, { ...NOTHING_USED, upload_bytes }, at_ms);
  if (over) throw new Refused(quotaRefusal(over, at_ms));
}

/** Counts an upload once, however often the request is repeated with its Idempotency-Key; nothing if nobody counts. */
export function countedBy({ engine }: ApiContext, caller: Caller) {
  const { tenant, key } = caller.subject;
  const { keys, tenants } = engine.state.tables;
  const limited = key !== null && keys.get(key.id)?.limits !== undefined;
  if (tenants.size === 0 && !limited) return undefined;
  return async (upload_id: string, upload_bytes: number) => {
    const of = { ...(tenant === null ? {} : { tenant }), ...(limited ? { key_id: key.id } : {}) };
    const command = commandOf(caller, { type: 'count_upload', upload_id, upload_bytes, ...of }, [
      'upload',
      upload_bytes,
    ]);
    // The same Idempotency-Key may be used for the job that is submitted with it.
    await engine.submit({ ...command, id: `${command.id}-upload` });
  };
}
