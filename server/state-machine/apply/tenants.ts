/** Applies events to tenants, and to what is counted for their quotas. */
import { DEFAULT_TENANT } from '../../../protocol/tenant-id.ts';
import type { TenantEvent } from '../events.ts';
import { NO_LIMITS } from '../state/limits.ts';
import type { State } from '../state/state.ts';
import { ensureTenant, forgetTenant, putTenant } from '../state/tenants.ts';
import { countUse, NOTHING_USED } from '../state/usage.ts';

export function applyTenantEvent(state: State, event: TenantEvent): void {
  if (event.type === 'UploadCounted') {
    const { tenant, key_id, upload_bytes } = event.data;
    const counted = { tenant: tenant ?? DEFAULT_TENANT, key_id: key_id ?? null };
    return countUse(state, counted, { ...NOTHING_USED, upload_bytes });
  }
  const tenant = { ...ensureTenant(state, event.entity), version: state.seq };
  switch (event.type) {
    case 'TenantSet': {
      const { weight, limits } = event.data;
      return putTenant(state, { ...tenant, weight, limits });
    }
    case 'TenantPaused':
      return putTenant(state, { ...tenant, paused_ms: state.at_ms });
    case 'TenantResumed':
      return putTenant(state, { ...tenant, paused_ms: null });
    case 'TenantReset':
      putTenant(state, { ...tenant, weight: 1, limits: NO_LIMITS, paused_ms: null });
      return forgetTenant(state, event.entity);
  }
}
