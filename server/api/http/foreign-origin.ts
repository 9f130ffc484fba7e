/**
 * Keeps foreign web pages out. Whoever reaches the port may do everything, and a browser on this machine reaches it for
 * any page that it shows; so a request is refused when its headers say that such a page made it:
 *
 *     Origin   another than the monitor's own: a page elsewhere posts to us, which needs no permission of ours
 *     Host     a name that is not this machine's: the page's own name now leads here (DNS rebinding)
 *
 * Programs send no Origin and the Host they were told, and notice nothing.
 */
import { MonitorError } from '../../../protocol/errors.ts';

type Headers = { host?: string | undefined; origin?: string | undefined };

/** `allowed`: the setting `allowed_origins`. The answer throws MonitorError('forbidden', 'foreign_origin'). */
export function foreignOriginGuard(allowed: string): (headers: Headers) => void {
  const origins = new Set(parseOrigins(allowed));
  const hosts = new Set([...origins].map((origin) => new URL(origin).host));
  /** Nearly every request names the same host. */
  let last: string | undefined;
  return ({ host, origin }) => {
    if (origin === undefined && host === last) return;
    if (host !== undefined && !isOurs(host, hosts)) throw foreign(`the Host ${quoted(host)} is not this monitor's`);
    last = host;
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
    .map((one) => one.trim().toLowerCase())
    .filter((one) => one !== '')
    .map((one) => {
      if (parseUrl(one)?.origin === one && one !== 'null') return one;
      throw new MonitorError('invalid', 'bad_setting', `allowed_origins has ${quoted(one)}, which is no origin`, {
        hint: 'An origin is scheme and host, and a port where it is not the usual one: https://monitor.example.com',
      });
    });
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 100));

function foreign(message: string): MonitorError {
  return new MonitorError('forbidden', 'foreign_origin', message, {
    hint: 'If it should: start the monitor with --allowed-origins https://that.host, with commas between several.',
  });
}
