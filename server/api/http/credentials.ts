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

const NAMES = /[?&](x[-_])?(api[-_]?key|access[-_]?token)=/i;

/** Throws MonitorError `key_in_url`. */
export function assertNoKeyInUrl(url: string): void {
  if (!NAMES.test(url) && !/tmk(_|%5f)/i.test(url)) return;
  throw new MonitorError('invalid', 'key_in_url', 'this URL has an API key, which does not belong there', {
    hint: 'Send it as Authorization: Bearer tmk_…, and replace this key: URLs are logged on their way.',
  });
}

/** The text without anything that may be a key. */
export const withoutKeys = (text: string): string =>
  text.includes('tmk') ? text.replaceAll(/tmk%5f/gi, 'tmk_').replace(KEY_LIKE, 'tmk_…') : text;
