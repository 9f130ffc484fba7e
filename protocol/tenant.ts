/** Tenants: those who share one fleet and see nothing of each other. */
import { type Static, Type } from 'typebox';
import { AsOfSeq, Count, closed, Nullable, Time } from './schema.ts';
import { DEFAULT_TENANT, TENANT_PATTERN, tenantPrefix } from './tenant-id.ts';

export { DEFAULT_TENANT, tenantPrefix };

export const TenantId = Type.String({
  pattern: TENANT_PATTERN,
  examples: ['acme'],
  description: 'Id of a tenant: small letters, digits and `-`, at most 32. `default` has the jobs of no other.',
});
export type TenantId = Static<typeof TenantId>;

const WEIGHT_MAX = 1_000;
const COUNT_MAX = 1_000_000_000;

const Weight = Type.Integer({
  minimum: 1,
  maximum: WEIGHT_MAX,
  description: 'Its part of the jobs of a class, in relation to the weights of the others that have waiting jobs.',
});

/** How much may run at once and be submitted a day. Days are UTC, by the time of the journal. */
export const LimitFields = {
  max_running: Nullable(
    Type.Integer({
      minimum: 1,
      maximum: COUNT_MAX,
      description: 'Jobs that workers may hold at once; null: no limit.',
    }),
  ),
  jobs_per_day: Nullable(
    Type.Integer({ minimum: 0, maximum: COUNT_MAX, description: 'Jobs that may be submitted a day; null: no limit.' }),
  ),
  audio_hours_per_day: Nullable(
    Type.Number({
      minimum: 0,
      maximum: COUNT_MAX,
      description:
        'Hours of audio that may be submitted a day; null: no limit. A recording counts with the length that was submitted, or is learned when it is fetched.',
    }),
  ),
  upload_bytes_per_day: Nullable(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Bytes that may be uploaded a day; null: no limit.',
    }),
  ),
};

/** The body of PUT /tenants/{tenant}: replaces all settings. */
export const TenantSettings = Type.Object(
  {
    weight: Type.Optional({
      ...Weight,
      description: `Its part of the jobs, in relation to the weights of others. Default 1.`,
    }),
    max_running: Type.Optional(LimitFields.max_running),
    jobs_per_day: Type.Optional(LimitFields.jobs_per_day),
    audio_hours_per_day: Type.Optional(LimitFields.audio_hours_per_day),
    upload_bytes_per_day: Type.Optional(LimitFields.upload_bytes_per_day),
  },
  {
    ...closed,
    $id: 'TenantSettings',
    description: 'What a tenant may have. What is left out has its default: no limit.',
  },
);
export type TenantSettings = Static<typeof TenantSettings>;

export const Tenant = Type.Object(
  {
    tenant: TenantId,
    weight: Weight,
    ...LimitFields,
    paused: Type.Boolean({ description: 'Its waiting jobs are handed to no worker; running ones go on.' }),
    paused_at: Nullable(Time('Since when it is paused.')),
    waiting: Count('Its jobs that may be claimed, as far as limits and pauses do not forbid it.'),
    running: Count('Its jobs that workers hold.'),
    usage: Type.Object(
      {
        day: Type.String({ examples: ['2026-11-27'], description: 'The UTC day, by the time of the journal.' }),
        jobs: Count('Submitted.'),
        audio_hours: Type.Number({ minimum: 0, description: 'Of the recordings whose length is known.' }),
        upload_bytes: Count('Uploaded.'),
        resets_at: Time('When the next day begins.'),
      },
      { description: 'What it has used today.' },
    ),
    as_of_seq: AsOfSeq,
  },
  { $id: 'Tenant', description: 'Somebody who shares the fleet: settings, use and jobs.' },
);
export type Tenant = Static<typeof Tenant>;
