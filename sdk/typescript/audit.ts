/** `api.audit`: who did what, for callers with an admin key. */
import type { AuditEntry, AuditQuery, AuditVerification } from '../../protocol/audit.ts';
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

  /** Walks the hash chain of the journal: whether anything that is kept was changed, removed or reordered. */
  verify(options: CallOptions = {}): Promise<AuditVerification> {
    return this.#transport.json({ method: 'POST', path: '/audit/verify', ...options });
  }
}
