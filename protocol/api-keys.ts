/** API keys and their roles, as the API shows them. The secret is shown once, when it is made. */
import { type Static, Type } from 'typebox';
import { Id } from './ids.ts';
import { KEY_ID_PATTERN } from './key.ts';
import { AsOfSeq, closed, Nullable, Time, Words } from './schema.ts';
import { LimitFields, TenantId } from './tenant.ts';

export const KEY_ROLES = ['read', 'submit', 'worker', 'operate', 'admin'] as const;
export type KeyRole = (typeof KEY_ROLES)[number];

export const KeyRoleName = Words(
  KEY_ROLES,
  '`read` looks at everything; `submit` submits jobs and follows its own; `worker` claims jobs and reports; `operate` does all that concerns jobs, workers, queues and alerts; `admin` does everything, keys included.',
);

const Name = Type.String({ maxLength: 100, description: 'What it is for, as people see it.' });
const Tags = Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
  minItems: 1,
  maxItems: 20,
  uniqueItems: true,
  description: 'The key sees and submits only jobs with one of these tags. For `read` and `submit`.',
});
const Tenant = {
  ...TenantId,
  description:
    'The key sees, submits and claims only jobs of this tenant, and acts only as workers whose ids begin with it and `_`. Not for `admin`.',
};
const WorkerId = { ...Id, description: 'The key acts only as this worker. For `worker`.' };

/** A key without its secret. */
export const ApiKey = Type.Object(
  {
    id: Type.String({
      pattern: KEY_ID_PATTERN,
      examples: ['4tIcYbYQGSA'],
      description: 'The part of the key that is not secret.',
    }),
    role: KeyRoleName,
    name: Name,
    tags: Nullable(Tags),
    worker_id: Nullable(WorkerId),
    tenant: Nullable(Tenant),
    ...LimitFields,
    created_at: Time('When it was made.'),
    created_by: Type.String({
      description: 'The actor that made it: `key:` and an id, `user:` and a name, `api` without keys, `tmon keys`.',
    }),
    expires_at: Nullable(Time('From then on it is refused.')),
    revoked_at: Nullable(Time('Since then it is refused.')),
    rotated_at: Nullable(Time('When it got its present secret, if that is not its first.')),
    previous_until: Nullable(Time('Until then its previous secret is accepted, too.')),
    last_used_at: Nullable(Time('When this instance last accepted it; null: not since the instance started.')),
    as_of_seq: AsOfSeq,
  },
  { $id: 'ApiKey' },
);
export type ApiKey = Static<typeof ApiKey>;

/** A key with its secret, which is shown only now. */
export const NewApiKey = Type.Object(
  {
    key: Type.String({ description: 'The key itself: `tmk_…`. It is shown only now; the monitor keeps a hash.' }),
    ...ApiKey.properties,
  },
  { $id: 'NewApiKey' },
);
export type NewApiKey = Static<typeof NewApiKey>;

export const KeyCreation = Type.Object(
  {
    role: KeyRoleName,
    name: Type.Optional(Name),
    tags: Type.Optional(Tags),
    worker_id: Type.Optional(WorkerId),
    tenant: Type.Optional(Tenant),
    max_running: Type.Optional(LimitFields.max_running),
    jobs_per_day: Type.Optional(LimitFields.jobs_per_day),
    audio_hours_per_day: Type.Optional(LimitFields.audio_hours_per_day),
    upload_bytes_per_day: Type.Optional(LimitFields.upload_bytes_per_day),
    expires_at: Type.Optional(Time('From then on it is refused. Default: never.')),
  },
  { ...closed, $id: 'KeyCreation' },
);
export type KeyCreation = Static<typeof KeyCreation>;

export const KeyRotation = Type.Object(
  {
    overlap_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 30 * 86_400,
        description: 'How long the present secret is accepted beside the new one. Default: 86400, a day.',
      }),
    ),
  },
  { ...closed, $id: 'KeyRotation' },
);
export type KeyRotation = Static<typeof KeyRotation>;
