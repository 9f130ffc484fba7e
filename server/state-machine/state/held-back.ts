/** Why a waiting job is handed to no worker, however many are idle: a pause, or a limit on what runs at once. */
import { claimable } from './job-indexes.ts';
import { type JobRecord, tenantOf } from './records.ts';
import type { State } from './state.ts';
import { hasRoom, holderOf } from './tenants.ts';

export type HeldBack =
  | { cause: 'tenant_paused'; tenant: string; since_ms: number }
  | { cause: 'tenant_limit'; tenant: string; max_running: number }
  | { cause: 'key_limit'; key_id: string; max_running: number };

export const HELD_BACK_CAUSES: ReadonlySet<unknown> = new Set(['tenant_paused', 'tenant_limit', 'key_limit']);

/** Null if nothing holds it back, or it may not be claimed anyway. */
export function heldBack(state: State, job: JobRecord): HeldBack | null {
  const { tenants, keys, running_of } = state.tables;
  const tenant = tenants.get(tenantOf(job));
  if (!tenant || !claimable(job)) return null;
  const { id, paused_ms, limits } = tenant;
  if (paused_ms !== null) return { cause: 'tenant_paused', tenant: id, since_ms: paused_ms };
  if (limits.max_running !== null && (running_of.get(id) ?? 0) >= limits.max_running) {
    return { cause: 'tenant_limit', tenant: id, max_running: limits.max_running };
  }
  if (hasRoom(state, holderOf(job))) return null;
  const key_id = job.submitted_by!.slice('key:'.length);
  return { cause: 'key_limit', key_id, max_running: keys.get(key_id)!.limits!.max_running! };
}

/** One sentence, without figures that change. */
export function heldBackReason(held: HeldBack): string {
  switch (held.cause) {
    case 'tenant_paused':
      return `Tenant ${held.tenant} is paused.`;
    case 'tenant_limit':
      return `Tenant ${held.tenant} has as many jobs running as it may: ${held.max_running}.`;
    case 'key_limit':
      return `The key ${held.key_id} that submitted it has as many jobs running as it may: ${held.max_running}.`;
  }
}

/** `cause` and the figures, for a verdict. */
export function heldBackEvidence(held: HeldBack): Record<string, string | number> {
  switch (held.cause) {
    case 'tenant_paused':
      return { cause: held.cause, tenant: held.tenant };
    case 'tenant_limit':
      return { cause: held.cause, tenant: held.tenant, max_running: held.max_running };
    case 'key_limit':
      return { cause: held.cause, key_id: held.key_id, max_running: held.max_running };
  }
}
