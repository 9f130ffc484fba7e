/**
 * Redirects of a proxy. `fetch` by itself would make a GET of a POST, and a submission that was never made would look like a
 * list of jobs. Only those that keep the method (307, 308) are followed, to the same host or to its https.
 */
const HOPS_MAX = 3;
const KEEP_METHOD: ReadonlySet<number> = new Set([307, 308]);

/** Where to send the request instead; null: this is the response. `hops`: redirects so far. */
export function redirectOf({ status, headers }: Response, from: string, hops: number): string | null {
  const location = headers.get('location');
  if (!KEEP_METHOD.has(status) || location === null || hops >= HOPS_MAX || !URL.canParse(location, from)) return null;
  const to = new URL(location, from);
  const { host, hostname, protocol } = new URL(from);
  const same = to.protocol === protocol && to.host === host;
  const secured = protocol === 'http:' && to.protocol === 'https:' && to.hostname === hostname;
  return same || secured ? to.href : null;
}

/** A browser hides where a redirect leads. */
export const isRedirect = ({ status, type }: Response): boolean =>
  type === 'opaqueredirect' || (status >= 300 && status < 400 && status !== 304);
