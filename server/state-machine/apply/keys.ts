/** Applies events to API keys. */

import { DEFAULT_TENANT } from '../../../protocol/tenant-id.ts';
import type { KeyEvent } from '../events.ts';
import { KEYS_MAX, keyCounts } from '../state/keys.ts';
import type { State } from '../state/state.ts';
import { ensureTenant } from '../state/tenants.ts';

export function applyKeyEvent(state: State, event: KeyEvent): void {
  const { keys } = state.tables;
  const key = keys.get(event.entity);
  switch (event.type) {
    case 'KeyCreated': {
      if (key) return;
      const { secret_hash, by, name, role, tags, worker_id, tenant, limits, expires_ms } = event.data;
      if (tenant !== null || limits) ensureTenant(state, tenant ?? DEFAULT_TENANT);
      keys.set(event.entity, {
        id: event.entity,
        version: state.seq,
        role,
        name,
        tags,
        worker_id,
        tenant,
        ...(limits ? { limits } : {}),
        secrets: [{ hash: secret_hash, until_ms: null }],
        created_ms: state.at_ms,
        created_by: by,
        expires_ms,
        rotated_ms: null,
        revoked_ms: null,
      });
      return forgetEnded(state);
    }
    case 'KeyRotated': {
      if (!key) return;
      const { secret_hash, previous_until_ms } = event.data;
      const secrets = [
        { hash: secret_hash, until_ms: null },
        { hash: key.secrets[0]!.hash, until_ms: previous_until_ms },
      ];
      keys.set(key.id, { ...key, version: state.seq, secrets, rotated_ms: state.at_ms });
      return;
    }
    case 'KeyRevoked':
      if (!key || key.revoked_ms !== null) return;
      keys.set(key.id, { ...key, version: state.seq, revoked_ms: state.at_ms });
      return;
  }
}

/** Beyond KEYS_MAX, the oldest keys that are no longer accepted make room. */
function forgetEnded(state: State): void {
  const { keys } = state.tables;
  if (keys.size <= KEYS_MAX) return;
  const ended = [...keys.values()].filter((key) => !keyCounts(key, state.at_ms));
  ended.sort((a, b) => a.created_ms - b.created_ms || (a.id < b.id ? -1 : 1));
  for (const { id } of ended.slice(0, keys.size - KEYS_MAX)) keys.delete(id);
}
