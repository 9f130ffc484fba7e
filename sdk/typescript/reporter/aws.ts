/** Settings and errors shared by the sinks on AWS. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SinkError } from './report.ts';

/** Concurrent requests of one reporter. */
export const REQUESTS_AT_ONCE = 8;

/**
 * Region, endpoint and credentials come from the environment, profiles or the machine's role. One attempt, because the
 * reporter retries.
 */
export function awsConfig(): { region?: string; maxAttempts: number; requestHandler: object } {
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_CONFIG_FILE } = process.env;
  const region = AWS_REGION || AWS_DEFAULT_REGION;
  const config = AWS_CONFIG_FILE || join(homedir(), '.aws', 'config');
  return {
    // The configuration file may set a region, which the AWS SDK reads.
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

/** `what`: `bucket status-bucket`; `make`: the command that creates it. */
export function awsFailure(error: unknown, { what, make }: { what: string; make: string }): SinkError {
  const name = awsErrorName(error);
  const words = error instanceof Error ? error.message.trim() : String(error);
  if (MISSING.has(name)) return new SinkError(`${what} does not exist`, { hint: make, cause: error });
  if (name === 'CredentialsProviderError') {
    const hint = 'aws configure, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
    return new SinkError('no AWS credentials found', { hint, cause: error });
  }
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  const message =
    `${what}: ${name === 'Error' ? '' : `${name} `}${words || (error as { code?: string }).code || ''}`.trim();
  const hint = status === 401 || status === 403 ? 'aws sts get-caller-identity shows the identity in use' : undefined;
  return new SinkError(message, { hint, cause: error });
}
