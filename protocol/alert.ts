/** An alert: a condition that a person should know of, raised once and resolved by itself or by hand. */
import { type Static, Type } from 'typebox';
import { Id } from './ids.ts';
import { AsOfSeq, Nullable, Time, Words } from './schema.ts';

export const SEVERITIES = ['INFO', 'WARNING', 'CRITICAL'] as const;
export const Severity = Words(SEVERITIES, 'INFO, WARNING or CRITICAL.');
export type Severity = Static<typeof Severity>;

export const Alert = Type.Object(
  {
    id: Id,
    rule: Type.String({
      description: 'What raised it: `worker_lost`, `jobs_dead_lettered`, `queue_without_workers`, …',
    }),
    subject: Nullable(Type.String({ description: 'The worker, job or queue it is about.' })),
    severity: Severity,
    message: Type.String({ description: 'In words: `Queue depth growing`.' }),
    created_at: Time('When it was raised.'),
    resolved_at: Nullable(Time('When it was resolved; null while active.')),
    resolved_by: Nullable(Type.String({ description: '`condition` when it cleared by itself, else who resolved it.' })),
    as_of_seq: AsOfSeq,
  },
  { $id: 'Alert' },
);
export type Alert = Static<typeof Alert>;
