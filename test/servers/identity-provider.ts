/**
 * A real OpenID provider in the test's own process, `oidc-provider`, on a free port; and a browser that signs in there.
 * What it knows of accounts, codes and keys is here, so that a test can take it away.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Adapter, type AdapterPayload } from 'oidc-provider';
import type { Cleaning } from '../processes/tmon.ts';

export const CLIENT = { id: 'tmon', secret: 'the-secret-of-the-client-tmon' } as const;

type Account = Record<string, unknown>;

export class IdentityProviderForTests {
  readonly issuer: string;
  /** Claims by the name of the account. */
  readonly accounts = new Map<string, Account>();
  /** Everything that it stored: `AuthorizationCode:…` and others. */
  readonly stored = new Map<string, AdapterPayload>();
  /** Called with the parameters of each authorization request; may change them, as an attacker on the way would. */
  onAuthorization: (parameters: URLSearchParams) => void = () => {};
  readonly #server: Server;
  #redirect_uris: string[] = [];
  #provider: Provider;
  readonly #claims: Record<string, string[] | null>;

  static async open(
    t: Cleaning,
    claims: Record<string, string[] | null> = {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['groups'],
    },
  ): Promise<IdentityProviderForTests> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const provider = new IdentityProviderForTests(server, claims);
    t.after(() => provider.stop());
    return provider;
  }

  private constructor(server: Server, claims: Record<string, string[] | null>) {
    this.#server = server;
    this.#claims = claims;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#provider = this.#make();
    server.on('request', (request, response) => {
      const url = new URL(request.url ?? '/', this.issuer);
      if (url.pathname === '/auth') {
        this.onAuthorization(url.searchParams);
        request.url = `${url.pathname}${url.search}`;
      }
      void this.#provider.callback()(request, response);
    });
  }

  /** The monitor is its client. */
  allow(redirect_uri: string): void {
    this.#redirect_uris = [redirect_uri];
    this.#provider = this.#make();
  }

  /** Signs with new keys from now on, and forgets the ones before. */
  rotateKeys(): void {
    this.#provider = this.#make();
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #make(): Provider {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = {
      ...privateKey.export({ format: 'jwk' }),
      kid: randomUUID(),
      alg: 'RS256',
      use: 'sig',
    };
    const stored = this.stored;
    return new Provider(this.issuer, {
      clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: this.#redirect_uris }],
      jwks: { keys: [key as never] },
      cookies: { keys: ['only-for-tests'] },
      claims: this.#claims as never,
      pkce: { required: () => true },
      features: { devInteractions: { enabled: true } },
      adapter: (kind: string) => adapterOf(stored, kind),
      findAccount: (_, sub) => {
        const account = this.accounts.get(sub);
        return account && { accountId: sub, claims: async () => ({ sub, ...account }) };
      },
      renderError: (context, out) => {
        context.type = 'text/plain';
        context.body = `the provider refuses: ${out.error} ${out.error_description ?? ''}`;
      },
    });
  }
}

function adapterOf(stored: Map<string, AdapterPayload>, kind: string): Adapter {
  const name = (id: string) => `${kind}:${id}`;
  return {
    upsert: async (id, payload) => void stored.set(name(id), payload),
    find: async (id) => stored.get(name(id)),
    findByUserCode: async () => undefined,
    findByUid: async (uid) => [...stored.values()].find((payload) => payload.uid === uid),
    consume: async (id) => {
      stored.set(name(id), { ...stored.get(name(id)), consumed: 1 });
    },
    destroy: async (id) => void stored.delete(name(id)),
    revokeByGrantId: async (grantId) => {
      for (const [key, payload] of stored) if (payload.grantId === grantId) stored.delete(key);
    },
  };
}

export type Page = { status: number; url: string; text: string; headers: Headers };

/** Follows redirects and keeps cookies as a browser does, one jar for each origin. */
export class Browser {
  readonly cookies = new Map<string, Map<string, string>>();

  /**
   * `stop`: a redirect to such an address is returned in place of being followed. `site`: as the browser names where the
   * first request comes from; `none` is somebody who typed the address.
   */
  async open(
    url: string,
    {
      form,
      stop,
      site = 'none',
    }: { form?: Record<string, string>; stop?: (to: string) => boolean; site?: string } = {},
  ) {
    let at = url;
    let body = form;
    for (let hops = 0; hops < 20; hops += 1) {
      const page = await this.#request(at, { form: body, site: hops === 0 ? site : 'cross-site' });
      const location = page.headers.get('location');
      if (location === null) return page;
      at = new URL(location, at).href;
      if (stop?.(at)) return { ...page, url: at };
      body = undefined;
    }
    throw new Error(`${url} is redirected without end`);
  }

  /** Through the pages of the provider, as this account; returns where it ends. */
  async signIn(url: string, account: string, options: { stop?: (to: string) => boolean } = {}): Promise<Page> {
    let page = await this.open(url, options);
    for (let pages = 0; pages < 4; pages += 1) {
      const [, action] = /<form[^>]*action="([^"]+)"/.exec(page.text) ?? [];
      const [, prompt] = /name="prompt" value="(\w+)"/.exec(page.text) ?? [];
      if (action === undefined || prompt === undefined) return page;
      const form = { prompt, ...(prompt === 'login' ? { login: account, password: 'any' } : {}) };
      page = await this.open(new URL(action, page.url).href, { form, ...options });
    }
    return page;
  }

  cookiesOf(url: string): Map<string, string> {
    const { origin } = new URL(url);
    const jar = this.cookies.get(origin) ?? new Map<string, string>();
    this.cookies.set(origin, jar);
    return jar;
  }

  async #request(
    url: string,
    { form, site }: { form: Record<string, string> | undefined; site: string },
  ): Promise<Page> {
    const jar = this.cookiesOf(url);
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: {
        cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
        'sec-fetch-site': site,
        'sec-fetch-mode': 'navigate',
      },
      ...(form ? { body: new URLSearchParams(form) } : {}),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      if (value === '' || /max-age=0|expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name!);
      else jar.set(name!, value!);
    }
    return { status: response.status, url, text: await response.text(), headers: response.headers };
  }
}
