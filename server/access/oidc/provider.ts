/**
 * The identity provider at which people sign in, by OpenID Connect: authorization code with PKCE, state and nonce.
 *
 *     begin → the browser goes to the provider, and returns with a code → finish: code → ID token → claims → role
 *
 * Nothing about a sign-in under way is kept here, since the browser may return to another instance: it keeps the
 * `Attempt` in a cookie. What the provider publishes is kept for minutes, its keys for one sign-in, so that a provider that
 * changes them is followed at once. The client library is loaded at the first sign-in.
 */
import type { ClientError, Configuration } from 'openid-client';
import { MonitorError } from '../../../protocol/errors.ts';
import type { Clock } from '../../clock.ts';
import type { Person } from '../../state-machine/state/passes.ts';
import { type Claims, claimsOf, hasClaim, isUnverified, ruleFor } from './claim-rules.ts';
import { isLocal, type OidcSettings } from './settings.ts';

/** What has to be the same when the browser returns. */
export type Attempt = { state: string; nonce: string; verifier: string };

type Library = typeof import('openid-client');

const METADATA_MS = 300_000;
const TIMEOUT_SECONDS = 10;
const NAME_CHARACTERS_MAX = 200;

export class IdentityProvider {
  readonly settings: OidcSettings;
  readonly #clock: Clock;
  #library: Promise<Library> | null = null;
  #known: { at_ms: number; found: Promise<Configuration> } | null = null;

  constructor(settings: OidcSettings, clock: Clock) {
    this.settings = settings;
    this.#clock = clock;
  }

  get issuer(): string {
    return this.settings.issuer.href;
  }

  /** Whether a rule makes somebody an admin. */
  get admins(): boolean {
    return this.settings.rules.some(({ role }) => role === 'admin');
  }

  /** Where to send the browser. `login`: the provider asks for an account again. Throws MonitorError. */
  async begin(redirect_uri: string, { login = false } = {}): Promise<{ url: URL; attempt: Attempt }> {
    const library = await this.#load();
    const configuration = await this.#configuration(library);
    const verifier = library.randomPKCECodeVerifier();
    const attempt = { state: library.randomState(), nonce: library.randomNonce(), verifier };
    const url = library.buildAuthorizationUrl(configuration, {
      redirect_uri,
      scope: this.settings.scopes,
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await library.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...(login ? { prompt: 'login' } : {}),
    });
    return { url, attempt };
  }

  /** `returned`: the URL to which the browser has returned. Throws MonitorError; `role_unknown` if no rule matches. */
  async finish(returned: URL, { state, nonce, verifier }: Attempt): Promise<Person> {
    const library = await this.#load();
    const found = await this.#configuration(library);
    // One of its own, which asks for the provider's present keys.
    const configuration = this.#configure(library, found.serverMetadata());
    try {
      const tokens = await library.authorizationCodeGrant(configuration, returned, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      });
      const claims = tokens.claims()!;
      const { sub } = claims;
      const { access_token } = tokens;
      return this.#personOf(sub, await this.#completed(library, { configuration, claims, sub, access_token }));
    } catch (error) {
      throw error instanceof MonitorError ? error : this.#failure(library, error as Error);
    }
  }

  /** The user info is asked for what rules need and the ID token lacks: many providers put no groups into it. */
  async #completed(
    library: Library,
    {
      configuration,
      claims,
      sub,
      access_token,
    }: { configuration: Configuration; claims: Claims; sub: string; access_token: string },
  ): Promise<Claims> {
    const wanted = ['email', ...claimsOf(this.settings.rules)];
    if (configuration.serverMetadata().userinfo_endpoint === undefined) return claims;
    if (wanted.every((claim) => hasClaim(claims, claim))) return claims;
    return { ...(await library.fetchUserInfo(configuration, access_token, sub)), ...claims };
  }

  #personOf(sub: string, claims: Claims): Person {
    const rule = ruleFor(this.settings.rules, claims);
    const email = typeof claims.email === 'string' && !isUnverified(claims) ? claims.email : null;
    const name = (email ?? sub).slice(0, NAME_CHARACTERS_MAX);
    if (rule !== null) return { issuer: this.issuer, sub, name, role: rule.role, tenant: rule.tenant };
    const lacking = claimsOf(this.settings.rules).map((claim) => {
      if (claim === 'email' && isUnverified(claims)) return '“email”, which the provider says is not verified';
      return hasClaim(claims, claim) ? `“${claim}”, whose values match no rule` : `“${claim}”, which was not sent`;
    });
    throw new MonitorError('forbidden', 'role_unknown', `${name} may not use this monitor`, {
      hint: `Its rules look at ${lacking.join('; at ')}. An administrator can give you access at ${this.settings.name}, or by the setting oidc_roles; then sign in again.`,
    });
  }

  #load(): Promise<Library> {
    this.#library ??= import('openid-client');
    return this.#library;
  }

  async #configuration(library: Library): Promise<Configuration> {
    const now_ms = this.#clock.monotonic();
    if (this.#known === null || now_ms - this.#known.at_ms > METADATA_MS) {
      const found = this.#discover(library);
      const known = { at_ms: now_ms, found };
      this.#known = known;
      found.catch(() => {
        if (this.#known === known) this.#known = null;
      });
    }
    return this.#known.found;
  }

  async #discover(library: Library): Promise<Configuration> {
    const { issuer, client_id } = this.settings;
    try {
      const found = await library.discovery(issuer, client_id, undefined, library.None(), {
        timeout: TIMEOUT_SECONDS,
        execute: isLocal(issuer) ? [library.allowInsecureRequests] : [],
      });
      return this.#configure(library, found.serverMetadata());
    } catch (error) {
      throw unavailable(this.settings.name, error);
    }
  }

  #configure(library: Library, server: ReturnType<Configuration['serverMetadata']>): Configuration {
    const { issuer, client_id, client_secret } = this.settings;
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const authenticate =
      client_secret === null
        ? library.None()
        : methods.includes('client_secret_basic')
          ? library.ClientSecretBasic(client_secret)
          : library.ClientSecretPost(client_secret);
    const configuration = new library.Configuration(server, client_id, undefined, authenticate);
    configuration.timeout = TIMEOUT_SECONDS;
    if (isLocal(issuer)) library.allowInsecureRequests(configuration);
    // Signatures are checked although TLS would do.
    library.enableNonRepudiationChecks(configuration);
    return configuration;
  }

  #failure(library: Library, error: Error): MonitorError {
    const { AuthorizationResponseError, ResponseBodyError, WWWAuthenticateChallengeError } = library;
    const { name } = this.settings;
    if (error instanceof AuthorizationResponseError) {
      return new MonitorError('forbidden', 'provider_refused', `${name} refused the sign-in: ${saidBy(error)}`, {
        hint: 'Sign in again. If it is refused again, ask an administrator of the provider.',
        cause: error,
      });
    }
    if (error instanceof ResponseBodyError && error.error === 'invalid_grant') {
      return new MonitorError('invalid', 'sign_in_expired', `${name} no longer accepts this sign-in`, {
        hint: 'It was used already, or took too long. Sign in again.',
        cause: error,
      });
    }
    if (error instanceof ResponseBodyError || error instanceof WWWAuthenticateChallengeError) {
      const said = error instanceof ResponseBodyError ? saidBy(error) : `status ${error.status}`;
      return new MonitorError('unavailable', 'provider_refused', `${name} refused the monitor: ${said}`, {
        hint: 'Administrators: check oidc_client_id, the client secret, and the redirect URI at the provider.',
        cause: error,
      });
    }
    const { code = '' } = error as ClientError;
    if (code.startsWith('OAUTH_') && !UNANSWERED.has(code)) {
      return new MonitorError('invalid', 'sign_in_invalid', `what ${name} sent does not belong to this sign-in`, {
        hint: 'Sign in again. If it happens again, ask an administrator: the log says what was wrong.',
        cause: error,
      });
    }
    return unavailable(name, error);
  }
}

/** The provider responded, but not as one. */
const UNANSWERED: ReadonlySet<string> = new Set(['OAUTH_RESPONSE_IS_NOT_CONFORM', 'OAUTH_RESPONSE_IS_NOT_JSON']);

const unavailable = (name: string, cause: unknown) =>
  new MonitorError('unavailable', 'provider_unavailable', `${name} does not respond as an identity provider`, {
    hint: 'Try again, or sign in with a key. Administrators: the log says why; check oidc_issuer.',
    cause,
  });

const saidBy = ({ error, error_description }: { error: string; error_description?: string | undefined }): string =>
  error_description === undefined ? error : `${error}: ${error_description}`;
