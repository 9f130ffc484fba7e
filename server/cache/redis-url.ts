/** The URL of the cache's Redis: checked, and shown without its password. */
import { MonitorError } from '../../protocol/errors.ts';

/**
 * Throws MonitorError('invalid'). The message never contains the URL, which may have a password in any of its parts.
 */
export function checkRedisUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const isRedis = parsed?.protocol === 'redis:' || parsed?.protocol === 'rediss:';
  if (parsed && isRedis && parsed.hostname !== '' && /^\/?\d{0,4}$/.test(parsed.pathname) && decodes(parsed)) return;
  throw new MonitorError('invalid', 'bad_cache_url', 'cache is not the URL of a Redis', {
    hint: 'Use redis://HOST:PORT or redis://USER:PASSWORD@HOST:PORT/DB, rediss:// for TLS; percent-encode special characters in the password.',
  });
}

/** For messages: `redis://127.0.0.1:6379/0`. */
export function shownRedisUrl(url: string): string {
  const { protocol, hostname, port, pathname } = new URL(url);
  return `${protocol}//${hostname}:${port || 6379}/${pathname.replace('/', '') || 0}`;
}

function decodes({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}
