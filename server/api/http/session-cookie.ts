/**
 * The cookie of a session: not readable by scripts, not sent by pages of other sites, and accepted only with a request
 * that the browser says comes from the monitor's own pages.
 */
import type { IncomingHttpHeaders } from 'node:http';

/** `__Host-`: no other name of the same domain can set it. Browsers accept that over TLS alone. */
const nameOf = (secure: boolean): string => (secure ? '__Host-tmon_session' : 'tmon_session');
const ALWAYS = 'Path=/; HttpOnly; SameSite=Strict';

export function sessionCookie(
  text: string,
  { secure, expires_ms, now_ms }: { secure: boolean; expires_ms: number; now_ms: number },
): string {
  const seconds = Math.floor((expires_ms - now_ms) / 1000);
  return `${nameOf(secure)}=${text}; ${ALWAYS}; Max-Age=${seconds}${secure ? '; Secure' : ''}`;
}

export const clearedCookie = ({ secure }: { secure: boolean }): string =>
  `${nameOf(secure)}=; ${ALWAYS}; Max-Age=0${secure ? '; Secure' : ''}`;

/** Returns the session of the request; undefined without one, or if another site may have made the request. */
export function sessionOf(
  headers: IncomingHttpHeaders,
  { method, host, secure }: { method: string; host: string; secure: boolean },
): string | undefined {
  const prefix = `${nameOf(secure)}=`;
  const sent = headers.cookie?.split(/;\s*/).find((one) => one.startsWith(prefix));
  if (sent === undefined || sent === prefix || !fromOwnPage(headers, method, host)) return undefined;
  return sent.slice(prefix.length);
}

/** By `Sec-Fetch-Site`, which no page can set; browsers that lack it send `Origin` with a WebSocket or a write. */
function fromOwnPage(headers: IncomingHttpHeaders, method: string, host: string): boolean {
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  if (origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === hostOf(host, origin))) return false;
  if (site === undefined) return origin !== undefined;
  // `none`: typed by the user. It reads; it never writes.
  return site === 'same-origin' || (site === 'none' && method === 'GET');
}

/** The default port of the origin's scheme is left out. */
function hostOf(host: string, origin: string): string {
  const url = `${new URL(origin).protocol}//${host}`;
  return URL.canParse(url) ? new URL(url).host : host;
}
