/** Tenants: those who share one fleet and see nothing of each other. */
import { type Static, Type } from 'typebox';
import { DEFAULT_TENANT, TENANT_PATTERN, tenantPrefix } from './tenant-id.ts';

export { DEFAULT_TENANT, tenantPrefix };

export const TenantId = Type.String({
  pattern: TENANT_PATTERN,
  examples: ['acme'],
  description: 'Id of a tenant: small letters, digits and `-`, at most 32. `default` has the jobs of no other.',
});
export type TenantId = Static<typeof TenantId>;
