/** Turns a failed AWS request into one line, and the command that fixes it. */
import { SourceError, type SourceErrorKind } from '../source.ts';

export type AwsThing = {
  /** The source's URL. */
  name: string;
  /** `bucket status-bucket`. */
  what: string;
  /** The command that creates it. */
  make: string;
  /** The permission that the reader needs: `s3:ListBucket`. */
  allow: string;
};

const MISSING = new Set([
  'NoSuchBucket',
  'QueueDoesNotExist',
  'AWS.SimpleQueueService.NonExistentQueue',
  'ResourceNotFoundException',
  'NotFound',
]);

const NO_CREDENTIALS = new Set(['CredentialsProviderError', 'TokenProviderError']);

const BAD_CREDENTIALS = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidSignatureException',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'IncompleteSignature',
  'AuthFailure',
  'ExpiredToken',
  'ExpiredTokenException',
  'RequestExpired',
]);

const DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AuthorizationError',
  'Forbidden',
  'AllAccessDisabled',
]);

export function awsError(error: unknown, thing: AwsThing): SourceError {
  if (error instanceof SourceError) return error;
  const { kind, says, hint } = meaningOf(error, thing);
  return new SourceError(kind, `${thing.name}: ${says}`, { ...(hint === undefined ? {} : { hint }), cause: error });
}

function meaningOf(error: unknown, { what, make, allow }: AwsThing): Meaning {
  const name = (error as { name?: string }).name ?? '';
  const words = error instanceof Error ? error.message.trim() : String(error);
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (MISSING.has(name)) return { kind: 'missing', says: `${what} does not exist`, hint: make };
  if (NO_CREDENTIALS.has(name)) {
    const hint = 'aws configure (or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE)';
    return { kind: 'denied', says: 'no AWS credentials found', hint };
  }
  if (BAD_CREDENTIALS.has(name)) {
    const says = `AWS does not accept these credentials (${name}: ${words})`;
    return {
      kind: 'denied',
      says,
      hint: 'aws sts get-caller-identity shows the identity in use; aws configure changes it',
    };
  }
  if (DENIED.has(name) || status === 401 || status === 403) {
    return { kind: 'denied', says: `access to ${what} is denied`, hint: `allow ${allow} on it` };
  }
  if (status !== undefined && status < 500 && status !== 429 && status !== 408) {
    return { kind: 'unusable', says: `${what}: ${name}: ${words}`, hint: undefined };
  }
  // An AggregateError, for a name with several addresses, has no message of its own.
  const cause = words || (error as { code?: string }).code || name;
  const says = `no response from AWS: ${cause}`;
  return {
    kind: 'unreachable',
    says,
    hint: 'check that the endpoint (AWS_ENDPOINT_URL, AWS_REGION) is reachable from here',
  };
}

type Meaning = { kind: SourceErrorKind; says: string; hint: string | undefined };
