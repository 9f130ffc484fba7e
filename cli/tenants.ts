/** `tmon tenants`: those who share the fleet: what they may have, and what they have used today. */
import { Command } from 'commander';
import type { Tenant, TenantSettings } from '../protocol/tenant.ts';
import { NotFoundError } from '../sdk/typescript/errors.ts';
import { type LimitOptions, limitsOf, positive, withLimits } from './limit-options.ts';
import { type ClientOptions, clientCommand, clientOf } from './options.ts';
import { isTerminal, note, printJson, printTable } from './output.ts';

type SetOptions = ClientOptions & LimitOptions & { weight?: number };

export function tenantsCommand(): Command {
  const tenants = new Command('tenants').description('Tenants: list, set, pause, resume, delete.');
  tenants.addCommand(
    clientCommand('list')
      .description('List the tenants, or show one.')
      .argument('[tenant]')
      .action(async (tenant: string | undefined, options: ClientOptions) => {
        const api = clientOf(options).tenants;
        print(tenant === undefined ? ((await api.list().page()).items as Tenant[]) : [await api.get(tenant)], options);
      }),
    { isDefault: true },
  );
  tenants.addCommand(
    withLimits(
      clientCommand('set')
        .description('Change what a tenant may have; what is not named stays.')
        .argument('<tenant>')
        .option('--weight <n>', 'its part of the jobs, in relation to the weights of others: 1 to 1000', positive),
    ).action(set),
  );
  for (const [name, description] of [
    ['pause', 'Hand its waiting jobs to no worker; running ones go on.'],
    ['resume', 'Hand out its jobs again.'],
    ['delete', 'Remove its settings and its pause; jobs and keys stay.'],
  ] as const) {
    tenants.addCommand(
      clientCommand(name)
        .description(description)
        .argument('<tenant>')
        .action(async (tenant: string, options: ClientOptions) => {
          print([await clientOf(options).tenants[name](tenant)], options);
        }),
    );
  }
  return tenants;
}

async function set(id: string, options: SetOptions): Promise<void> {
  const api = clientOf(options).tenants;
  const known = await api.get(id).catch((error: unknown) => {
    if (error instanceof NotFoundError) return null;
    throw error;
  });
  const before: TenantSettings = known === null ? {} : settingsOf(known);
  const weight = options.weight === undefined ? {} : { weight: options.weight };
  print([await api.put(id, { ...before, ...weight, ...limitsOf(options) })], options);
}

const settingsOf = ({
  weight,
  max_running,
  jobs_per_day,
  audio_hours_per_day,
  upload_bytes_per_day,
}: Tenant): TenantSettings => ({ weight, max_running, jobs_per_day, audio_hours_per_day, upload_bytes_per_day });

function print(tenants: readonly Tenant[], { json }: ClientOptions): void {
  if (json) {
    for (const tenant of tenants) printJson(tenant);
    return;
  }
  if (tenants.length === 0 && isTerminal()) return note('there are no tenants: `tmon keys create --tenant` makes one');
  printTable(
    ['TENANT', 'WEIGHT', 'WAITING', 'RUNNING', 'JOBS TODAY', 'AUDIO HOURS TODAY', 'BYTES TODAY', 'STATUS'],
    tenants.map((tenant) => [
      tenant.tenant,
      String(tenant.weight),
      String(tenant.waiting),
      of(tenant.running, tenant.max_running),
      of(tenant.usage.jobs, tenant.jobs_per_day),
      of(tenant.usage.audio_hours, tenant.audio_hours_per_day),
      of(tenant.usage.upload_bytes, tenant.upload_bytes_per_day),
      tenant.paused ? `paused ${tenant.paused_at}` : 'active',
    ]),
  );
}

const of = (figure: number, limit: number | null): string =>
  limit === null ? String(figure) : `${figure} of ${limit}`;
