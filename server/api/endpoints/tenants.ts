/** Tenants: what they may have and have used; paused and resumed. Who belongs to one sees it alone, others all or none. */
import { type Static, Type } from 'typebox';
import { MonitorError } from '../../../protocol/errors.ts';
import { Tenant, TenantId, TenantSettings } from '../../../protocol/tenant.ts';
import { tenantDocument } from '../../documents/tenants.ts';
import type { CommandBody } from '../../state-machine/decide/commands.ts';
import { NO_LIMITS } from '../../state-machine/state/limits.ts';
import { newTenant } from '../../state-machine/state/tenants.ts';
import type { ApiContext } from '../context.ts';
import { type ApiRequest, endpoint } from '../endpoint.ts';
import { commandOf } from './command.ts';
import { pageOf } from './jobs.ts';

const TenantParams = Type.Object({ tenant: TenantId });
type Request = ApiRequest<Static<typeof TenantParams>, unknown, unknown>;

export const tenantEndpoints = [
  endpoint({
    method: 'GET',
    path: '/tenants',
    operation: 'tenants.list',
    permission: 'any',
    summary: 'List tenants by id, with their settings and what they have used today; a key of a tenant gets its own',
    responses: { 200: pageOf(Tenant) },
    async run(context, { caller: { subject } }) {
      const known = subject.permissions.has('fleet') ? [...context.engine.state.tables.tenants.keys()] : [];
      const ids = subject.tenant === null ? known : [subject.tenant];
      return { items: ids.map((id) => documentOf(context, id)), next_cursor: null };
    },
  }),
  endpoint({
    method: 'GET',
    path: '/tenants/:tenant',
    operation: 'tenants.get',
    permission: 'any',
    summary: 'Get a tenant: its settings, what it has used today, and how many of its jobs wait and run',
    params: TenantParams,
    responses: { 200: Tenant },
    async run(context, { params: { tenant }, caller: { subject } }) {
      const known = subject.permissions.has('fleet') && context.engine.state.tables.tenants.has(tenant);
      if (subject.tenant === null ? known : subject.tenant === tenant) return documentOf(context, tenant);
      throw tenantNotFound(tenant);
    },
  }),
  endpoint({
    method: 'PUT',
    path: '/tenants/:tenant',
    operation: 'tenants.put',
    permission: 'operate',
    summary: 'Set what a tenant may have: its weight, what may run at once, its quotas a day',
    params: TenantParams,
    body: TenantSettings,
    responses: { 200: Tenant },
    async run(context, { params: { tenant }, body, caller }) {
      const { weight = 1, ...limits } = body;
      const by = caller.subject.actor;
      const settings = { weight, limits: { ...NO_LIMITS, ...limits } };
      await context.engine.submit(commandOf(caller, { type: 'set_tenant', tenant, ...settings, by }));
      return documentOf(context, tenant);
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/tenants/:tenant',
    operation: 'tenants.delete',
    permission: 'operate',
    summary: 'Remove the settings of a tenant, and its pause: the defaults apply again. Its jobs and keys stay',
    params: TenantParams,
    responses: { 200: Tenant },
    run: (context, request) => change(context, request, 'reset_tenant'),
  }),
  endpoint({
    method: 'POST',
    path: '/tenants/:tenant/pause',
    operation: 'tenants.pause',
    permission: 'operate',
    summary: 'Pause a tenant: its waiting jobs are handed to no worker; running ones go on',
    params: TenantParams,
    responses: { 200: Tenant },
    run: (context, request) => change(context, request, 'pause_tenant'),
  }),
  endpoint({
    method: 'POST',
    path: '/tenants/:tenant/resume',
    operation: 'tenants.resume',
    permission: 'operate',
    summary: 'Resume a tenant: its jobs are handed out again, by its share from now on',
    params: TenantParams,
    responses: { 200: Tenant },
    run: (context, request) => change(context, request, 'resume_tenant'),
  }),
];

async function change(
  context: ApiContext,
  { params: { tenant }, caller }: Request,
  type: (CommandBody & { type: 'reset_tenant' | 'pause_tenant' | 'resume_tenant' })['type'],
): Promise<Tenant> {
  await context.engine.submit(commandOf(caller, { type, tenant, by: caller.subject.actor }));
  return documentOf(context, tenant);
}

/** One that has neither settings nor jobs has the defaults. */
function documentOf({ engine }: ApiContext, id: string): Tenant {
  const { state } = engine;
  return tenantDocument(state, state.tables.tenants.get(id) ?? newTenant(id, state.seq), engine.journal.now());
}

const tenantNotFound = (tenant: string) =>
  new MonitorError('not_found', 'tenant_not_found', `there is no tenant ${tenant}`, {
    hint: 'tmon tenants lists the tenants.',
  });
