/** `api.session`, `api.sessions` and `api.tickets`: what a key is exchanged for. */
import type { OpenSession, Session as SessionDocument, Ticket } from '../../protocol/session.ts';
import { type Page, Pages } from './pages.ts';
import { type CallOptions, segment, type Transport } from './transport.ts';

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

export class Sessions {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The browsers that are signed in, newest first, for callers with an admin key. */
  list(options: CallOptions = {}): Pages<OpenSession> {
    return new Pages(() => this.#transport.json<Page<OpenSession>>({ method: 'GET', path: '/sessions', ...options }));
  }

  /** Ends a session: its browser is signed out, and its open connections are closed. */
  revoke(sessionId: string, options: CallOptions = {}): Promise<OpenSession> {
    return this.#transport.json({ method: 'DELETE', path: `/sessions/${segment(sessionId)}`, ...options });
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
