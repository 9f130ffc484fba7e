/**
 * Known servers that speak S3, recognised by how they identify themselves, and whether they keep the guarantee of
 * `putIfAbsent`. Each entry was measured (docs/stores.md) or is documented by its vendor.
 *
 *     good   the quick check, then used as it is
 *     races  some of its versions keep the promise, and its responses do not show which: good if it passes the serving check
 *     bad    refused by name
 *
 * Any other server has to pass the serving check, and is guarded ever after (guarded-store.ts).
 */
import type { StoreIdentity } from './store.ts';

export type KnownStore = { name: string; verdict: 'good' | 'races' | 'bad'; because: string };

type Rule = KnownStore & { is: (identity: StoreIdentity) => boolean };

const server = (pattern: RegExp) => (identity: StoreIdentity) => pattern.test(identity.headers.server ?? '');

const RULES: readonly Rule[] = [
  {
    name: 'Amazon S3',
    verdict: 'good',
    because: 'Amazon documents conditional writes',
    // Other servers identify as AmazonS3 too, so the endpoint decides.
    is: ({ endpoint, headers }) => isAmazon(endpoint) && headers.server === 'AmazonS3',
  },
  {
    name: 'MinIO',
    verdict: 'good',
    because: 'one winner in 200 of 200 races of 32 writers; versions before conditional writes fail the quick check',
    is: server(/^MinIO/),
  },
  {
    name: 'versitygw',
    verdict: 'races',
    because: '1.8.0 has one winner in 200 of 200 races of 32 writers; versions before it have several',
    is: server(/^VERSITYGW/),
  },
  {
    name: 'moto, patched to serve one request at a time',
    verdict: 'good',
    because: 'requests do not overlap',
    is: server(/^moto-one-at-a-time\b/),
  },
  {
    name: 'moto',
    verdict: 'bad',
    because: 'it looks for the object and writes it afterwards: two of several racing writers get "created"',
    is: server(/^Werkzeug\//),
  },
  {
    name: 's3proxy',
    verdict: 'bad',
    because: 'with its file system backend it ignores If-None-Match: every racing writer gets "created"',
    // This request id is a constant of its source.
    is: ({ headers }) => headers['x-amz-request-id'] === '4442587FB7D0A2F9',
  },
  {
    name: 'Adobe S3Mock',
    verdict: 'bad',
    because: 'up to 24 of 32 racing writers get "created"',
    is: ({ endpoint, headers }) =>
      endpoint !== null &&
      headers.server === undefined &&
      headers['x-amz-request-id'] === undefined &&
      /^Origin, ?Access-Control-Request-Method, ?Access-Control-Request-Headers$/i.test(headers.vary ?? ''),
  },
];

export function knownStore(identity: StoreIdentity): KnownStore | undefined {
  const rule = RULES.find(({ is }) => is(identity));
  if (rule === undefined) return undefined;
  const { name, verdict, because } = rule;
  return { name, verdict, because };
}

function isAmazon(endpoint: string | null): boolean {
  if (endpoint === null) return true;
  try {
    return /(^|\.)amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname);
  } catch {
    return false;
  }
}
