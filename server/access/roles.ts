/**
 * What each role may do: the one table that everything else is checked against. Roles are not a line from less to more:
 * a worker may claim jobs, which an operator may not, and may not list them, which a reader may.
 */
import { KEY_ROLES, type KeyRole } from '../../protocol/api-keys.ts';

/** What an operation needs. Every endpoint, resource of the feed and page declares one. */
export type Permission =
  /** No key. */
  | 'open'
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

export const ROLES: Readonly<Record<KeyRole, readonly Permission[]>> = {
  read: ['open', 'any', 'read', 'fleet', 'audio'],
  submit: ['open', 'any', 'read', 'audio', 'submit'],
  worker: ['open', 'any', 'audio', 'work', 'report', 'end_worker'],
  operate: ['open', 'any', 'read', 'fleet', 'audio', 'submit', 'report', 'end_worker', 'operate'],
  admin: ['open', 'any', 'read', 'fleet', 'audio', 'submit', 'work', 'report', 'end_worker', 'operate', 'admin'],
};

/** Permissions over things that belong to no job, or to jobs that a narrowed key may not see. */
const WHOLE: ReadonlySet<Permission> = new Set(['fleet']);

/** `narrowed`: the key sees only some of the jobs. */
export function permissionsOf(role: KeyRole, narrowed: boolean): ReadonlySet<Permission> {
  return new Set(narrowed ? ROLES[role].filter((permission) => !WHOLE.has(permission)) : ROLES[role]);
}

/** The roles that have this permission, the least powerful first. */
export const rolesWith = (permission: Permission): KeyRole[] =>
  KEY_ROLES.filter((role) => ROLES[role].includes(permission));
