/** What a failed request to S3 means: whether its effect is unknown, or what its owner has to correct. */
import { StoreError } from './store.ts';

/** The headers that the SDK leaves out of outputs and errors, with the store's clock, kind and region. */
export type WithHeaders = { store_headers?: Record<string, string> };

type Failure = { code: string; says: string; hint: string };

const KEYS_HINT = 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where a role provides them';

/** By the error code in the response; these take precedence over the status. */
const REFUSALS: Record<string, Failure> = {
  NoSuchBucket: {
    code: 'store_no_bucket',
    says: 'the bucket does not exist',
    hint: 'create it (aws s3 mb s3://BUCKET), or correct --store',
  },
  CredentialsProviderError: {
    code: 'store_no_credentials',
    says: 'no credentials were found',
    hint: KEYS_HINT,
  },
  InvalidAccessKeyId: {
    code: 'store_denied',
    says: 'the store does not know this access key',
    hint: `correct the access key, or AWS_ENDPOINT_URL_S3 if the key is of another store; ${KEYS_HINT}`,
  },
  SignatureDoesNotMatch: {
    code: 'store_denied',
    says: 'the signature is wrong: the secret key does not belong to this access key, or a proxy changes requests',
    hint: 'correct AWS_SECRET_ACCESS_KEY; a proxy in between must pass on the path and the Host header unchanged',
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

/** Reported with 400, 403 or 503, but the same request can succeed later. */
const PASSING: Record<string, string | undefined> = {
  RequestTimeTooSkewed: "correct this machine's clock (NTP), or the store's",
  RequestExpired: "correct this machine's clock (NTP), or the store's",
  ExpiredToken: 'renew the credentials (aws sso login, or whatever issued them); they are read again while this runs',
  ExpiredTokenException: 'renew the credentials; they are read again while this runs',
  InvalidToken: 'renew the credentials; they are read again while this runs',
  TokenRefreshRequired: 'renew the credentials; they are read again while this runs',
  RequestTimeout: undefined,
  SlowDown: 'the store limits how many requests it takes: try later, or raise its limit',
  ServiceUnavailable: 'the store is overloaded or in maintenance: try later',
};

/** Rejected for its credentials: reading the credentials again may help. */
const REJECTED = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidToken',
  'TokenRefreshRequired',
  'InvalidAccessKeyId',
]);

const DENIED: Failure = {
  code: 'store_denied',
  says: 'access is denied',
  hint: 'allow s3:GetObject, s3:PutObject and s3:DeleteObject on it and s3:ListBucket on the bucket (without the last, missing objects look denied); for a bucket that requires encryption or requester pays, set s3_sse or s3_requester_pays',
};
const REFUSED: Failure = {
  code: 'store_refused',
  says: 'the request was refused',
  hint: "the message has the store's reason; correct --store, AWS_REGION and AWS_ENDPOINT_URL_S3",
};

export function errorName(error: unknown): string {
  return (error as { name?: string }).name ?? 'unknown';
}

export function isStatus(error: unknown, status: number): boolean {
  return statusOf(error) === status;
}

export function areCredentialsRejected(error: unknown): boolean {
  return REJECTED.has(errorName(error));
}

export function storeError(error: unknown, address: string): StoreError {
  if (error instanceof StoreError) return error;
  const name = errorName(error);
  const status = statusOf(error);
  const says = `${name}: ${error instanceof Error ? error.message : String(error)}`;
  const failure = name in PASSING ? undefined : (otherRegion(error, status) ?? REFUSALS[name] ?? byStatus(status));
  if (failure) {
    const message = `${address}: ${failure.says} (${status ? `${status} ` : ''}${says})`;
    return new StoreError('refused', failure.code, message, { hint: failure.hint, cause: error });
  }
  const timedOut = name === 'TimeoutError' || name === 'AbortError';
  const code = timedOut ? 'store_timeout' : 'store_unavailable';
  const message = `${address}: ${status ? `${status} ` : ''}${says}`;
  const hint = PASSING[name];
  return new StoreError('unavailable', code, message, hint === undefined ? { cause: error } : { hint, cause: error });
}

/** The bucket is in another region than the request was signed for or sent to. */
function otherRegion(error: unknown, status: number | undefined): Failure | undefined {
  const { store_headers, Region } = error as WithHeaders & { Region?: string };
  const region = store_headers?.['x-amz-bucket-region'] ?? Region;
  const moved = status === 301 || status === 307;
  if (!moved && !(status === 400 && errorName(error) === 'AuthorizationHeaderMalformed')) return undefined;
  return {
    code: 'store_other_region',
    says: `the bucket is in ${region === undefined ? 'another region' : `the region ${region}`}`,
    hint:
      region === undefined
        ? "set AWS_REGION to the bucket's region, and AWS_ENDPOINT_URL_S3, if it is set, to that region's endpoint"
        : `set AWS_REGION=${region}, and AWS_ENDPOINT_URL_S3, if it is set, to that region's endpoint`,
  };
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

function byStatus(status: number | undefined): Failure | undefined {
  if (status === 401 || status === 403) return DENIED;
  if (status === 507) return REFUSALS.XMinioStorageFull;
  // 408, 409 and 429 mean "later"; 5xx may have had its effect, except 501, which never will.
  const later = status === undefined || status === 408 || status === 409 || status === 429;
  if (later || (status >= 500 && status !== 501) || status < 300) return undefined;
  return REFUSED;
}
