/** What the transports to AWS share: settings, and what a failed request means. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { TransportError } from './report.ts';

/** At a time, for one reporter. */
export const REQUESTS_AT_ONCE = 8;

/**
 * Region, endpoint and credentials come from the environment, profiles or the machine's role. One attempt: the reporter
 * tries again by itself.
 */
export function awsConfig(): { region?: string; maxAttempts: number; requestHandler: object } {
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_CONFIG_FILE } = process.env;
  const region = AWS_REGION || AWS_DEFAULT_REGION;
  const config = AWS_CONFIG_FILE || join(homedir(), '.aws', 'config');
  return {
    // A configuration file may name one, which the SDK then finds.
    ...(region ? { region } : existsSync(config) ? {} : { region: 'us-east-1' }),
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 3000,
      requestTimeout: 15_000,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: REQUESTS_AT_ONCE },
      httpsAgent: { keepAlive: true, maxSockets: REQUESTS_AT_ONCE },
    },
  };
}

export const awsErrorName = (error: unknown): string => (error as { name?: string }).name ?? '';

const MISSING = new Set([
  'NoSuchBucket',
  'QueueDoesNotExist',
  'AWS.SimpleQueueService.NonExistentQueue',
  'ResourceNotFoundException',
]);

/** `what`: `bucket status-bucket`; `make`: the command that makes it. */
export function awsFailure(error: unknown, { what, make }: { what: string; make: string }): TransportError {
  const name = awsErrorName(error);
  const words = error instanceof Error ? error.message.trim() : String(error);
  if (MISSING.has(name)) return new TransportError(`there is no ${what}`, { hint: make, cause: error });
  if (name === 'CredentialsProviderError') {
    const hint = 'aws configure, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
    return new TransportError('no AWS credentials were found', { hint, cause: error });
  }
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  const told =
    `${what}: ${name === 'Error' ? '' : `${name} `}${words || (error as { code?: string }).code || ''}`.trim();
  const hint = status === 401 || status === 403 ? 'aws sts get-caller-identity shows as whom it was asked' : undefined;
  return new TransportError(told, { hint, cause: error });
}
