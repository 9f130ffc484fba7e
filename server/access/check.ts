/** Whether a subject may do what it asks for. Pure: the same answer for HTTP and the WebSocket. */
import { MonitorError } from '../../protocol/errors.ts';
import { DEFAULT_TENANT, tenantPrefix } from '../../protocol/tenant-id.ts';
import { type Permission, rolesWith } from './roles.ts';
import type { Subject } from './subject.ts';

/**
 * Throws MonitorError `key_required` or `role_not_allowed`. `what`: the operation, for the message. `worker_id`: the
 * worker that it acts as or upon.
 */
export function assertMay(
  subject: Subject,
  { permission, what, worker_id }: { permission: Permission; what: string; worker_id?: string | undefined },
): void {
  if (!subject.permissions.has(permission)) throw refusalOf(subject, permission, what);
  if (worker_id !== undefined) assertWorker(subject, worker_id);
}

/**
 * Throws MonitorError `other_worker` if the subject is another worker. The ids of a tenant's workers begin with its own:
 * its keys can neither take the id of another's worker nor find out whether there is one.
 */
export function assertWorker({ worker_id: only, tenant }: Subject, worker_id: string): void {
  if (only !== null && only !== worker_id) {
    throw new MonitorError('forbidden', 'other_worker', `this key acts only as ${only}`, {
      hint: 'Each worker needs its own key, or a key of the role worker without --worker.',
    });
  }
  if (tenant === null || worker_id.startsWith(tenantPrefix(tenant))) return;
  const prefix = tenantPrefix(tenant);
  throw new MonitorError('forbidden', 'other_worker', `this key acts only as workers whose ids begin with ${prefix}`, {
    hint: `Name the worker ${prefix}1, for example: tmon worker --id ${prefix}1`,
  });
}

/**
 * The tenant of a job that the subject submits; undefined: the default. Throws MonitorError `tenant_not_allowed` unless it
 * may name this one.
 */
export function tenantFor({ tenant: own, permissions }: Subject, named: string | undefined): string | undefined {
  if (named !== undefined && named !== own && !(own === null && permissions.has('operate'))) {
    throw new MonitorError('forbidden', 'tenant_not_allowed', 'this key submits jobs for its own tenant only', {
      hint: 'Leave tenant out: a job belongs to the tenant of the key. Keys of the roles operate and admin may name one.',
    });
  }
  const tenant = own ?? named;
  return tenant === DEFAULT_TENANT ? undefined : tenant;
}

/** Throws MonitorError `tag_required` if the subject may not submit a job with these tags. */
export function assertTags(subject: Subject, tags: readonly string[] = []): void {
  if (subject.tags === null || subject.tags.some((tag) => tags.includes(tag))) return;
  throw new MonitorError('forbidden', 'tag_required', 'this key submits only jobs with one of its tags', {
    hint: `Add one of: ${subject.tags.join(', ')}`,
  });
}

function refusalOf({ role, scope }: Subject, permission: Permission, what: string): MonitorError {
  if (role === null) {
    return new MonitorError('unauthenticated', 'key_required', 'this monitor requires an API key', {
      hint: 'Send it as Authorization: Bearer tmk_…; tmon takes it from TMON_API_KEY.',
    });
  }
  const roles = rolesWith(permission);
  if (roles.includes(role) && scope !== null) {
    return new MonitorError('forbidden', 'key_narrowed', `${what} shows more than the jobs of this key`, {
      hint: `It needs a key of the role ${roles.join(' or ')} that is not narrowed.`,
    });
  }
  return new MonitorError('forbidden', 'role_not_allowed', `${what} needs a key of the role ${roles.join(' or ')}`, {
    hint: `This key has the role ${role}.`,
    extra: { role, roles },
  });
}
