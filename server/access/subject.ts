/** Who makes a request, and what they may do. */
import type { KeyRole } from '../../protocol/api-keys.ts';
import type { KeyRecord } from '../state-machine/state/keys.ts';
import type { Person } from '../state-machine/state/passes.ts';
import { OF_ONE_JOB, type Permission, permissionsOf, ROLES, WITHOUT_KEY } from './roles.ts';
import type { JobScope } from './scope.ts';

export type Subject = {
  /** Named as the author of events. */
  readonly actor: string;
  /** Null without keys, and for nobody. */
  readonly role: KeyRole | null;
  readonly permissions: ReadonlySet<Permission>;
  /** The jobs that it may see; null: all. */
  readonly scope: JobScope | null;
  /** The tags of which a job that it submits needs one; null: none is needed. */
  readonly tags: readonly string[] | null;
  /** The tenant that it belongs to; null: none, it may act for all of them. */
  readonly tenant: string | null;
  /** The only worker that it may act as; null: any. */
  readonly worker_id: string | null;
  /** The key and the hash of the secret that was sent; null without a key of the store. */
  readonly key: { readonly id: string; readonly hash: string } | null;
  /** Who signed in at an identity provider; null for the holder of a key. */
  readonly person: Person | null;
  /** The session or token by which it was let in, in place of the key itself. */
  readonly pass_id: string | null;
};

const LIMITLESS = {
  scope: null,
  tags: null,
  tenant: null,
  worker_id: null,
  key: null,
  person: null,
  pass_id: null,
} as const;

/** Every caller of a monitor without keys. */
export const EVERYBODY: Subject = { ...LIMITLESS, actor: 'api', role: null, permissions: new Set(ROLES.admin) };

/** A caller without a key, of a monitor that has keys. */
export const NOBODY: Subject = { ...LIMITLESS, actor: 'nobody', role: null, permissions: new Set(WITHOUT_KEY) };

/** An admin whose key is in the settings, or a worker that the monitor itself has started. */
export function subjectOutside(actor: string, role: KeyRole): Subject {
  return { ...LIMITLESS, actor, role, permissions: permissionsOf(role, false) };
}

export function subjectOf({ id, role, tags, tenant, worker_id }: KeyRecord, hash: string): Subject {
  const actor = `key:${id}`;
  const scope = scopeOf({ role, tags, tenant }, actor);
  const limits = { scope, tags, tenant, worker_id, key: { id, hash }, person: null, pass_id: null };
  return { actor, role, permissions: permissionsOf(role, scope !== null), ...limits };
}

/** The jobs that it sees; null: all. */
function scopeOf({ role, tags, tenant }: Pick<KeyRecord, 'role' | 'tags' | 'tenant'>, actor: string): JobScope | null {
  const scope = {
    ...(tenant === null ? {} : { tenant }),
    ...(tags !== null ? { tags } : role === 'submit' ? { submitted_by: actor } : {}),
  };
  return Object.keys(scope).length > 0 ? scope : null;
}

/** Someone who signed in at an identity provider. */
export function subjectOfPerson(person: Person): Subject {
  const { role, tenant } = person;
  const actor = actorOfPerson(person);
  const scope = scopeOf({ role, tags: null, tenant }, actor);
  return { ...LIMITLESS, actor, role, permissions: permissionsOf(role, scope !== null), scope, tenant, person };
}

/** The one whose requests are counted together; null for callers that are known by their address alone. */
export const countedAs = ({ key, person, actor }: Subject): string | null =>
  key !== null ? key.id : person !== null ? actor : null;

export const actorOfPerson = ({ name }: Person): string => `user:${name}`;

/** The holder of a token: sees one job of those that the key may see. */
export function narrowedToJob(subject: Subject, job_id: string): Subject {
  const scope = { ...(subject.tenant === null ? {} : { tenant: subject.tenant }), job_id };
  return { ...subject, role: 'read', permissions: new Set(OF_ONE_JOB), scope, tags: [] };
}
