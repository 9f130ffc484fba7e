/** `api.session` and `api.tickets`: what a key is exchanged for. */
import type { Session as SessionDocument, Ticket } from '../../protocol/session.ts';
import type { CallOptions, Transport } from './transport.ts';

export class Session {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Signs a browser in on a page of the monitor: with the client's key once, and from then on with a cookie that scripts
   * cannot read. Make another client, without a key, for the calls after it.
   */
  create(options: CallOptions = {}): Promise<SessionDocument> {
    return this.#transport.json({ method: 'POST', path: '/session', ...options });
  }

  /** Who the caller is and what it may do; also without a key. */
  get(options: CallOptions = {}): Promise<SessionDocument> {
    return this.#transport.json({ method: 'GET', path: '/session', ...options });
  }

  /** Signs the browser out. */
  end(options: CallOptions = {}): Promise<SessionDocument> {
    return this.#transport.json({ method: 'DELETE', path: '/session', ...options });
  }
}

export class Tickets {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Opens `/ws?ticket=…` or `GET /events?ticket=…` once, within 30 seconds: for clients that cannot send a header. */
  create(options: CallOptions = {}): Promise<Ticket> {
    return this.#transport.json({ method: 'POST', path: '/tickets', ...options });
  }
}
