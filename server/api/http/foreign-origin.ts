/**
 * Refuses requests from foreign web pages. Without keys every client that reaches the port has full access, and a browser
 * on this machine reaches it on behalf of any page. A request is refused if its headers show that such a page made it:
 *
 *     Origin   not the monitor's own: a foreign page may post without a preflight
 *     Host     not a name of this machine: the page's own name resolves to it (DNS rebinding)
 *
 * Programs send no Origin and the Host of their configuration, so they are not affected.
 */
import { MonitorError } from '../../../protocol/errors.ts';

type Headers = { host?: string | undefined; origin?: string | undefined };

/** `allowed` is the setting `allowed_origins`. The returned function throws MonitorError `foreign_origin`. */
export function foreignOriginGuard(allowed: string): (headers: Headers, options?: { any_host?: boolean }) => void {
  const origins = new Set(parseOrigins(allowed));
  const hosts = new Set([...origins].map((origin) => new URL(origin).host));
  /** Cached because nearly every request has the same Host. */
  let last: string | undefined;
  return ({ host, origin }, { any_host = false } = {}) => {
    if (origin === undefined && (any_host || host === last)) return;
    if (!any_host && host !== undefined && !isOurs(host, hosts))
      throw foreign(`the Host ${quoted(host)} is not a name of this monitor`);
    if (!any_host) last = host;
    if (origin === undefined || origins.has(origin.toLowerCase())) return;
    const from = parseUrl(origin);
    if (from && host !== undefined && from.host === parseUrl(`${from.protocol}//${host}`)?.host) return;
    throw foreign(`pages of ${quoted(origin)} may not use this monitor`);
  };
}

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function isOurs(host: string, hosts: ReadonlySet<string>): boolean {
  const url = parseUrl(`http://${host}`);
  return url !== null && (LOOPBACK.test(url.hostname) || hosts.has(url.host) || hosts.has(host.toLowerCase()));
}

export function parseOrigins(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '')
    .map((part) => {
      if (parseUrl(part)?.origin === part && part !== 'null') return part;
      throw new MonitorError(
        'invalid',
        'bad_setting',
        `allowed_origins contains ${quoted(part)}, which is not an origin`,
        {
          hint: 'An origin is a scheme, a host, and a port unless it is the default: https://monitor.example.com',
        },
      );
    });
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 100));

function foreign(message: string): MonitorError {
  return new MonitorError('forbidden', 'foreign_origin', message, {
    hint: 'To allow it, start the monitor with --allowed-origins https://that.host, a comma-separated list.',
  });
}
