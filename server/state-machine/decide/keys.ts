/** API keys: create, rotate, revoke. Nobody is locked out: the first key, and always one more, is an admin's. */
import { tenantPrefix } from '../../../protocol/tenant-id.ts';
import { formatTime } from '../../../protocol/time.ts';
import { KEYS_MAX, type KeyRecord, keyCounts } from '../state/keys.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import { type Context, type Decision, refuse } from './decision.ts';
import { unknownBeyond } from './tenants.ts';

type Body<T extends CommandBody['type']> = CommandBody & { type: T };

export function createKey(state: State, body: Body<'create_key'>, { at_ms }: Context): Decision {
  const { key_id, first, outside_admin, by, ...data } = body;
  const { keys } = state.tables;
  const { role, tags, worker_id, tenant, expires_ms } = data;
  if (first && keys.size > 0) return refuse('conflict', 'keys_exist', 'this store has a key already');
  if (!outside_admin && role !== 'admin' && !hasAdmin(state, at_ms)) {
    return refuse('conflict', 'first_key_not_admin', `the first key has to be an admin's, not of the role ${role}`, {
      hint: 'Create one with --role admin first: from the first key on every request needs a key.',
    });
  }
  if (tags !== null && role !== 'read' && role !== 'submit') {
    return refuse('invalid', 'role_without_tags', `a key of the role ${role} cannot be narrowed to tags`, {
      hint: 'Only keys of the roles read and submit can.',
    });
  }
  if (worker_id !== null && role !== 'worker') {
    return refuse('invalid', 'role_without_worker', `a key of the role ${role} cannot be narrowed to a worker`, {
      hint: 'Only keys of the role worker can.',
    });
  }
  if (tenant !== null && role === 'admin') {
    return refuse('invalid', 'role_without_tenant', 'a key of the role admin cannot be narrowed to a tenant', {
      hint: 'It may create keys of every tenant. Keys of all other roles can be narrowed.',
    });
  }
  if (tenant !== null && worker_id !== null && !worker_id.startsWith(tenantPrefix(tenant))) {
    return refuse('invalid', 'worker_of_another_tenant', `${worker_id} is not the id of a worker of ${tenant}`, {
      hint: `The ids of its workers begin with ${tenantPrefix(tenant)}`,
    });
  }
  if (tenant !== null) {
    const refusal = unknownBeyond(state, [tenant]);
    if (refusal) return { refusal };
  }
  if (expires_ms !== null && expires_ms <= at_ms) {
    return refuse('invalid', 'key_over', `expires_at ${formatTime(expires_ms)} is past`);
  }
  if (keys.has(key_id)) return refuse('conflict', 'key_id_taken', 'a key with this id exists', { hint: 'Try again.' });
  if (keys.size >= KEYS_MAX && ![...keys.values()].some((key) => !keyCounts(key, at_ms))) {
    return refuse('conflict', 'too_many_keys', `there are ${KEYS_MAX} keys already`, {
      hint: 'Revoke those that nobody uses: tmon keys list',
    });
  }
  const { type: _, ...fields } = data;
  return { events: [{ type: 'KeyCreated', entity: key_id, data: { ...fields, by } }] };
}

export function rotateKey(state: State, body: Body<'rotate_key'>, { at_ms }: Context): Decision {
  const { key_id, secret_hash, overlap_ms, by } = body;
  const key = state.tables.keys.get(key_id);
  if (!key) return keyNotFound(key_id);
  if (!keyCounts(key, at_ms)) {
    const how = key.revoked_ms === null ? 'has expired' : 'was revoked';
    return refuse('conflict', 'key_ended', `${key_id} ${how}`, { hint: 'Create a new key.' });
  }
  return {
    events: [{ type: 'KeyRotated', entity: key_id, data: { secret_hash, previous_until_ms: at_ms + overlap_ms, by } }],
  };
}

export function revokeKey(state: State, { key_id, outside_admin, by }: Body<'revoke_key'>, context: Context): Decision {
  const key = state.tables.keys.get(key_id);
  if (!key) return keyNotFound(key_id);
  if (key.revoked_ms !== null) return { events: [] };
  if (!outside_admin && key.role === 'admin' && !hasAdmin(state, context.at_ms, key_id)) {
    return refuse('conflict', 'last_admin_key', `${key_id} is the last admin key`, {
      hint: 'Create another one first: tmon keys create --role admin',
    });
  }
  return { events: [{ type: 'KeyRevoked', entity: key_id, data: { by } }] };
}

/** Whether an admin key is accepted now, besides this one. */
function hasAdmin(state: State, at_ms: number, besides?: string): boolean {
  const isOther = (key: KeyRecord) => key.id !== besides && key.role === 'admin' && keyCounts(key, at_ms);
  return [...state.tables.keys.values()].some(isOther);
}

const keyNotFound = (key_id: string) =>
  refuse('not_found', 'key_not_found', `there is no key ${key_id}`, { hint: 'tmon keys list lists the keys.' });
