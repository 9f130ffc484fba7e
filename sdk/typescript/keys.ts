/** `api.keys`: API keys, for callers with an admin key. */
import type { ApiKey, KeyCreation, KeyRotation, NewApiKey } from '../../protocol/api-keys.ts';
import { type Page, Pages } from './pages.ts';
import { type CallOptions, segment, type Transport } from './transport.ts';

export class Keys {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** All keys, oldest first, without their secrets; also those that were revoked or have expired. */
  list(options: CallOptions = {}): Pages<ApiKey> {
    return new Pages(() => this.#transport.json<Page<ApiKey>>({ method: 'GET', path: '/keys', ...options }));
  }

  /** A new key. Its `key` is shown only now. If the response is lost, a repeated call rejects: revoke that key. */
  create(key: KeyCreation, options: CallOptions = {}): Promise<NewApiKey> {
    return this.#transport.json({ method: 'POST', path: '/keys', body: key, ...options });
  }

  /** Gives a key a new secret, shown only now; the present one is accepted beside it for a day, or as long as you say. */
  rotate(keyId: string, rotation: KeyRotation = {}, options: CallOptions = {}): Promise<NewApiKey> {
    return this.#transport.json({ method: 'POST', path: `/keys/${segment(keyId)}/rotate`, body: rotation, ...options });
  }

  /** Revokes a key: it is refused from now on, and its open connections are closed. */
  revoke(keyId: string, options: CallOptions = {}): Promise<ApiKey> {
    return this.#transport.json({ method: 'DELETE', path: `/keys/${segment(keyId)}`, ...options });
  }
}
