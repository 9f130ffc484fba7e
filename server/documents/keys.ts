/** API keys as users see them: everything but their secrets. */
import type { ApiKey } from '../../protocol/api-keys.ts';
import { formatTime } from '../../protocol/time.ts';
import type { KeyRecord } from '../state-machine/state/keys.ts';
import { NO_LIMITS } from '../state-machine/state/limits.ts';

const timeOf = (at_ms: number | null | undefined): string | null => (at_ms == null ? null : formatTime(at_ms));

export function keyDocument(key: KeyRecord, last_used_ms: number | null): ApiKey {
  const { id, version, role, name, tags, worker_id, tenant, secrets, created_by } = key;
  return {
    id,
    role,
    name,
    tags: tags === null ? null : [...tags],
    worker_id,
    tenant,
    ...(key.limits ?? NO_LIMITS),
    created_at: formatTime(key.created_ms),
    created_by,
    expires_at: timeOf(key.expires_ms),
    revoked_at: timeOf(key.revoked_ms),
    rotated_at: timeOf(key.rotated_ms),
    previous_until: timeOf(secrets[1]?.until_ms),
    last_used_at: timeOf(last_used_ms),
    as_of_seq: version,
  };
}
