/** Erasure: a job and everything personal about it are deleted, at once on request, or by the rules of retention. */
import { type Static, Type } from 'typebox';
import { Id } from './ids.ts';
import { JobFilter } from './queue.ts';
import { Count, closed, Nullable, Time, TotalSeconds, Words } from './schema.ts';

const JournalUntil = Time(
  'Until then segments and snapshots of the journal may hold its fields, which no request shows; later if no monitor runs.',
);
const NotDeleted = Type.Array(Type.String(), {
  description: 'Recordings and transcripts outside the store of the monitor: their owner has to delete them.',
});

export const Erasure = Type.Object(
  {
    job_id: Id,
    erased_at: Time('Since then no request shows it.'),
    erased_by: Type.String({ description: 'The actor, as in the audit; `monitor` for the rules of retention.' }),
    reason: Words(['request', 'retention'], 'On request, or because its retention was over.'),
    stage: Words(
      ['erased', 'cleaned', 'swept', 'ended'],
      '`erased`: its objects are being deleted. `cleaned`: recording, transcript, views, archive and analytics have nothing of it. ' +
        '`swept`: the retention of the journal has passed. `ended`: nothing is left but the id of a job that a source may report again.',
    ),
    journal_until: JournalUntil,
    not_deleted: Type.Optional(NotDeleted),
  },
  { $id: 'Erasure' },
);
export type Erasure = Static<typeof Erasure>;

export const ErasureRequest = Type.Object(
  {
    filter: JobFilter,
    dry_run: Type.Optional(Type.Boolean({ description: 'Return the ids without changing anything. Default false.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Jobs per request. Default 1000.' })),
    cursor: Type.Optional(
      Type.String({ maxLength: 500, description: '`next_cursor` of the previous response. Opaque.' }),
    ),
  },
  { ...closed, $id: 'ErasureRequest' },
);
export type ErasureRequest = Static<typeof ErasureRequest>;

export const ErasureAnswer = Type.Object(
  {
    job_ids: Type.Array(Id, { description: 'The jobs that were, or would be, erased.' }),
    running_ids: Type.Array(Id, {
      description: 'Jobs that workers hold, which were left: cancel them, and repeat the request.',
    }),
    dry_run: Type.Boolean(),
    journal_until: Nullable(JournalUntil),
    not_deleted: NotDeleted,
    next_cursor: Nullable(
      Type.String({ description: 'For the next request with the same filter; null: all jobs have been examined.' }),
    ),
  },
  { $id: 'ErasureAnswer' },
);
export type ErasureAnswer = Static<typeof ErasureAnswer>;

const Period = Type.Union([Type.String(), Type.Literal('never')], {
  description: 'a duration of at least a day like 30d, or never',
});

/**
 * The file of retention rules, in YAML:
 *
 *     default: 400d
 *     tags:
 *       call-center: 30d
 *       legal: never
 *     tenants:
 *       acme: 90d
 */
export const RetentionFile = Type.Object(
  {
    default: Type.Optional(Period),
    tags: Type.Optional(Type.Record(Type.String({ minLength: 1, maxLength: 128 }), Period)),
    tenants: Type.Optional(Type.Record(Type.String({ minLength: 1, maxLength: 128 }), Period)),
  },
  { ...closed, $id: 'RetentionFile' },
);
export type RetentionFile = Static<typeof RetentionFile>;

export const Retention = Type.Object(
  {
    default_seconds: Nullable(
      TotalSeconds('After its end a job is erased for which there is no rule, by tag or tenant; null: never.'),
    ),
    tags: Type.Array(
      Type.Object({
        tag: Type.String(),
        keep_seconds: Nullable(TotalSeconds('After its end a job with the tag is erased; null: never.')),
      }),
      { description: 'Of several rules for a job the shortest period counts; `never` only if all of them say so.' },
    ),
    tenants: Type.Array(
      Type.Object({
        tenant: Type.String(),
        keep_seconds: Nullable(TotalSeconds('After its end a job of the tenant is erased; null: never.')),
      }),
    ),
    next: Type.Array(
      Type.Object({
        job_id: Id,
        ended_at: Time('When it ended.'),
        due_at: Time('When it is erased.'),
        rule: Type.String({ description: '`default`, `tag:call-center`, `tenant:acme`.' }),
      }),
      { description: 'The jobs that are erased next, at most 100.' },
    ),
    erasing: Count('Jobs that were erased, for whatever reason, and of which something is left.'),
  },
  { $id: 'Retention' },
);
export type Retention = Static<typeof Retention>;
