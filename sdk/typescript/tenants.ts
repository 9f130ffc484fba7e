/** `api.tenants`: those who share the fleet, what they may have, and what they have used today. */
import type { Tenant, TenantSettings } from '../../protocol/tenant.ts';
import { type Page, Pages } from './pages.ts';
import { type CallOptions, segment, type Transport } from './transport.ts';

export class Tenants {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** All tenants, by id. With a key of a tenant: its own. */
  list(options: CallOptions = {}): Pages<Tenant> {
    return new Pages(() => this.#transport.json<Page<Tenant>>({ method: 'GET', path: '/tenants', ...options }));
  }

  /** Rejects with NotFoundError. */
  get(tenant: string, options: CallOptions = {}): Promise<Tenant> {
    return this.#transport.json({ method: 'GET', path: `/tenants/${segment(tenant)}`, ...options });
  }

  /** Replaces all settings: what is left out has no limit, and the weight 1. */
  put(tenant: string, settings: TenantSettings, options: CallOptions = {}): Promise<Tenant> {
    return this.#transport.json({ method: 'PUT', path: `/tenants/${segment(tenant)}`, body: settings, ...options });
  }

  /** Removes the settings and the pause; jobs and keys stay. */
  delete(tenant: string, options: CallOptions = {}): Promise<Tenant> {
    return this.#transport.json({ method: 'DELETE', path: `/tenants/${segment(tenant)}`, ...options });
  }

  /** Its waiting jobs are handed to no worker until it is resumed; running ones go on. */
  pause(tenant: string, options: CallOptions = {}): Promise<Tenant> {
    return this.#transport.json({ method: 'POST', path: `/tenants/${segment(tenant)}/pause`, ...options });
  }

  /** Its jobs are handed out again, by its share from now on. */
  resume(tenant: string, options: CallOptions = {}): Promise<Tenant> {
    return this.#transport.json({ method: 'POST', path: `/tenants/${segment(tenant)}/resume`, ...options });
  }
}
