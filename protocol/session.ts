/** What a key is exchanged for: a session of a browser, a ticket for the feed, a token for one job. */
import { type Static, Type } from 'typebox';
import { KeyRoleName } from './api-keys.ts';
import { Id } from './ids.ts';
import { KEY_ID_PATTERN } from './key.ts';
import { closed, Nullable, Time } from './schema.ts';
import { TenantId } from './tenant.ts';

/** Who the caller is, and what it may do. */
export const Session = Type.Object(
  {
    keys_required: Type.Boolean({ description: 'false: the monitor has no keys, and everybody may do everything.' }),
    signed_in: Type.Boolean({ description: 'Whether the request had a key, a session or a token.' }),
    role: Nullable(KeyRoleName),
    permissions: Type.Array(Type.String(), {
      description: 'What the caller may do: the words that operations have as `x-permission` in the API document.',
    }),
    key_id: Nullable(Type.String()),
    name: Nullable(Type.String({ description: 'Of the key, or of who signed in at the identity provider.' })),
    tags: Nullable(
      Type.Array(Type.String(), { description: 'The caller sees and submits only jobs with one of these.' }),
    ),
    tenant: Nullable(TenantId),
    expires_at: Nullable(Time('When the session ends.')),
    provider: Nullable(
      Type.Object(
        {
          name: Type.String({ description: 'For people: `Sign in with …`.' }),
          path: Type.String({ description: 'Where a browser goes to sign in; `?to=` has the page to return to.' }),
        },
        { description: 'The identity provider at which people sign in; null: there is none.' },
      ),
    ),
  },
  { $id: 'Session' },
);
export type Session = Static<typeof Session>;

/** A browser that is signed in. */
export const OpenSession = Type.Object(
  {
    id: Type.String({ pattern: KEY_ID_PATTERN, examples: ['7hQxk2LmP0a'] }),
    name: Type.String({ description: 'Of who signed in at the identity provider, or of the key.' }),
    role: KeyRoleName,
    tenant: Nullable(Type.String({ description: 'Whose jobs it sees; null: all.' })),
    key_id: Nullable(Type.String({ description: 'The key that was exchanged; null: an identity provider.' })),
    issuer: Nullable(Type.String({ description: 'The identity provider; null: a key.' })),
    signed_in_at: Nullable(Time('When it began; null if an earlier version began it.')),
    expires_at: Time('When it ends by itself.'),
    own: Type.Boolean({ description: 'Whether this request came with it.' }),
  },
  { $id: 'OpenSession' },
);
export type OpenSession = Static<typeof OpenSession>;

export const Ticket = Type.Object(
  {
    ticket: Type.String({ description: 'For `/ws?ticket=…` or `GET /events?ticket=…`, once.' }),
    expires_at: Time('Until then it opens a connection, which may last longer.'),
  },
  { $id: 'Ticket' },
);
export type Ticket = Static<typeof Ticket>;

export const JobTokenRequest = Type.Object(
  {
    expires_in_seconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 7 * 86_400, description: 'How long it counts. Default: 3600, an hour.' }),
    ),
  },
  { ...closed, $id: 'JobTokenRequest' },
);
export type JobTokenRequest = Static<typeof JobTokenRequest>;

export const JobToken = Type.Object(
  {
    token: Type.String({
      description: 'For `Authorization: Bearer tmt_…`: reads and follows this job, and nothing else.',
    }),
    job_id: Id,
    expires_at: Time('Until then it counts, unless its key ends before.'),
  },
  { $id: 'JobToken' },
);
export type JobToken = Static<typeof JobToken>;
