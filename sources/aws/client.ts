/** What every AWS client of a source is made with: the AWS chain's own settings, and limits, so that none waits for ever. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const REQUEST_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 3000;

/** As many as any source asks at a time. */
const SOCKETS = 16;

/**
 * Region, endpoint and credentials come from the environment, profiles or the machine's role, as for every AWS tool
 * (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3`, … work). Where nobody names a region it is us-east-1.
 */
export function awsConfig(): { region?: string; maxAttempts: number; requestHandler: object } {
  return {
    ...region(process.env),
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
    },
  };
}

/** `~/.aws/config` may know one: then it is left to the SDK, which would refuse where nothing is told. */
function region(environment: Record<string, string | undefined>): { region?: string } {
  const told = environment.AWS_REGION || environment.AWS_DEFAULT_REGION;
  if (told) return { region: told };
  const config = environment.AWS_CONFIG_FILE || join(homedir(), '.aws', 'config');
  return existsSync(config) ? {} : { region: 'us-east-1' };
}
