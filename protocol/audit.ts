/** Who did what, from the journal. */
import { type Static, Type } from 'typebox';
import { Count, closed, Nullable, Time, Words } from './schema.ts';

export const AuditEntry = Type.Object(
  {
    seq: Count('Segment of the journal.'),
    index: Count('Event within the segment, from 0.'),
    at: Time('Log time.'),
    actor: Type.String({
      description:
        '`key:` and an id; `user:` and the name of who signed in; `api` without keys; `monitor`; a command line that used the store itself.',
    }),
    key_id: Nullable(Type.String({ description: 'Of the key that the caller sent, or whose session it used.' })),
    key_name: Nullable(Type.String({ description: 'Its name; null if the key has been forgotten.' })),
    event: Type.String({ description: 'What happened: `JobCancelRequested`, `KeyCreated`, … docs/format.md has all.' }),
    entity: Type.String({ description: 'To whom: the id of a job, worker, alert, key, …' }),
    request_id: Nullable(Type.String({ description: 'Of the request, as in its error; null in journals of before.' })),
    address: Nullable(Type.String({ description: 'From which the request came; null in journals of before.' })),
  },
  { $id: 'AuditEntry' },
);
export type AuditEntry = Static<typeof AuditEntry>;

/** Whether every byte of the record is as it was written. */
export const AuditVerification = Type.Object(
  {
    intact: Type.Boolean({ description: 'Nothing that is kept was changed, removed or reordered.' }),
    findings: Type.Array(
      Type.Object({
        check: Type.String({ description: 'What was looked at: `journal`, `segments`, …' }),
        verdict: Words(['pass', 'warn', 'fail'], 'Whether it is as it should be.'),
        says: Type.String({ description: 'For people.' }),
      }),
    ),
  },
  { $id: 'AuditVerification' },
);
export type AuditVerification = Static<typeof AuditVerification>;

export const AuditQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Entries per page. Default 100.' })),
    cursor: Type.Optional(Type.String({ maxLength: 100, description: '`next_cursor` of the previous page. Opaque.' })),
    actor: Type.Optional(Type.String({ maxLength: 256, description: 'Default: everyone but the monitor itself.' })),
    key_id: Type.Optional(Type.String({ maxLength: 64 })),
    event: Type.Optional(Type.String({ maxLength: 64 })),
    entity: Type.Optional(Type.String({ maxLength: 128 })),
    after: Type.Optional(Time('At or after.')),
    before: Type.Optional(Time('Before.')),
  },
  closed,
);
export type AuditQuery = Static<typeof AuditQuery>;
