/** A webhook's URL as it may be shown. */

/** The path is often the secret: only the host and the last characters, which distinguish webhooks. */
export function shownUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}/${pathname.length > 1 ? `…${pathname.slice(-4)}` : ''}`;
}
