/** The ids of tenants, apart from their schema so that code without a schema library can use them. */

/** Without `_`, so that no worker's id begins with the prefixes of two tenants. */
export const TENANT_PATTERN = '^[a-z0-9][a-z0-9-]{0,31}$';

/** The tenant of jobs that were submitted for no other. */
export const DEFAULT_TENANT = 'default';

/** What the ids of a tenant's own workers begin with. */
export const tenantPrefix = (tenant: string): string => `${tenant}_`;
