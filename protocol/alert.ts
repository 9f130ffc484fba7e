/** An alert: a condition that needs a person's attention, raised once and resolved automatically or by hand. */
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
      description:
        'The rule that raised it: `worker_lost`, `worker_degraded`, `jobs_dead_lettered`, `queue_without_workers`, …',
    }),
    subject: Nullable(Type.String({ description: 'The worker, job or queue concerned.' })),
    severity: Severity,
    message: Type.String({ description: 'For people: `Queue depth growing`.' }),
    created_at: Time('When it was raised.'),
    resolved_at: Nullable(Time('When it was resolved; null while active.')),
    resolved_by: Nullable(
      Type.String({ description: '`condition` if it cleared by itself, otherwise the person who resolved it.' }),
    ),
    as_of_seq: AsOfSeq,
  },
  { $id: 'Alert' },
);
export type Alert = Static<typeof Alert>;
