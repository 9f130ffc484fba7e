/**
 * The cookie of a sign-in under way at the identity provider: what its return is compared with, and where to go then. It
 * is in the browser, so that the browser may return to another instance, and `Lax`, because the provider sends it back.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { type Static, Type } from 'typebox';
import { MonitorError } from '../../../protocol/errors.ts';
import { PAGES } from '../../pages/pages.ts';
import { validator } from '../validation.ts';

const SignIn = Type.Object({
  state: Type.String({ minLength: 16 }),
  nonce: Type.String({ minLength: 16 }),
  verifier: Type.String({ minLength: 43 }),
  to: Type.String(),
});
type SignIn = Static<typeof SignIn>;

const LIFETIME_SECONDS = 600;
const MAY = 'Path=/; HttpOnly; SameSite=Lax';

/** `__Host-`: no other name of the same domain can set it. Browsers accept that over TLS alone. */
const nameOf = (secure: boolean): string => (secure ? '__Host-tmon_sign_in' : 'tmon_sign_in');

export function signInCookie(sign_in: SignIn, { secure }: { secure: boolean }): string {
  const text = Buffer.from(JSON.stringify(sign_in)).toString('base64url');
  return `${nameOf(secure)}=${text}; ${MAY}; Max-Age=${LIFETIME_SECONDS}${secure ? '; Secure' : ''}`;
}

export const endedSignInCookie = ({ secure }: { secure: boolean }): string =>
  `${nameOf(secure)}=; ${MAY}; Max-Age=0${secure ? '; Secure' : ''}`;

/** Throws MonitorError `sign_in_unknown`. */
export function signInOf({ cookie = '' }: IncomingHttpHeaders, { secure }: { secure: boolean }): SignIn {
  const prefix = `${nameOf(secure)}=`;
  const sent = cookie.split(/;\s*/).find((one) => one.startsWith(prefix));
  const read = checked(parsed(sent?.slice(prefix.length) ?? ''));
  if (!('errors' in read)) return { ...read.value, to: ownPath(read.value.to) };
  throw new MonitorError('invalid', 'sign_in_unknown', 'this sign-in was not begun in this browser, or too long ago', {
    hint: 'Sign in again. If it happens again, allow cookies for this site, and open the monitor under the name that the provider returns to.',
  });
}

const checked = validator<SignIn>(SignIn);

function parsed(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return null;
  }
}

/**
 * The path of a page of the dashboard, and nothing that a browser could take for another site. Throws MonitorError
 * `bad_destination`.
 */
export function ownPath(text: string): string {
  const base = 'http://monitor.invalid';
  const url = URL.canParse(text, base) ? new URL(text, base) : null;
  const path = url?.pathname ?? '';
  const known = path === '/' || PAGES.some((page) => path === page || path.startsWith(`${page}/`));
  if (url !== null && url.origin === base && text.startsWith('/') && known) return `${path}${url.search}${url.hash}`;
  throw new MonitorError('invalid', 'bad_destination', 'the query parameter `to` is not the path of a page', {
    hint: 'Leave it out, or use one such as /jobs.',
  });
}
