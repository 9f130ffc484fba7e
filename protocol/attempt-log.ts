/** The log of an attempt: the end of what the engine printed during it. */
import { type Static, Type } from 'typebox';
import { Id } from './ids.ts';
import { Count } from './schema.ts';

export const AttemptLogReceipt = Type.Object(
  {
    job_id: Id,
    attempt: Type.Integer({ minimum: 1 }),
    end_bytes: Count('Where the log ends now: bytes since the beginning of the attempt, also those that are not kept.'),
  },
  { $id: 'AttemptLogReceipt' },
);
export type AttemptLogReceipt = Static<typeof AttemptLogReceipt>;
