/** What a failed request to S3 means: whether its effect is unknown, or what its owner has to put right. */
import { StoreError } from './store.ts';

type Failure = { code: string; says: string; hint: string };

/** By the error code in the answer; these go before the status. */
const REFUSALS: Record<string, Failure> = {
  NoSuchBucket: {
    code: 'store_no_bucket',
    says: 'there is no such bucket',
    hint: 'make it (aws s3 mb s3://BUCKET), or correct --store',
  },
  CredentialsProviderError: {
    code: 'store_no_credentials',
    says: 'no credentials for it were found',
    hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where a role gives them',
  },
  QuotaExceeded: {
    code: 'store_full',
    says: 'its quota is used up',
    hint: 'raise the quota, or free some space',
  },
  XMinioStorageFull: {
    code: 'store_full',
    says: 'no space left',
    hint: 'free some space on its disks',
  },
};

/** Answered with 400 or 403, but the same request can succeed later: the SDK corrects its clock, credentials are renewed. */
const PASSING = new Set(['RequestTimeTooSkewed', 'RequestExpired', 'ExpiredToken', 'RequestTimeout']);

const DENIED: Failure = {
  code: 'store_denied',
  says: 'access is denied',
  hint: 'allow s3:GetObject, s3:PutObject and s3:DeleteObject on it and s3:ListBucket on the bucket (without the last, what is missing looks denied)',
};
const REFUSED: Failure = {
  code: 'store_refused',
  says: 'the request was refused',
  hint: 'run: tmon doctor --store URL',
};

export function errorName(error: unknown): string {
  return (error as { name?: string }).name ?? 'unknown';
}

export function isStatus(error: unknown, status: number): boolean {
  return statusOf(error) === status;
}

export function storeError(error: unknown, address: string): StoreError {
  if (error instanceof StoreError) return error;
  const name = errorName(error);
  const status = statusOf(error);
  const says = `${name}: ${error instanceof Error ? error.message : String(error)}`;
  const failure = PASSING.has(name) ? undefined : (REFUSALS[name] ?? byStatus(status));
  if (failure) {
    const message = `${address}: ${failure.says} (${status ? `${status} ` : ''}${says})`;
    return new StoreError('refused', failure.code, message, { hint: failure.hint, cause: error });
  }
  const timedOut = name === 'TimeoutError' || name === 'AbortError';
  const code = timedOut ? 'store_timeout' : 'store_unavailable';
  const message = `${address}: ${status ? `${status} ` : ''}${says}`;
  return new StoreError('unavailable', code, message, { cause: error });
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

function byStatus(status: number | undefined): Failure | undefined {
  if (status === 401 || status === 403) return DENIED;
  if (status === 507) return REFUSALS.XMinioStorageFull;
  // 408, 409 and 429 say "later"; 5xx may have had its effect, but for 501, which never will.
  const later = status === undefined || status === 408 || status === 409 || status === 429;
  if (later || (status >= 500 && status !== 501) || status < 300) return undefined;
  return REFUSED;
}
