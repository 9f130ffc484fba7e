/**
 * What each role may do: the one table that everything else is checked against. Roles are not a line from less to more:
 * a worker may claim jobs, which an operator may not, and may not list them, which a reader may.
 */
import { KEY_ROLES, type KeyRole } from '../../protocol/api-keys.ts';

/** What an operation needs. Every endpoint, resource of the feed and page declares one. */
export type Permission =
  /** No key. */
  | 'open'
  /** No key; one that is sent has to count. */
  | 'optional'
  /** Any key; what it gets depends on the key. */
  | 'any'
  /** Look at jobs and their transcripts. */
  | 'read'
  /** Look at workers, queues, alerts, notifications, costs and metrics. */
  | 'fleet'
  /** Read the bytes of an upload. */
  | 'audio'
  /** Upload recordings; submit, cancel and retry jobs. */
  | 'submit'
  /** Register a worker, send its heartbeats, claim jobs, report under a lease. */
  | 'work'
  /** Report jobs that run elsewhere. */
  | 'report'
  /** Drain or terminate a worker. */
  | 'end_worker'
  /** All else that changes jobs, workers, queues and alerts. */
  | 'operate'
  /** Keys, settings, and the record of who did what. */
  | 'admin';

/** Of callers without a key. */
export const WITHOUT_KEY: readonly Permission[] = ['open', 'optional'];
const ALL: readonly Permission[] = [...WITHOUT_KEY, 'any'];
/** Of a token for one job. */
export const OF_ONE_JOB: readonly Permission[] = [...ALL, 'read'];

export const ROLES: Readonly<Record<KeyRole, readonly Permission[]>> = {
  read: [...ALL, 'read', 'fleet', 'audio'],
  submit: [...ALL, 'read', 'audio', 'submit'],
  worker: [...ALL, 'audio', 'work', 'report', 'end_worker'],
  operate: [...ALL, 'read', 'fleet', 'audio', 'submit', 'report', 'end_worker', 'operate'],
  admin: [...ALL, 'read', 'fleet', 'audio', 'submit', 'work', 'report', 'end_worker', 'operate', 'admin'],
};

/** Permissions over things that belong to no job, or to jobs that a narrowed key may not see. */
const WHOLE: ReadonlySet<Permission> = new Set(['fleet', 'report', 'operate', 'admin']);

/** `narrowed`: the key sees only some of the jobs. */
export function permissionsOf(role: KeyRole, narrowed: boolean): ReadonlySet<Permission> {
  return new Set(narrowed ? ROLES[role].filter((permission) => !WHOLE.has(permission)) : ROLES[role]);
}

/** The roles that have this permission, the least powerful first. */
export const rolesWith = (permission: Permission): KeyRole[] =>
  KEY_ROLES.filter((role) => ROLES[role].includes(permission));
