/** The settings of the identity provider at which people sign in. */
import { MonitorError } from '../../../protocol/errors.ts';
import type { Settings } from '../../config.ts';
import { readSecret } from '../settings.ts';
import { type ClaimRule, parseClaimRules } from './claim-rules.ts';

type Names = Extract<keyof Settings, `oidc_${string}`>;

export type OidcSettings = {
  issuer: URL;
  /** On the button: `Sign in with …`. */
  name: string;
  client_id: string;
  /** Null: a public client, which PKCE alone protects. */
  client_secret: string | null;
  /** Under which browsers reach the monitor; null: as their requests say. */
  redirect_origin: string | null;
  scopes: string;
  rules: readonly ClaimRule[];
};

/** Null without an issuer. Throws MonitorError `bad_setting`. */
export async function oidcSettings(settings: Pick<Settings, Names>): Promise<OidcSettings | null> {
  const { oidc_issuer, oidc_name, oidc_client_id, oidc_redirect_origin, oidc_roles, oidc_scopes } = settings;
  if (oidc_issuer === '') {
    const set = (Object.keys(settings) as Names[]).find((name) => GIVEN.has(name) && settings[name] !== '');
    if (set !== undefined) throw bad(`${set} is set, but oidc_issuer is not`, 'Set oidc_issuer, or remove the others.');
    return null;
  }
  const issuer = URL.canParse(oidc_issuer) ? new URL(oidc_issuer) : null;
  if (issuer === null || !(issuer.protocol === 'https:' || isLocal(issuer)) || issuer.username !== '') {
    throw bad(
      `oidc_issuer is ${JSON.stringify(oidc_issuer)}; it must be an https URL`,
      'It is the `issuer` of the provider’s /.well-known/openid-configuration.',
    );
  }
  if (oidc_client_id === '') {
    throw bad('oidc_client_id is missing', 'The provider shows it where the application was registered.');
  }
  if (oidc_redirect_origin !== '' && !isOrigin(oidc_redirect_origin)) {
    throw bad(
      `oidc_redirect_origin is ${JSON.stringify(oidc_redirect_origin)}, which is not an origin`,
      'An origin is a scheme, a host, and a port unless it is the default: https://monitor.example.com',
    );
  }
  if (!oidc_scopes.split(' ').includes('openid')) {
    throw bad(`oidc_scopes is ${JSON.stringify(oidc_scopes)}, without openid`, 'The default is: openid email profile');
  }
  return {
    issuer,
    name: oidc_name || issuer.host,
    client_id: oidc_client_id,
    client_secret: await readSecret(settings, 'oidc_client_secret'),
    redirect_origin: oidc_redirect_origin || null,
    scopes: oidc_scopes,
    rules: parseClaimRules(oidc_roles),
  };
}

/** Settings that mean nothing without an issuer. */
const GIVEN: ReadonlySet<Names> = new Set([
  'oidc_client_id',
  'oidc_client_secret',
  'oidc_client_secret_file',
  'oidc_redirect_origin',
  'oidc_roles',
]);

const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin === text;

/** Plain HTTP is for a provider on this machine. */
export const isLocal = ({ protocol, hostname }: URL): boolean =>
  protocol === 'http:' && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);

const bad = (message: string, hint: string) => new MonitorError('invalid', 'bad_setting', message, { hint });
