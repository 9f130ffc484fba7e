/** `api.audit`: who did what, for callers with an admin key. */
import type { AuditEntry, AuditQuery } from '../../protocol/audit.ts';
import { type Page, Pages } from './pages.ts';
import type { CallOptions, Transport } from './transport.ts';

export class Audit {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Newest first, as far back as the audit is kept. A page may be empty and have a next one. */
  list(query: Omit<AuditQuery, 'cursor'> = {}, options: CallOptions = {}): Pages<AuditEntry> {
    return new Pages((cursor) =>
      this.#transport.json<Page<AuditEntry>>({
        method: 'GET',
        path: '/audit',
        query: { ...query, cursor },
        ...options,
      }),
    );
  }
}
