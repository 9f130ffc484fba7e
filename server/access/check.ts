/** Whether a subject may do what it asks for. Pure: the same answer for HTTP and the WebSocket. */
import { MonitorError } from '../../protocol/errors.ts';
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

/** Throws MonitorError `other_worker` if the subject is another worker. */
export function assertWorker(subject: Subject, worker_id: string): void {
  if (subject.worker_id === null || subject.worker_id === worker_id) return;
  throw new MonitorError('forbidden', 'other_worker', `this key acts only as ${subject.worker_id}`, {
    hint: 'Each worker needs its own key, or a key of the role worker without --worker.',
  });
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
