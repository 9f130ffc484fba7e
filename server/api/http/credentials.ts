/** Finds the key of a request: in a header, never in its URL, which proxies and browsers keep. */
import type { IncomingHttpHeaders } from 'node:http';
import { MonitorError } from '../../../protocol/errors.ts';
import { KEY_LIKE } from '../../../protocol/key.ts';

/** `X-API-Key`, or else `Authorization: Bearer`. Other schemes are a proxy's, and not ours. */
export function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const own = headers['x-api-key'];
  if (typeof own === 'string' && own !== '') return own.trim();
  return /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
}

/** The ticket of a connection to the feed. */
export const ticketOf = (url: string): string | undefined => /[?&]ticket=([^&]*)/.exec(url)?.[1];

const NAMES = /[?&](x[-_])?(api[-_]?key|access[-_]?token)=/i;

/** `ticket`: one may be in this URL. Throws MonitorError `key_in_url`. */
export function assertNoKeyInUrl(url: string, ticket: boolean): void {
  const secret = ticket ? /tmk(_|%5f)/i : /tm[kt](_|%5f)/i;
  if (!NAMES.test(url) && !secret.test(url)) return;
  throw new MonitorError('invalid', 'key_in_url', 'this URL has an API key, which does not belong there', {
    hint: 'Send it as Authorization: Bearer tmk_…, and replace this key: URLs are logged on their way.',
  });
}

/** The text without anything that may be a key. */
export const withoutKeys = (text: string): string =>
  /tm[ktl](_|%5f)/i.test(text) ? text.replaceAll(/(tm[ktl])%5f/gi, '$1_').replace(KEY_LIKE, 'tmk_…') : text;
